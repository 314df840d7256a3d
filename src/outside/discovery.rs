//! The metadata of providers, found by their issuer and kept for a while.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;

use crate::base::clock::{Seconds, Timestamp};
use crate::protocol::server_metadata::{ServerMetadata, metadata_urls};

use super::fetch::{Fetch, FetchError};

/// The longest metadata that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// How long metadata is used without another look, in seconds.
const LIFETIME: Seconds = 3600;
/// How long it is used while its server is away, in seconds.
const STALE_LIFETIME: Seconds = 24 * 3600;
/// The shortest time between two attempts that fail, in seconds.
const FAILURE_INTERVAL: Seconds = 10;
/// The most issuers that are remembered.
const MOST: usize = 1000;

/// Why there is no metadata of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryError {
    /// The issuer is no URL that is asked
    Issuer(String),
    /// It could not be fetched from this address
    Fetch(String, FetchError),
    /// What is at this address is not usable, and why
    Content(String, String),
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issuer(problem) => write!(f, "the issuer cannot be asked: {problem}"),
            Self::Fetch(url, error) => write!(f, "{url} could not be read: {error}"),
            Self::Content(url, problem) => write!(f, "what is at {url} cannot be used: {problem}"),
        }
    }
}

impl std::error::Error for DiscoveryError {}

type Found = Result<Arc<ServerMetadata>, DiscoveryError>;

#[derive(Clone, Default)]
struct Kept {
    /// What was read last, and when
    metadata: Option<(Arc<ServerMetadata>, Timestamp)>,
    /// Why the last attempt failed, if it did
    failure: Option<DiscoveryError>,
    /// When somebody was last asked
    asked_at: Timestamp,
}

/// The metadata that this node has read, of issuers that an operator named. Cheap to clone.
#[derive(Clone, Default)]
pub struct Discovery(Arc<Mutex<HashMap<String, Kept>>>);

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Discovery")
    }
}

impl Discovery {
    /// The metadata of an issuer. A copy of more than an hour is read again, and goes on being used meanwhile, and while
    /// the provider is away, for a day.
    ///
    /// # Errors
    /// When it was never read, or too long ago, and cannot be read now.
    pub async fn metadata(&self, fetch: &Fetch, issuer: &str, now: Timestamp) -> Found {
        let kept = {
            let mut all = self.lock();
            let kept = all.get(issuer).cloned();
            if let Some(kept) = all.get_mut(issuer) {
                // One of those who find an old copy looks for a new one.
                let is_old = kept.metadata.as_ref().is_some_and(|(_, read_at)| now - read_at >= LIFETIME);
                if is_old && now - kept.asked_at >= FAILURE_INTERVAL {
                    kept.asked_at = now;
                }
            }
            kept
        };
        let Some(kept) = kept else {
            return self.read_now(fetch, issuer, now).await;
        };
        let may_ask = now - kept.asked_at >= FAILURE_INTERVAL;
        match (kept.metadata, kept.failure) {
            (Some((metadata, read_at)), _) if now - read_at < LIFETIME => Ok(metadata),
            (Some((metadata, read_at)), _) if now - read_at < STALE_LIFETIME => {
                if may_ask {
                    let (discovery, fetch, issuer) = (self.clone(), fetch.clone(), issuer.to_owned());
                    tokio::spawn(async move { discovery.read_now(&fetch, &issuer, now).await });
                }
                Ok(metadata)
            }
            (_, Some(failure)) if !may_ask => Err(failure),
            _ => self.read_now(fetch, issuer, now).await,
        }
    }

    /// The metadata of an issuer as it is at this moment, whatever is kept of it.
    ///
    /// # Errors
    /// When it cannot be read now; a copy that is kept stays.
    pub async fn read_now(&self, fetch: &Fetch, issuer: &str, now: Timestamp) -> Found {
        // Those who want the same at the same moment share one request: that is the way out's to see to.
        let found = read(fetch, issuer).await;
        if let Err(error) = &found {
            let problem = error.to_string();
            tracing::warn!(
                event = "provider_metadata_not_read",
                issuer,
                problem,
                "the metadata of a provider could not be read"
            );
        }
        let mut all = self.lock();
        if all.len() >= MOST && !all.contains_key(issuer) {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.asked_at).map(|(issuer, _)| issuer.clone());
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        let kept = all.entry(issuer.to_owned()).or_default();
        kept.asked_at = now;
        match &found {
            Ok(metadata) => {
                kept.metadata = Some((Arc::clone(metadata), now));
                kept.failure = None;
            }
            Err(error) => kept.failure = Some(error.clone()),
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(fetch: &Fetch, issuer: &str) -> Found {
    let url = Url::parse(issuer).map_err(|error| DiscoveryError::Issuer(error.to_string()))?;
    fetch.permits(&url).map_err(|error| DiscoveryError::Issuer(error.to_string()))?;
    let [first, second] = metadata_urls(&url);
    match read_at(fetch, issuer, &first).await {
        // There is nothing of the kind; only then somewhere else is looked.
        Err(DiscoveryError::Fetch(url, error @ (FetchError::Status(400..=499) | FetchError::ContentType))) => {
            match read_at(fetch, issuer, &second).await {
                Err(DiscoveryError::Fetch(_, FetchError::Status(400..=499))) => Err(DiscoveryError::Fetch(url, error)),
                outcome => outcome,
            }
        }
        outcome => outcome,
    }
}

async fn read_at(fetch: &Fetch, issuer: &str, url: &str) -> Found {
    let fetched = fetch
        .json(url, MAX_BYTES)
        .await
        .map_err(|error| DiscoveryError::Fetch(url.to_owned(), error))?;
    let unusable = |problem| DiscoveryError::Content(url.to_owned(), problem);
    let metadata = ServerMetadata::parse(&fetched.body, issuer).map_err(unusable)?;
    for (name, address) in metadata.addresses() {
        fetch
            .permits(address)
            .map_err(|error| unusable(format!("its {name} is not one that is used: {error}")))?;
    }
    Ok(Arc::new(metadata))
}
