//! A callback: one redirect of a provider that a program waits for, from its creation until it has been collected.

use crate::base::clock::{Seconds, Timestamp};
use crate::base::digest::equal;
use crate::protocol::callback::State;
use crate::protocol::pkce::CodeChallenge;

/// The longest time from the creation of a callback to the redirect, in seconds.
pub const MAX_LIFETIME: Seconds = 600;
/// How long an answer can be collected at least, in seconds: the person may have taken all the time there was.
pub const COLLECTION_TIME: Seconds = 60;
/// For how long an answer that was lost on its way can be asked for again, in seconds.
pub const ACKNOWLEDGEMENT_WINDOW: Seconds = 30;

/// Whose a callback, or the flow of an agent, is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A client, by id
    Client(String),
    /// Whoever holds the admin token
    AdminToken,
    /// Whoever knows the state: only where the relay runs open
    Anybody,
}

impl Owner {
    /// How it stands in a column: no client has an empty id.
    #[must_use]
    pub fn to_column(&self) -> Option<&str> {
        match self {
            Self::Client(id) => Some(id),
            Self::AdminToken => Some(""),
            Self::Anybody => None,
        }
    }

    /// Reads what [`Self::to_column`] wrote.
    #[must_use]
    pub fn from_column(text: Option<String>) -> Self {
        match text {
            None => Self::Anybody,
            Some(id) if id.is_empty() => Self::AdminToken,
            Some(id) => Self::Client(id),
        }
    }

    /// The id of the client, if it is one.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Client(id) => Some(id),
            Self::AdminToken | Self::Anybody => None,
        }
    }
}

/// Where a callback is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The provider has not answered yet
    Pending,
    /// It has, and nobody has collected the answer
    Received,
    /// Somebody has
    Collected,
    /// Its time is over
    Expired,
}

/// One callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// [`State::id`]
    pub id: String,
    /// [`State::hash`]
    pub state_hash: String,
    /// Who waits
    pub owner: Owner,
    /// What the program calls the provider
    pub provider: String,
    /// Who must have answered (RFC 9207)
    pub expected_issuer: Option<String>,
    /// The page that the person comes back to
    pub return_uri: Option<String>,
    /// The person who must finish it, by id
    pub user_id: Option<String>,
    /// Whoever has its verifier may collect the answer
    pub code_challenge: Option<CodeChallenge>,
    /// The answer, sealed
    pub sealed_answer: Option<String>,
    /// The digest of who collected it with which key, while they may ask again
    pub retrieval_hash: Option<String>,
    /// When it was created
    pub created_at: Timestamp,
    /// When its time is over
    pub expires_at: Timestamp,
    /// When the provider answered
    pub received_at: Option<Timestamp>,
    /// When the answer was collected
    pub collected_at: Option<Timestamp>,
}

impl Callback {
    /// Where it is on its way.
    #[must_use]
    pub fn stage(&self, now: Timestamp) -> Stage {
        match (self.received_at, self.collected_at) {
            _ if self.expires_at <= now => Stage::Expired,
            (_, Some(_)) => Stage::Collected,
            (Some(_), None) => Stage::Received,
            (None, None) => Stage::Pending,
        }
    }

    /// Whether the state is this one's: those of our making share their id with no other, but it is no secret.
    #[must_use]
    pub fn has_state(&self, state: &State) -> bool {
        equal(self.state_hash.as_bytes(), state.hash().as_bytes())
    }

    /// Whether whoever collected it with this digest may ask for the answer again.
    #[must_use]
    pub fn is_given_again_to(&self, retrieval_hash: &str, now: Timestamp) -> bool {
        let is_in_time = self.collected_at.is_some_and(|at| now < at + ACKNOWLEDGEMENT_WINDOW);
        let is_same = |kept: &String| equal(kept.as_bytes(), retrieval_hash.as_bytes());
        is_in_time && self.retrieval_hash.as_ref().is_some_and(is_same)
    }
}
