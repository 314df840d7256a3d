//! Access tokens that were revoked one by one, until they would have expired anyway.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;

use super::Tx;
use super::sql::insert_if_absent;

impl Tx {
    /// Revokes one access token by its `jti`; false when it is revoked already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_token(&mut self, jti: &str, expires_at: Timestamp) -> Result<bool, Fault> {
        self.query(insert_if_absent!("INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2)"))
            .text(jti)
            .bind(expires_at)
            .insert_if_absent()
            .await
    }
}
