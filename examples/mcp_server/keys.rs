//! Access tokens checked by the issuer's keys, as RFC 9068 §4 says. Nobody is asked, so nobody is told of a
//! revocation: such a token is good until it expires.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use openidconnect::reqwest;
use openidconnect::url::Url;
use serde::Deserialize;

use crate::caller::Caller;
use crate::shared::introspection::CheckError;
use crate::shared::issuer::Issuer;
use crate::shared::provider::told;

/// Keys that are not known are asked for no more often than this, or anybody could make us ask all the time.
const PAUSE: Duration = Duration::from_secs(10);

/// What the issuer may sign with; `none` and the symmetric ones never.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// The issuer's keys.
pub struct Keys {
    http: reqwest::Client,
    jwks_uri: Url,
    issuer: String,
    resource: String,
    known: RwLock<(JwkSet, Instant)>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    client_id: String,
    #[serde(default)]
    scope: String,
}

impl Keys {
    /// Asks for the keys. Tokens have to be for this resource (RFC 8707 §3).
    ///
    /// # Errors
    /// When there are none.
    pub async fn fetch(issuer: &Issuer, resource: String) -> Result<Self, String> {
        let (http, jwks_uri) = (issuer.http().clone(), issuer.jwks_uri()?);
        let known = RwLock::new((ask(&http, &jwks_uri).await?, Instant::now()));
        let issuer = issuer.name().to_owned();
        Ok(Self {
            http,
            jwks_uri,
            issuer,
            resource,
            known,
        })
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// When it is not an access token of the issuer, for this resource, that is good now.
    pub async fn check(&self, token: &str) -> Result<Caller, CheckError> {
        let header = decode_header(token).map_err(|_| CheckError::NotActive)?;
        // An ID token is signed by the same keys, and is no access token (RFC 9068 §2.1).
        let is_access_token = header.typ.as_deref().is_some_and(|typ| {
            let typ = typ.to_ascii_lowercase();
            typ == "at+jwt" || typ == "application/at+jwt"
        });
        if !is_access_token || !ALGORITHMS.contains(&header.alg) {
            return Err(CheckError::NotActive);
        }
        let key = self.key(header.kid.as_deref()).await?.ok_or(CheckError::NotActive)?;
        let is_for = key
            .common
            .key_algorithm
            .is_some_and(|alg| alg.to_string() == format!("{:?}", header.alg));
        if !is_for {
            return Err(CheckError::NotActive);
        }
        let key = DecodingKey::from_jwk(&key).map_err(|_| CheckError::NotActive)?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = 0;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.resource]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Claims>(token, &key, &validation)
            .map_err(|_| CheckError::NotActive)?
            .claims;
        Ok(Caller {
            subject: claims.sub,
            username: None,
            client_id: Some(claims.client_id),
            scope: claims.scope.split_ascii_whitespace().map(str::to_owned).collect::<BTreeSet<_>>(),
        })
    }

    /// The key of that name. The issuer may have begun to sign with a new one, so it is asked for keys that are
    /// not known.
    async fn key(&self, kid: Option<&str>) -> Result<Option<Jwk>, CheckError> {
        let Some(kid) = kid else { return Ok(None) };
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(key) = known.0.find(kid) {
                return Ok(Some(key.clone()));
            }
            if known.1.elapsed() < PAUSE {
                return Ok(None);
            }
        }
        let fresh = ask(&self.http, &self.jwks_uri).await.map_err(CheckError::Unavailable)?;
        let key = fresh.find(kid).cloned();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = (fresh, Instant::now());
        Ok(key)
    }
}

async fn ask(http: &reqwest::Client, jwks_uri: &Url) -> Result<JwkSet, String> {
    let answer = http
        .get(jwks_uri.clone())
        .send()
        .await
        .and_then(reqwest::Response::error_for_status);
    let answer = answer.map_err(|error| told(&error))?;
    answer.json().await.map_err(|error| told(&error))
}
