//! What goes wrong on our side, apart from what a peer does wrong.

use std::fmt;

/// A failure of ours. The peer learns nothing of it but an id; the log gets the whole chain.
#[derive(Debug)]
pub enum Fault {
    /// The database, or something else that this needs, does not answer; trying again later may succeed (HTTP 503). The text
    /// says what.
    Unavailable(String),
    /// The database has undone a transaction in favour of another one: nothing of it is written, and whoever begins again from
    /// its beginning will succeed (HTTP 503).
    Undone(String),
    /// More work arrived than may wait; trying again later will succeed (HTTP 503).
    Busy(&'static str),
    /// A broken promise inside the server (HTTP 500).
    Internal(String),
}

impl Fault {
    /// The database does not answer, for this reason.
    pub fn database(cause: impl fmt::Display) -> Self {
        Self::Unavailable(format!("the database does not answer: {cause}"))
    }

    /// An internal fault with a message for the log.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::Internal(message.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => f.write_str(cause),
            Self::Undone(cause) => write!(f, "the database has undone a transaction: {cause}"),
            Self::Busy(what) => write!(f, "too much waiting work: {what}"),
            Self::Internal(cause) => write!(f, "internal fault: {cause}"),
        }
    }
}

impl std::error::Error for Fault {}
