//! What goes wrong on our side, apart from what a peer does wrong.

use std::fmt;

/// A failure of ours. The peer learns nothing of it but an id; the log gets the whole chain.
#[derive(Debug)]
pub enum Fault {
    /// The database does not answer; trying again later may succeed (HTTP 503).
    Unavailable(String),
    /// More work arrived than may wait; trying again later will succeed (HTTP 503).
    Busy(&'static str),
    /// A broken promise inside the server (HTTP 500).
    Internal(String),
}

impl Fault {
    /// An internal fault with a message for the log.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::Internal(message.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => write!(f, "the database does not answer: {cause}"),
            Self::Busy(what) => write!(f, "too much waiting work: {what}"),
            Self::Internal(cause) => write!(f, "internal fault: {cause}"),
        }
    }
}

impl std::error::Error for Fault {}
