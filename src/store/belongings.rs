//! What clients and users leave behind when they are removed: grants and consents.
//!
//! A popular client has millions of them. One statement that removes them all would keep every other writer of SQLite waiting,
//! and be given up before its end, on every database. So they go in batches; and where everything need not happen in one
//! transaction ([`Store::thin_out`]) others write in between. What a batch has removed is gone for good, so each looks first
//! whether its owner is still the one that was to be removed.

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

    /// The statement that reads the version of the row.
    fn version(self) -> Sql {
        match self {
            Self::Client(_) => sql!("SELECT version FROM clients WHERE id = $1"),
            Self::User(_) => sql!("SELECT version FROM users WHERE id = $1"),
        }
    }

    fn tables(self) -> [[Sql; 3]; 2] {
        match self {
            Self::Client(_) => [of!("grants", "client_id", "id"), of!("consents", "client_id", "user_id")],
            Self::User(_) => [of!("grants", "user_id", "id"), of!("consents", "user_id", "client_id")],
        }
    }
}

impl Store {
    /// Removes grants and consents of somebody who is about to be removed, and is of this version; each batch in a transaction
    /// of its own. What is less than a batch, and comes meanwhile, stays for [`Tx::delete_client`] and [`Tx::delete_user`].
    /// False when somebody changed or deleted them: they are not to be removed then, and from there on nothing is.
    ///
    /// # Errors
    /// When the database fails; what was removed until then stays removed.
    #[must_use = "who is of another version is not removed"]
    pub async fn thin_out(&self, owner: Owner<'_>, version: i64) -> Result<bool, Fault> {
        for table in owner.tables() {
            loop {
                let mut tx = self.begin().await?;
                if !tx.is_of_version(owner, version).await? {
                    return Ok(false);
                }
                if !tx.remove_batch(table, owner).await? {
                    break;
                }
                tx.commit().await?;
            }
        }
        Ok(true)
    }
}

impl Tx {
    async fn is_of_version(&mut self, owner: Owner<'_>, version: i64) -> Result<bool, Fault> {
        let found = self.query(owner.version()).text(owner.id()).optional(|row| row.integer(0));
        Ok(found.await? == Some(version))
    }

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
