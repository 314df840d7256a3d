//! The public keys of clients that say where their keys are (`jwks_uri`), kept for a while.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

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
/// How often keys of one host are read in a while for clients that nobody vouches for: whoever can describe a client
/// can name somebody else's host.
const READS_OF_HOST: u32 = 30;
/// That while, in seconds.
const WINDOW: Seconds = 60;

/// Which keys are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Where they are
    pub url: &'a str,
    /// The name of the key that made a signature, if it said one
    pub kid: Option<&'a str>,
    /// What it was made with
    pub algorithm: AssertionAlgorithm,
    /// An operator made the client
    pub is_vouched_for: bool,
}

/// Why there are no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySetError {
    /// They could not be fetched
    Fetch(FetchError),
    /// What was fetched is no key set
    Content(String),
    /// Keys of this host were read too often
    TooOften,
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Content(problem) => f.write_str(problem),
            Self::TooOften => f.write_str("too many keys of this host were read in the last minute"),
        }
    }
}

#[derive(Clone)]
struct Kept {
    outcome: Result<Arc<KeySet>, KeySetError>,
    read_at: Timestamp,
    is_vouched_for: bool,
}

/// The key sets that this node has read.
#[derive(Debug, Default)]
pub struct KeySets {
    kept: Mutex<HashMap<String, Kept>>,
    /// By host: since when its reads are counted, and how many there were
    reads: Mutex<HashMap<String, (Timestamp, u32)>>,
}

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
    pub async fn with_key(&self, fetch: &Fetch, wanted: Wanted<'_>, now: Timestamp) -> Result<Arc<KeySet>, KeySetError> {
        let url = wanted.url;
        if let Some(kept) = self.kept(url) {
            let age = now - kept.read_at;
            match &kept.outcome {
                Ok(keys) => {
                    let has_key = keys.candidates(wanted.kid, wanted.algorithm).next().is_some();
                    if age < UNKNOWN_KEY_INTERVAL || has_key && age < LIFETIME {
                        return Ok(Arc::clone(keys));
                    }
                }
                Err(error) if age < FAILURE_INTERVAL => return Err(error.clone()),
                Err(_) => {}
            }
        }
        if !wanted.is_vouched_for && !self.may_read(url, now) {
            return self.usable(url, now).unwrap_or(Err(KeySetError::TooOften));
        }
        let outcome = read(fetch, url).await;
        if let Err(error) = &outcome {
            let problem = error.to_string();
            tracing::warn!(
                event = "keys_not_fetched",
                url,
                problem,
                "the keys of a client or an issuer could not be read"
            );
            // Anybody can ask for a key that is not there. What was read and still holds is not lost by that.
            if let Some(usable) = self.usable(url, now) {
                return usable;
            }
        }
        let kept = Kept {
            outcome: outcome.clone(),
            read_at: now,
            is_vouched_for: wanted.is_vouched_for,
        };
        self.keep(url, kept);
        outcome
    }

    fn kept(&self, url: &str) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned()
    }

    fn usable(&self, url: &str, now: Timestamp) -> Option<Result<Arc<KeySet>, KeySetError>> {
        let kept = self.kept(url).filter(|kept| now - kept.read_at < LIFETIME)?;
        kept.outcome.is_ok().then_some(kept.outcome)
    }

    /// Counts a read of a host, unless there were too many.
    fn may_read(&self, url: &str, now: Timestamp) -> bool {
        let host = Url::parse(url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default();
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.retain(|_, (since, _)| now - *since < WINDOW);
        let (_, count) = reads.entry(host).or_insert((now, 0));
        *count = count.saturating_add(1);
        *count <= READS_OF_HOST
    }

    fn keep(&self, url: &str, kept: Kept) {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(url) {
            // Whoever describes a thousand clients drives out no key of those that an operator made.
            let oldest = all.iter().min_by_key(|(_, kept)| (kept.is_vouched_for, kept.read_at));
            if let Some(oldest) = oldest.map(|(url, _)| url.clone()) {
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
