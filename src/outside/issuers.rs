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

/// The metadata that this node has read.
#[derive(Debug, Default)]
pub struct Issuers(Mutex<HashMap<String, (String, Timestamp)>>);

impl Issuers {
    /// The `jwks_uri` of an issuer whose metadata is at `url`.
    ///
    /// # Errors
    /// When the metadata cannot be read, or is of somebody else (OpenID Connect Discovery §4.3).
    pub async fn jwks_uri(&self, fetch: &Fetch, issuer: &str, url: &str, now: Timestamp) -> Result<String, IssuerError> {
        if let Some((jwks_uri, read_at)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(issuer)
            && now - read_at < LIFETIME
        {
            return Ok(jwks_uri.clone());
        }
        let fetched = fetch.json(url, MAX_BYTES).await.map_err(IssuerError::Fetch)?;
        let metadata: Metadata = serde_json::from_slice(&fetched.body).map_err(|_| IssuerError::Content)?;
        if metadata.issuer != issuer {
            return Err(IssuerError::Content);
        }
        let kept = (metadata.jwks_uri.clone(), now);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(issuer.to_owned(), kept);
        Ok(metadata.jwks_uri)
    }
}
