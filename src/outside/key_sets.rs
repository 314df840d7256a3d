//! The public keys of clients that say where their keys are (`jwks_uri`), kept for a while.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::clock::{Seconds, Timestamp};
use crate::protocol::jwks::{AssertionAlgorithm, KeySet};

use super::fetch::{Fetch, FetchError};

/// The longest key set that is read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// How long a key set is used, in seconds: for so long a key that was withdrawn still works.
const LIFETIME: Seconds = 300;
/// The shortest time between two readings for a key that is not in the set, in seconds.
const UNKNOWN_KEY_INTERVAL: Seconds = 60;
/// The shortest time between two attempts that fail, in seconds.
const FAILURE_INTERVAL: Seconds = 10;
/// The most key sets that are kept.
const MOST: usize = 1000;

/// Why there are no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySetError {
    /// They could not be fetched
    Fetch(FetchError),
    /// What was fetched is no key set
    Content(String),
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Content(problem) => f.write_str(problem),
        }
    }
}

#[derive(Clone)]
struct Kept {
    outcome: Result<Arc<KeySet>, KeySetError>,
    read_at: Timestamp,
}

/// The key sets that this node has read.
#[derive(Debug, Default)]
pub struct KeySets(Mutex<HashMap<String, Kept>>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept(since {})", self.read_at)
    }
}

impl KeySets {
    /// The key set at a URL, with a key for what `kid` and `algorithm` say if it has one at all: a set that was kept
    /// and has none is read again, because the client may have just published its new key.
    ///
    /// # Errors
    /// When it cannot be read. What was read longer ago than its time is not used again: a key may have been
    /// withdrawn.
    pub async fn with_key(
        &self,
        fetch: &Fetch,
        url: &str,
        (kid, algorithm): (Option<&str>, AssertionAlgorithm),
        now: Timestamp,
    ) -> Result<Arc<KeySet>, KeySetError> {
        if let Some(kept) = self.kept(url) {
            let age = now - kept.read_at;
            match &kept.outcome {
                Ok(keys) => {
                    let has_key = keys.candidates(kid, algorithm).next().is_some();
                    if age < UNKNOWN_KEY_INTERVAL || has_key && age < LIFETIME {
                        return Ok(Arc::clone(keys));
                    }
                }
                Err(error) if age < FAILURE_INTERVAL => return Err(error.clone()),
                Err(_) => {}
            }
        }
        let outcome = read(fetch, url).await;
        if let Err(error) = &outcome {
            tracing::warn!(event = "keys_not_fetched", url, "the keys of a client could not be read: {error}");
            // Anybody can ask for a key that is not there. What was read and still holds is not lost by that.
            let usable = self.kept(url).filter(|kept| kept.outcome.is_ok() && now - kept.read_at < LIFETIME);
            if let Some(kept) = usable {
                return kept.outcome;
            }
        }
        let kept = Kept {
            outcome: outcome.clone(),
            read_at: now,
        };
        self.keep(url, kept);
        outcome
    }

    fn kept(&self, url: &str) -> Option<Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned()
    }

    fn keep(&self, url: &str, kept: Kept) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(url) {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.read_at).map(|(url, _)| url.clone());
            if let Some(oldest) = oldest {
                all.remove(&oldest);
            }
        }
        all.insert(url.to_owned(), kept);
    }
}

async fn read(fetch: &Fetch, url: &str) -> Result<Arc<KeySet>, KeySetError> {
    let fetched = fetch.json(url, MAX_BYTES).await.map_err(KeySetError::Fetch)?;
    KeySet::parse(&fetched.body).map(Arc::new).map_err(KeySetError::Content)
}
