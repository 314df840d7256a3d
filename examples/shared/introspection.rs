//! What the issuer says about an access token (RFC 7662), remembered for a few seconds.
//!
//! Only good news is remembered, and never beyond the end of the token. So a token that was revoked is
//! refused after these seconds at the latest, and a flood of invented tokens fills nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use chrono::Utc;
use openidconnect::core::{CoreClient, CoreTokenIntrospectionResponse};
use openidconnect::{
    AccessToken, ClientId, ClientSecret, EndpointNotSet, EndpointSet, IntrospectionUrl, IssuerUrl, JsonWebKeySet,
    TokenIntrospectionResponse, reqwest,
};

use super::error::told;
use super::issuer::Issuer;

/// How many tokens are remembered.
const MAX_REMEMBERED: usize = 1_000;

type Client = CoreClient<EndpointNotSet, EndpointNotSet, EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet>;

/// The one who asks.
pub struct Introspection {
    client: Client,
    http: reqwest::Client,
    resource: String,
    believe: Duration,
    remembered: Mutex<Remembered>,
}

/// By the digest of each token: whose it is and what it permits, and until when that is believed.
type Remembered = HashMap<Vec<u8>, (Arc<ActiveToken>, Instant)>;

/// A token that is good now, and for this resource.
#[derive(Debug)]
pub struct ActiveToken {
    /// Whose it is: a person, or the client itself
    pub subject: String,
    /// The person's name at the issuer; `None` when a client acts for itself
    pub username: Option<String>,
    /// Which client was given it
    pub client_id: Option<String>,
    /// What it permits
    pub scope: BTreeSet<String>,
}

/// Why a token opens nothing.
#[derive(Debug)]
pub enum CheckError {
    /// It is unknown, expired or revoked, is for another resource, or no access token at all
    NotActive,
    /// The issuer does not answer; what cannot be checked is refused
    Unavailable(String),
}

impl Introspection {
    /// A client of the issuer that may introspect, for one resource: a token for another one is worth nothing
    /// (RFC 8707 §3). Nothing is believed for longer than `believe`.
    ///
    /// # Errors
    /// When the issuer does not introspect.
    pub fn new(issuer: &Issuer, resource: String, client_id: &str, secret: String, believe: Duration) -> Result<Self, String> {
        let endpoint = issuer.introspection_endpoint()?;
        let name = IssuerUrl::new(issuer.name().to_owned()).map_err(|error| told(&error))?;
        let client = CoreClient::new(ClientId::new(client_id.to_owned()), name, JsonWebKeySet::default())
            .set_client_secret(ClientSecret::new(secret))
            .set_introspection_url(IntrospectionUrl::from_url(endpoint));
        Ok(Self {
            client,
            http: issuer.http().clone(),
            resource,
            believe,
            remembered: Mutex::default(),
        })
    }

    /// Whether the issuer lets us introspect: it is asked about a token that nobody has.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn check_registration(&self) -> Result<(), String> {
        let client_id = self.client.client_id().as_str();
        let answer = self.ask("nothing").await;
        answer
            .map(|_| ())
            .map_err(|error| format!("the client {client_id} may not introspect: {error}"))
    }

    /// What a token permits.
    ///
    /// # Errors
    /// When it permits nothing, or nobody can say.
    pub async fn check(&self, token: &str) -> Result<Arc<ActiveToken>, CheckError> {
        let name = digest(&SHA256, token.as_bytes()).as_ref().to_vec();
        if let Some(token) = self.recall(&name) {
            return Ok(token);
        }
        // What is said was true when it was asked, not when the answer came.
        let asked_at = Instant::now();
        let answer = self.ask(token).await.map_err(CheckError::Unavailable)?;
        // A refresh token is introspected, too, but has no type (RFC 7662 §2.2).
        if !answer.active() || answer.token_type().is_none() {
            return Err(CheckError::NotActive);
        }
        let is_for_us = answer.aud().is_some_and(|audience| audience.contains(&self.resource));
        let Some(subject) = answer.sub().filter(|_| is_for_us) else {
            return Err(CheckError::NotActive);
        };
        let scope = answer.scopes().into_iter().flatten().map(|scope| scope.to_string()).collect();
        let remaining = answer.exp().and_then(|exp| (exp - Utc::now()).to_std().ok()).unwrap_or_default();
        let active = Arc::new(ActiveToken {
            subject: subject.to_owned(),
            username: answer.username().map(ToOwned::to_owned),
            client_id: answer.client_id().map(|id| id.to_string()),
            scope,
        });
        self.remember(name, Arc::clone(&active), asked_at + self.believe.min(remaining));
        Ok(active)
    }

    async fn ask(&self, token: &str) -> Result<CoreTokenIntrospectionResponse, String> {
        let token = AccessToken::new(token.to_owned());
        let answer = self.client.introspect(&token).request_async(&self.http).await;
        answer.map_err(|error| told(&error))
    }

    fn recall(&self, name: &[u8]) -> Option<Arc<ActiveToken>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, until) = remembered.get(name)?;
        (Instant::now() < *until).then(|| Arc::clone(token))
    }

    fn remember(&self, name: Vec<u8>, token: Arc<ActiveToken>, until: Instant) {
        let now = Instant::now();
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.retain(|_, (_, until)| now < *until);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(name, (token, until));
    }
}
