//! Where the keys of issuers are that the operator trusts (OpenID Connect Discovery §4), kept for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::base::clock::{Seconds, Timestamp};

use super::fetch::{Fetch, FetchError};

/// The longest metadata that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// How long metadata is used, in seconds.
const LIFETIME: Seconds = 300;
/// The shortest time between two attempts that fail, in seconds.
const FAILURE_INTERVAL: Seconds = 10;

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Why the keys of an issuer are not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerError {
    /// Its metadata could not be fetched
    Fetch(FetchError),
    /// It is no metadata, or that of another issuer
    Content,
}

impl std::fmt::Display for IssuerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Content => f.write_str("what is there is not the metadata of this issuer"),
        }
    }
}

type Kept = (Result<String, IssuerError>, Timestamp);

/// The metadata that this node has read, of issuers that the operator named: there are few.
#[derive(Debug, Default)]
pub struct Issuers(Mutex<HashMap<String, Kept>>);

impl Issuers {
    /// The `jwks_uri` of an issuer whose metadata is at `url`.
    ///
    /// # Errors
    /// When the metadata cannot be read, or is of somebody else (OpenID Connect Discovery §4.3).
    pub async fn jwks_uri(&self, fetch: &Fetch, issuer: &str, url: &str, now: Timestamp) -> Result<String, IssuerError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned();
        if let Some((outcome, read_at)) = kept
            && now - read_at < if outcome.is_ok() { LIFETIME } else { FAILURE_INTERVAL }
        {
            return outcome;
        }
        let outcome = read(fetch, issuer, url).await;
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(issuer.to_owned(), (outcome.clone(), now));
        outcome
    }
}

async fn read(fetch: &Fetch, issuer: &str, url: &str) -> Result<String, IssuerError> {
    let fetched = fetch.json(url, MAX_BYTES).await.map_err(IssuerError::Fetch)?;
    let metadata: Metadata = serde_json::from_slice(&fetched.body).map_err(|_| IssuerError::Content)?;
    if metadata.issuer != issuer {
        return Err(IssuerError::Content);
    }
    Ok(metadata.jwks_uri)
}
