//! Facts about this installation that every node must agree on.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;

use super::sql::{insert_if_absent, sql, upsert};
use super::{Connection, Tx};

/// The names of all stored facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Shows whether `APP_SECRET` is the one this database was made with.
    SecretCheck,
    /// Digest of the admin token.
    AdminTokenHash,
    /// When set-up was done.
    SetupCompletedAt,
    /// That signing keys and standard scopes have been made.
    Initialized,
}

impl Setting {
    fn name(self) -> &'static str {
        match self {
            Self::SecretCheck => "secret_check",
            Self::AdminTokenHash => "admin_token_hash",
            Self::SetupCompletedAt => "setup_completed_at",
            Self::Initialized => "initialized",
        }
    }
}

impl Connection {
    /// The value of a setting.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setting(&mut self, setting: Setting) -> Result<Option<String>, Fault> {
        self.query(sql!("SELECT value FROM settings WHERE name = $1"))
            .text(setting.name())
            .optional(|row| row.text(0))
            .await
    }
}

impl Tx {
    /// Sets a setting that is not there yet; false when it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_setting(&mut self, setting: Setting, value: &str, now: Timestamp) -> Result<bool, Fault> {
        self.query(insert_if_absent!(
            "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)"
        ))
        .text(setting.name())
        .text(value)
        .bind(now)
        .insert_if_absent()
        .await
    }

    /// Makes whoever else holds this setting wait until the transaction ends. One row stands for a whole table:
    /// holding all rows of it would let two who add one wait for each other on MySQL.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_setting(&mut self, setting: Setting) -> Result<(), Fault> {
        self.query(sql!("UPDATE settings SET updated_at = updated_at WHERE name = $1"))
            .text(setting.name())
            .execute()
            .await
            .map(drop)
    }

    /// Sets a setting, whatever it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_setting(&mut self, setting: Setting, value: &str, now: Timestamp) -> Result<(), Fault> {
        self.query(upsert!("INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)", key "name"; set "value", "updated_at"))
            .text(setting.name())
            .text(value)
            .bind(now)
            .execute()
            .await
            .map(drop)
    }
}
