//! What clients and users leave behind when they are removed: grants and consents.
//!
//! A popular client has millions of them. One statement that removes them all would keep every other writer of SQLite waiting,
//! and be given up before its end, on every database. So they go in batches; and where everything need not happen in one
//! transaction ([`Store::thin_out`]) others write in between. What a batch has removed is gone for good, so each first holds the
//! row of its owner, if that is still the one that was to be removed: who changes it meanwhile waits for this batch, and there is
//! no further one.

use crate::base::fault::Fault;

use super::sql::{Hold, Sql, hold, sql};
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

    /// Holds the row, if it is of a version.
    fn of_version(self) -> Hold {
        match self {
            Self::Client(_) => hold!("clients", "updated_at", "id = $1 AND version = $2"),
            Self::User(_) => hold!("users", "updated_at", "id = $1 AND version = $2"),
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
    /// False when somebody changed or deleted them: they are not to be removed then, and from there on nothing is. The batches
    /// before that have gone.
    ///
    /// # Errors
    /// When the database fails; what was removed until then stays removed.
    #[must_use = "who is of another version is not removed"]
    pub async fn thin_out(&self, owner: Owner<'_>, version: i64) -> Result<bool, Fault> {
        for table in owner.tables() {
            loop {
                let mut tx = self.begin().await?;
                if !tx.hold_version(owner, version).await? {
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
    async fn hold_version(&mut self, owner: Owner<'_>, version: i64) -> Result<bool, Fault> {
        self.hold(owner.of_version()).text(owner.id()).bind(version).held().await
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
