//! Facts about this installation that every node must agree on.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::base::clock::{Seconds, Timestamp};
use crate::base::fault::Fault;

use super::sql::{hold, insert_if_absent, sql, upsert};
use super::{Connection, Tx};

/// What the names of stored values of settings begin with. The table holds 64 characters in all.
const LIVE: &str = "live.";

/// The names of all stored facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Shows whether `APP_SECRET` is the one this database was made with: the check values of all secrets that something may be
    /// sealed with, with a space between them.
    SecretCheck,
    /// The check values of the secrets that `APP_SECRET` was since, as JSON, with their keys of the audit log, sealed.
    RetiredSecrets,
    /// The check value of the secret that a server was started with last.
    ServedSecret,
    /// When the last rotation of `APP_SECRET` was completed.
    SecretRotatedAt,
    /// The check value of the secret by which the admin token is digested.
    AdminTokenSecret,
    /// Digest of the admin token.
    AdminTokenHash,
    /// When set-up was done.
    SetupCompletedAt,
    /// That signing keys and standard scopes have been made.
    Initialized,
    /// The issuer of a server that others could reach, the last one that was started.
    Issuer,
    /// When grants and sessions were last counted.
    StatsSampledAt,
    /// When a node last began to remove what has expired.
    SweptAt,
    /// When a node last began to look for registrations that nobody uses.
    ReapedAt,
    /// How often the values below have changed.
    LiveVersion,
    /// The value of a setting of the configuration that can change while the server runs, by its key.
    Live(&'static str),
}

/// The stored values of settings of the configuration, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSettings {
    /// Grows with every change
    pub version: u64,
    /// The texts, by key; another version of the program may have written them
    pub values: BTreeMap<String, String>,
}

impl Setting {
    fn name(self) -> Cow<'static, str> {
        let name = match self {
            Self::SecretCheck => "secret_check",
            Self::RetiredSecrets => "retired_secrets",
            Self::ServedSecret => "served_secret",
            Self::SecretRotatedAt => "secret_rotated_at",
            Self::AdminTokenSecret => "admin_token_secret",
            Self::AdminTokenHash => "admin_token_hash",
            Self::SetupCompletedAt => "setup_completed_at",
            Self::Initialized => "initialized",
            Self::Issuer => "issuer",
            Self::StatsSampledAt => "stats_sampled_at",
            Self::SweptAt => "swept_at",
            Self::ReapedAt => "reaped_at",
            Self::LiveVersion => "live_version",
            Self::Live(key) => return Cow::Owned(format!("{LIVE}{key}")),
        };
        Cow::Borrowed(name)
    }
}

impl Connection {
    /// The value of a setting.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setting(&mut self, setting: Setting) -> Result<Option<String>, Fault> {
        self.query(sql!("SELECT value FROM settings WHERE name = $1"))
            .text(&setting.name())
            .optional(|row| row.text(0))
            .await
    }

    /// The stored values of settings of the configuration: one statement, so all are of one moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn live_settings(&mut self) -> Result<LiveSettings, Fault> {
        let rows = self
            .query(sql!(
                "SELECT name, value FROM settings WHERE name = 'live_version' OR name LIKE 'live.%'"
            ))
            .all(|row| Ok((row.text(0)?, row.text(1)?)))
            .await?;
        let mut live = LiveSettings::default();
        for (name, value) in rows {
            match name.strip_prefix(LIVE) {
                Some(key) => drop(live.values.insert(key.to_owned(), value)),
                None if name == Setting::LiveVersion.name() => live.version = value.parse().unwrap_or_default(),
                None => {}
            }
        }
        Ok(live)
    }
}

impl Tx {
    /// Holds a setting's row until the transaction ends, if it has this value.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_setting_value(&mut self, setting: Setting, value: &str) -> Result<bool, Fault> {
        self.hold(hold!("settings", "updated_at", "name = $1 AND value = $2"))
            .text(&setting.name())
            .text(value)
            .held()
            .await
    }

    /// Takes the turn of a job that one node does for all: true unless some node took it within the last
    /// `interval` seconds. The setting's value is when that was; one that lies farther in the future than that is
    /// from a clock that went wrong, and stops nobody.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_turn(&mut self, setting: Setting, now: Timestamp, interval: Seconds) -> Result<bool, Fault> {
        let taken = self
            .query(sql!(
                "UPDATE settings SET value = $1, updated_at = $2 WHERE name = $3 AND (updated_at <= $4 OR updated_at > $5)"
            ))
            .bind(now.to_string())
            .bind(now)
            .text(&setting.name())
            .bind(now - interval)
            .bind(now + interval)
            .execute()
            .await?;
        Ok(taken == 1 || self.insert_setting(setting, &now.to_string(), now).await?)
    }

    /// Sets a setting that is not there yet; false when it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_setting(&mut self, setting: Setting, value: &str, now: Timestamp) -> Result<bool, Fault> {
        self.query(insert_if_absent!(
            "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)"
        ))
        .text(&setting.name())
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
        self.hold(hold!("settings", "updated_at", "name = $1"))
            .text(&setting.name())
            .held()
            .await
            .map(drop)
    }

    /// Sets a setting, whatever it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_setting(&mut self, setting: Setting, value: &str, now: Timestamp) -> Result<(), Fault> {
        self.query(upsert!("INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)", key "name"; set "value", "updated_at"))
            .text(&setting.name())
            .text(value)
            .bind(now)
            .execute()
            .await
            .map(drop)
    }

    /// Removes a setting, if it is there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_setting(&mut self, setting: Setting) -> Result<(), Fault> {
        self.query(sql!("DELETE FROM settings WHERE name = $1"))
            .text(&setting.name())
            .execute()
            .await
            .map(drop)
    }

    /// The stored values of settings of the configuration, locked: until this transaction ends, nobody else
    /// passes here. Whoever changes one goes through this, and counts [`Setting::LiveVersion`] up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lock_live_settings(&mut self, now: Timestamp) -> Result<LiveSettings, Fault> {
        self.query(upsert!("INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)", key "name"; set "updated_at"))
            .text(&Setting::LiveVersion.name())
            .text("0")
            .bind(now)
            .execute()
            .await?;
        self.live_settings().await
    }
}
