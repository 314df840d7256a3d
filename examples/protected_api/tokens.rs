//! Access tokens of an issuer, checked by its keys as RFC 9068 §4 says. Nobody is asked, so a token that was revoked
//! is good until it expires.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::redirect::Policy;
use serde::Deserialize;
use tokio::sync::Mutex;

/// What the issuer may sign with. Never `none`, and nothing with a shared secret.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// How long the issuer may take to answer; less than the pause, or one request after the other would wait for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks tokens: it has the issuer's keys, and knows what tokens have to be for.
pub struct Verifier {
    /// The issuer is asked no more often than this, or anybody could make us ask all the time with tokens of invented
    /// keys
    pub pause: Duration,
    /// Keys that are older are asked for again, so that one that the issuer withdrew is soon good for nothing. While
    /// the issuer does not answer, they stay.
    pub max_age: Duration,
    issuer: String,
    resource: String,
    keys: Arc<Keys>,
}

/// The issuer's keys, and where they come from.
struct Keys {
    http: reqwest::Client,
    jwks_uri: String,
    known: RwLock<Known>,
    /// Held by the one who asks; all others wait for the same answer
    turn: Mutex<()>,
}

/// What is known of them.
struct Known {
    keys: JwkSet,
    /// When the issuer was asked for these
    as_of: Instant,
    /// When it was asked last, whatever came of it
    asked_at: Instant,
    /// Why it did not tell them then
    problem: Option<String>,
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
    KeysUnavailable(String),
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Verifier {
    /// Asks the issuer for its metadata and keys. `resource` is our identifier at the issuer.
    pub async fn discover(issuer: &str, resource: &str) -> Result<Self, String> {
        // Redirects are not followed: the keys come from where the issuer says, and from nowhere else.
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(Policy::none()).build();
        let http = http.map_err(|error| error.to_string())?;
        let address = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Metadata = ask(&http, &address).await?;
        // Byte by byte: whoever answers with another name is another (RFC 8414 §3.3).
        if metadata.issuer != issuer {
            return Err(format!("{address} is the metadata of {}", metadata.issuer));
        }
        let asked_at = Instant::now();
        let keys = ask(&http, &metadata.jwks_uri).await?;
        let known = Known {
            keys,
            as_of: asked_at,
            asked_at,
            problem: None,
        };
        Ok(Self {
            pause: Duration::from_secs(10),
            max_age: Duration::from_mins(5),
            issuer: metadata.issuer,
            resource: resource.to_owned(),
            keys: Arc::new(Keys {
                http,
                jwks_uri: metadata.jwks_uri,
                known: RwLock::new(known),
                turn: Mutex::new(()),
            }),
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
        if let Some(key) = self.keys.recall(kid, self.pause, self.max_age) {
            return Ok(key);
        }
        // A task of its own: who hangs up ends theirs, and the answer would be lost to everybody.
        let (keys, pause) = (Arc::clone(&self.keys), self.pause);
        let asked = tokio::spawn(async move { keys.refresh(pause).await }).await;
        asked.map_err(|error| TokenError::KeysUnavailable(error.to_string()))?;
        self.keys.find(kid)
    }
}

impl Keys {
    /// A key that is known, unless it is time to ask for it again.
    fn recall(&self, kid: &str, pause: Duration, max_age: Duration) -> Option<Jwk> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_due = known.as_of.elapsed() >= max_age && known.asked_at.elapsed() >= pause;
        known.keys.find(kid).filter(|_| !is_due).cloned()
    }

    fn find(&self, kid: &str) -> Result<Jwk, TokenError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match (known.keys.find(kid), &known.problem) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some(problem)) => Err(TokenError::KeysUnavailable(problem.clone())),
            (None, None) => Err(TokenError::Invalid),
        }
    }

    /// Asks for the keys, unless somebody did a moment ago.
    async fn refresh(&self, pause: Duration) {
        let _turn = self.turn.lock().await;
        {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.asked_at.elapsed() < pause {
                return;
            }
            // Noted before, so that it counts when no answer comes, too.
            known.asked_at = Instant::now();
        }
        let answer = ask(&self.http, &self.jwks_uri).await;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.problem = match answer {
            Ok(keys) => {
                (known.keys, known.as_of) = (keys, known.asked_at);
                None
            }
            Err(problem) => Some(problem),
        };
    }
}

async fn ask<T: serde::de::DeserializeOwned>(http: &reqwest::Client, address: &str) -> Result<T, String> {
    let answer = http.get(address).send().await.and_then(reqwest::Response::error_for_status);
    let answer = answer.map_err(|error| format!("{address} does not answer: {error}"))?;
    answer
        .json()
        .await
        .map_err(|error| format!("{address} tells something else: {error}"))
}
