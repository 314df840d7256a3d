//! A session: one browser in which one person is signed in.

use crate::base::clock::Timestamp;

/// A sign-in that lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Public name of the session: the `sid` claim.
    pub id: String,
    /// SHA-256 of the cookie's secret.
    pub secret_hash: String,
    /// Who is signed in.
    pub user_id: String,
    /// When the person last proved who they are (`auth_time`).
    pub auth_time: Timestamp,
    /// How (`amr`, RFC 8176).
    pub amr: Vec<String>,
    /// The browser, as it calls itself.
    pub user_agent: String,
    /// Where it signed in from.
    pub address: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to within a minute.
    pub last_seen_at: Timestamp,
    /// When it ends unless it is used before.
    pub idle_expires_at: Timestamp,
    /// When it ends in any case.
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether it is still good.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.idle_expires_at && now < self.expires_at
    }
}
