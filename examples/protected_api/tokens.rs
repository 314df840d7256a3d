//! Access tokens of an issuer, checked by its keys as RFC 9068 §4 says. Nobody is asked, so a token that was revoked
//! is good until it expires.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

/// What the issuer may sign with. Never `none`, and nothing with a shared secret.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Keys that are not known are asked for no more often than this, or anybody could make us ask all the time.
const PAUSE: Duration = Duration::from_secs(10);

/// The issuer's keys, and what tokens have to be for.
pub struct Tokens {
    http: reqwest::Client,
    issuer: String,
    jwks_uri: String,
    resource: String,
    known: RwLock<(JwkSet, Instant)>,
}

/// What a good token says.
#[derive(Clone, Debug, Deserialize)]
pub struct AccessToken {
    /// Who: a person, or a client for itself
    pub sub: String,
    /// The client that has the token
    pub client_id: String,
    /// What it permits, with spaces between
    #[serde(default)]
    pub scope: String,
}

impl AccessToken {
    /// Whether it permits that.
    pub fn permits(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|one| one == scope)
    }
}

/// Why a token is not taken.
#[derive(Debug)]
pub enum TokenError {
    /// It is not an access token of the issuer, for this resource, that is good now
    Invalid,
    /// Its key is not known, and the issuer does not tell it
    KeysUnavailable(reqwest::Error),
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Tokens {
    /// Asks the issuer for its metadata and keys. `resource` is our identifier at the issuer.
    pub async fn discover(issuer: &str, resource: &str) -> Result<Self, String> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build();
        let http = http.map_err(|error| error.to_string())?;
        let address = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Metadata = ask(&http, &address).await.map_err(|error| error.to_string())?;
        // Byte by byte: whoever answers with another name is another (RFC 8414 §3.3).
        if metadata.issuer != issuer {
            return Err(format!("{address} is the metadata of {}", metadata.issuer));
        }
        let keys = ask(&http, &metadata.jwks_uri).await.map_err(|error| error.to_string())?;
        Ok(Self {
            http,
            issuer: metadata.issuer,
            jwks_uri: metadata.jwks_uri,
            resource: resource.to_owned(),
            known: RwLock::new((keys, Instant::now())),
        })
    }

    /// What a token says, if it is good.
    pub async fn verify(&self, token: &str) -> Result<AccessToken, TokenError> {
        let header = decode_header(token).map_err(|_| TokenError::Invalid)?;
        // An ID token is signed by the same keys, and is no access token (RFC 9068 §4).
        let typ = header.typ.unwrap_or_default().to_ascii_lowercase();
        if !(typ == "at+jwt" || typ == "application/at+jwt") || !ALGORITHMS.contains(&header.alg) {
            return Err(TokenError::Invalid);
        }
        let key = self.key(&header.kid.ok_or(TokenError::Invalid)?).await?;
        // The key says what it is for; a token does not choose.
        let algorithm = key.common.key_algorithm.map(|algorithm| algorithm.to_string());
        if algorithm != Some(format!("{:?}", header.alg)) {
            return Err(TokenError::Invalid);
        }
        let key = DecodingKey::from_jwk(&key).map_err(|_| TokenError::Invalid)?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = 0;
        validation.set_issuer(&[&self.issuer]);
        // A token for another resource is worth nothing here (RFC 8707 §3).
        validation.set_audience(&[&self.resource]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let token = decode(token, &key, &validation).map_err(|_| TokenError::Invalid)?;
        Ok(token.claims)
    }

    /// The key of that name. The issuer may have begun to sign with a new one, so it is asked for keys that are not
    /// known.
    async fn key(&self, kid: &str) -> Result<Jwk, TokenError> {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(key) = known.0.find(kid) {
                return Ok(key.clone());
            }
            if known.1.elapsed() < PAUSE {
                return Err(TokenError::Invalid);
            }
        }
        let fresh: JwkSet = ask(&self.http, &self.jwks_uri).await.map_err(TokenError::KeysUnavailable)?;
        let key = fresh.find(kid).cloned();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = (fresh, Instant::now());
        key.ok_or(TokenError::Invalid)
    }
}

async fn ask<T: serde::de::DeserializeOwned>(http: &reqwest::Client, address: &str) -> reqwest::Result<T> {
    http.get(address).send().await?.error_for_status()?.json().await
}
