//! A binding: one flow of an agent, and the person who must finish it in their browser.

use crate::base::clock::{Seconds, Timestamp};

use super::callback::Owner;

/// How long a flow may take, in seconds.
pub const LIFETIME: Seconds = 600;
/// For how long it is remembered that a session was completed, in seconds.
pub const REPLAY_MEMORY: Seconds = 86_400;

/// What the id of a binding begins with whose session is not known.
pub const OPEN: &str = "open.";

/// One flow that is bound to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserBinding {
    /// The digest of the session, where the agent has named it; otherwise an id of its own
    pub id: String,
    /// Whose the agent is
    pub owner: Owner,
    /// The person, by id
    pub user_id: String,
    /// The token by which the agent named the person, sealed
    pub sealed_user_token: Option<String>,
    /// When it was bound
    pub created_at: Timestamp,
    /// When its time is over
    pub expires_at: Timestamp,
    /// When it was completed
    pub completed_at: Option<Timestamp>,
}
