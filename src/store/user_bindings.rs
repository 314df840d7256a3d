//! Bindings of flows to people. A flow is completed at most once: the row of its session is the gate.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::callback::Owner;
use crate::model::user_binding::{OPEN, UserBinding};

use super::row::Row;
use super::sql::{insert_if_absent, sql};
use super::{Connection, Tx};

macro_rules! columns {
    () => {
        "id, client_id, user_id, sealed_user_token, created_at, expires_at, completed_at"
    };
}

fn binding(row: Row<'_>) -> Result<UserBinding, Fault> {
    Ok(UserBinding {
        id: row.text(0)?,
        owner: Owner::from_column(row.maybe_text(1)?),
        user_id: row.text(2)?,
        sealed_user_token: row.maybe_text(3)?,
        created_at: row.integer(4)?,
        expires_at: row.integer(5)?,
        completed_at: row.maybe_integer(6)?,
    })
}

impl Connection {
    /// The binding with this id, completed or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user_binding(&mut self, id: &str) -> Result<Option<UserBinding>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM user_bindings WHERE id = $1"))
            .text(id)
            .optional(binding)
            .await
    }

    /// The oldest binding of a user to a flow whose session is not known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_user_binding(&mut self, user_id: &str, now: Timestamp) -> Result<Option<UserBinding>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM user_bindings WHERE user_id = $1 AND id LIKE $2 AND completed_at IS NULL AND expires_at > $3 ORDER BY id LIMIT 1"
        ))
        .text(user_id)
        .bind(format!("{OPEN}%"))
        .bind(now)
        .optional(binding)
        .await
    }
}

impl Tx {
    /// Adds a binding; false when the flow is bound.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_user_binding(&mut self, binding: &UserBinding) -> Result<bool, Fault> {
        self.query(insert_if_absent!(
            "INSERT INTO user_bindings (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7)"
        ))
        .text(&binding.id)
        .maybe_text(binding.owner.to_column())
        .text(&binding.user_id)
        .maybe_text(binding.sealed_user_token.as_deref())
        .bind(binding.created_at)
        .bind(binding.expires_at)
        .bind(binding.completed_at)
        .insert_if_absent()
        .await
    }

    /// The gate of a flow whose session is known: completes it, and forgets the token. False when it was completed, or
    /// its time is over. The row stays until `keep_until`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn complete_user_binding(&mut self, id: &str, now: Timestamp, keep_until: Timestamp) -> Result<bool, Fault> {
        let completed = self
            .query(sql!(
                "UPDATE user_bindings SET completed_at = $1, sealed_user_token = NULL, expires_at = $2 \
                 WHERE id = $3 AND completed_at IS NULL AND expires_at > $4"
            ))
            .bind(now)
            .bind(keep_until)
            .text(id)
            .bind(now)
            .execute()
            .await?;
        Ok(completed == 1)
    }

    /// The gate of a binding to a flow whose session was not known: takes it away. False when somebody else did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_user_binding(&mut self, id: &str) -> Result<bool, Fault> {
        let taken = self
            .query(sql!("DELETE FROM user_bindings WHERE id = $1"))
            .text(id)
            .execute()
            .await?;
        Ok(taken == 1)
    }
}
