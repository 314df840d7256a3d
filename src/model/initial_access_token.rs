//! An initial access token: leave to register clients (RFC 7591 §1.2), which an operator hands to a program.

use crate::base::clock::Timestamp;

/// What every initial access token begins with.
pub const PREFIX: &str = "ghi_";

/// An initial access token, without the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAccessToken {
    /// What it is called by operators and in the audit log
    pub id: String,
    /// What it is for
    pub name: String,
    /// How many clients may still be registered with it; `None`: as many as one likes
    pub uses_left: Option<i64>,
    /// From when it is worth nothing
    pub expires_at: Timestamp,
    /// When it was made
    pub created_at: Timestamp,
}

impl InitialAccessToken {
    /// Whether a client can be registered with it.
    #[must_use]
    pub fn is_usable(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.uses_left.is_none_or(|uses| uses > 0)
    }
}
