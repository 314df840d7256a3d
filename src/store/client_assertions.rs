//! Client assertions that were used. A row says that an assertion of this name is spent.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;

use super::Tx;
use super::sql::insert_if_absent;

impl Tx {
    /// Spends an assertion; false when that was done before, on whatever node. The row is kept until `expires_at`,
    /// when nobody would accept the assertion any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn spend_assertion(&mut self, id: &str, expires_at: Timestamp) -> Result<bool, Fault> {
        self.query(insert_if_absent!("INSERT INTO client_assertions (id, expires_at) VALUES ($1, $2)"))
            .text(id)
            .bind(expires_at)
            .insert_if_absent()
            .await
    }
}
