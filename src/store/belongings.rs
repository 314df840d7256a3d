//! What clients and users leave behind when they are removed: grants and consents.
//!
//! A popular client has millions of them. One statement that removes them all would keep every other writer of SQLite waiting,
//! and be given up before its end, on every database. So they go in batches; and where everything need not happen in one
//! transaction ([`Store::thin_out`]) others write in between.

use crate::base::fault::Fault;

use super::sql::{Sql, sql};
use super::sweep::BATCH;
use super::{Store, Tx};

/// To whom it belongs.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// A client
    Client(&'a str),
    /// A user
    User(&'a str),
}

/// The statements that find the last row of a batch, remove the rows up to it, and remove all.
macro_rules! of {
    ($table:literal, $owner:literal, $row:literal) => {
        [
            sql!(
                "SELECT ",
                $row,
                " FROM ",
                $table,
                " WHERE ",
                $owner,
                " = $1 ORDER BY ",
                $row,
                " LIMIT 1 OFFSET $2"
            ),
            sql!("DELETE FROM ", $table, " WHERE ", $owner, " = $1 AND ", $row, " <= $2"),
            sql!("DELETE FROM ", $table, " WHERE ", $owner, " = $1"),
        ]
    };
}

impl<'a> Owner<'a> {
    fn id(self) -> &'a str {
        let (Self::Client(id) | Self::User(id)) = self;
        id
    }

    fn tables(self) -> [[Sql; 3]; 2] {
        match self {
            Self::Client(_) => [of!("grants", "client_id", "id"), of!("consents", "client_id", "user_id")],
            Self::User(_) => [of!("grants", "user_id", "id"), of!("consents", "user_id", "client_id")],
        }
    }
}

impl Store {
    /// Removes grants and consents of somebody who is about to be removed, each batch in a transaction of its own; what is less
    /// than a batch, and comes meanwhile, stays for [`Tx::delete_client`] and [`Tx::delete_user`].
    ///
    /// # Errors
    /// When the database fails; what was removed until then stays removed.
    pub async fn thin_out(&self, owner: Owner<'_>) -> Result<(), Fault> {
        for table in owner.tables() {
            loop {
                let mut tx = self.begin().await?;
                if !tx.remove_batch(table, owner).await? {
                    break;
                }
                tx.commit().await?;
            }
        }
        Ok(())
    }
}

impl Tx {
    /// Removes one batch; false when there is less than that.
    async fn remove_batch(&mut self, [last, up_to, _]: [Sql; 3], owner: Owner<'_>) -> Result<bool, Fault> {
        let last = self.query(last).text(owner.id()).bind(BATCH - 1).aside();
        let Some(last) = last.optional(|row| row.text(0)).await? else {
            return Ok(false);
        };
        self.query(up_to).text(owner.id()).text(&last).aside().execute().await?;
        Ok(true)
    }

    /// Removes all grants and consents of somebody.
    pub(super) async fn remove_belongings(&mut self, owner: Owner<'_>) -> Result<(), Fault> {
        for table in owner.tables() {
            while self.remove_batch(table, owner).await? {}
            let [_, _, all] = table;
            self.query(all).text(owner.id()).aside().execute().await?;
        }
        Ok(())
    }
}
