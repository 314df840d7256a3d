//! What can be wrong, sorted by who can mend it, in words without secrets.

use serde::{Deserialize, Serialize};

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An id, a secret or an admin token is wrong
    Credentials,
    /// A setting is missing or wrong, here or at Gatehouse
    Configuration,
    /// Somebody did not sign in, or did not consent
    Oauth,
    /// The gateway, or what it calls, does not answer as it should
    Gateway,
    /// The workload identity
    Identity,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where to look
    #[serde(rename = "problem")]
    pub kind: Kind,
    /// In plain words
    pub message: String,
    /// After how many seconds it may work, where that is known
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
        }
    }

    /// One that may be over after so many seconds.
    pub fn for_now(message: impl Into<String>, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(Kind::Gateway, message)
        }
    }
}
