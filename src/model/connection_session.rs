//! A question to a person whether an agent may have something at a provider.
//!
//! ```text
//! pending ── the person goes to the provider ──▶ away ── and comes back ──▶ completing ──▶ completed
//!    │                                            │  ▲ and goes again          ▲      └──▶ failed
//!    │                                            │  │      or ──▶ returned ───┘ the agent completes it
//!    └──────────── cancelled, or over ────────────┴──┘                │
//!                       ▲─────────────────────────────────────────────┘
//! ```

use crate::base::clock::{Seconds, Timestamp};
use crate::base::redacted::redacted;
use crate::protocol::scope::Scope;

/// How long a person has to answer, in seconds.
pub const LIFETIME: Seconds = 600;
/// How long it is remembered after that what came of it, in seconds.
pub const MEMORY: Seconds = 600;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nobody has answered
    Pending,
    /// The person is at the provider
    Away,
    /// They came back, and the agent has to say that it was its person
    Returned,
    /// Their code is being exchanged
    Completing,
    /// The agent has what it asked for
    Completed,
    /// It has not
    Failed,
    /// The agent, or the person, does not want it any more
    Cancelled,
}

impl Status {
    /// Its name, here and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Away => "away",
            Self::Returned => "returned",
            Self::Completing => "completing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Away,
            Self::Returned,
            Self::Completing,
            Self::Completed,
            Self::Failed,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|status| status.as_str() == name)
    }

    /// Whether nothing happens any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// The way to the provider on which a person is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// The digest of its `state`
    pub state_hash: String,
    /// The digest of the browser in which it began
    pub browser_hash: String,
    /// What must come back with it, sealed
    pub sealed_flow: String,
}

/// How long an exchange may take after the time to answer is over, in seconds.
const EXCHANGE: Seconds = 120;

/// One question.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionSession {
    /// Its id: the first half of the link
    pub id: String,
    /// The digest of the other half
    pub secret_hash: String,
    /// The agent, by name
    pub workload: String,
    /// The agent, by id: another one of the same name is another one
    pub workload_id: String,
    /// The person, by id
    pub user_id: String,
    /// The provider, by id
    pub provider_id: String,
    /// What is asked for
    pub scope: Scope,
    /// What the tokens are for (RFC 8707)
    pub resource: Vec<String>,
    /// What the agent adds to the address at the provider
    pub parameters: Vec<(String, String)>,
    /// Where the person goes afterwards
    pub return_uri: Option<String>,
    /// What goes there with them
    pub custom_state: Option<String>,
    /// Whether the agent completes it, after the person has come back
    pub needs_completion: bool,
    /// How far it has come
    pub status: Status,
    /// The way on which the person is, or was
    pub departure: Option<Departure>,
    /// What the person came back with, sealed, until the agent completes it
    pub sealed_return: Option<String>,
    /// Why it failed, in words for the agent
    pub failure: Option<String>,
    /// The connection that came of it
    pub connection_id: Option<String>,
    /// When it was asked
    pub created_at: Timestamp,
    /// Until when it can be answered
    pub expires_at: Timestamp,
}

redacted!(ConnectionSession);

impl ConnectionSession {
    /// The status at a time: what nobody has answered in time is cancelled.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> Status {
        let ends_at = match self.status {
            Status::Completing => self.expires_at + EXCHANGE,
            _ => self.expires_at,
        };
        if !self.status.is_over() && now >= ends_at {
            Status::Cancelled
        } else {
            self.status
        }
    }
}
