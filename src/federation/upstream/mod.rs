//! This server as the client of other providers (RFC 6749, OpenID Connect Core).
//!
//! ```text
//! authorize: the address that a person is sent to, and the flow that must come back
//! exchange:  the code of that flow ──▶ tokens, and whose account it is
//! refresh:   a refresh token ──▶ tokens
//! revoke:    the tokens are taken back
//! ```
//!
//! `openidconnect` does the protocol. What is peculiar about a provider stands in its [`Profile`]; `wire.rs` makes an answer out
//! of it that the library would expect, so nothing else here knows that providers differ.

mod account;
mod authorize;
mod exchange;
mod refresh;
mod revoke;
mod wire;

use std::fmt;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AuthType, AuthUrl, ClientId, ClientSecret, EmptyAdditionalClaims, EndpointNotSet, EndpointSet, ExtraTokenFields, IdTokenFields,
    IssuerUrl, JsonWebKeySet, RedirectUrl, StandardErrorResponse, StandardTokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::App;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::keys::assertion::AssertionKey;
use crate::keys::signing::TYP_ID_TOKEN;
use crate::model::connection::Tokens;
use crate::model::signing_key::SigningAlgorithm;
use crate::oauth::clients::is_deceptive;
use crate::protocol::provider::{ClientAuth, Profile};
use crate::protocol::scope::Scope;

pub use authorize::Flow;

/// How long an assertion is good with which we prove who we are, in seconds.
const ASSERTION_LIFETIME: Seconds = 60;
/// The type of such an assertion (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A provider, as whose client we speak to it.
#[derive(Clone, Copy)]
pub struct Upstream<'a> {
    /// The application
    pub app: &'a App,
    /// What is known of the provider
    pub profile: &'a Profile,
    /// Our id there
    pub client_id: &'a str,
    /// Our secret there
    pub secret: Option<&'a SecretString>,
    /// Our private key there; where there is none, the signing keys of this server do
    pub key: Option<&'a AssertionKey>,
    /// Where it sends people back to
    pub redirect_uri: &'a str,
}

impl fmt::Debug for Upstream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({})", self.profile.token_endpoint)
    }
}

/// What a provider gave.
#[derive(Debug)]
pub struct Granted {
    /// The tokens. At a refresh without a new refresh token the old one stays
    pub tokens: Tokens,
    /// What may be done with them
    pub scope: Scope,
    /// When the access token ends; `None` when it does not
    pub expires_at: Option<Timestamp>,
}

/// Whose account was connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The provider's own name for it; empty when it has none
    pub id: String,
    /// What a person knows it by
    pub label: String,
}

/// Why a provider gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamError {
    /// The person must be asked again: the code, or the refresh token, is worth nothing
    Dead(String),
    /// It refuses for a reason that asking again does not change: our client, or what we ask for, is wrong there
    Refused(String),
    /// It wants to be left alone, for so many seconds if it says so
    Limited(Option<Seconds>),
    /// It does not answer, or says that something is wrong with it
    Away(String),
    /// What it answers cannot be read, or is not for us
    Broken(String),
    /// Too much is being asked for already: nobody was
    Busy,
}

/// The most characters of what a provider says that are passed on.
const MAX_SAID: usize = 200;

/// What a provider says, for log and audit: bounded, in one line, and without what is secret.
fn said(text: &str, secrets: &[&str]) -> String {
    let secrets = secrets.iter().filter(|secret| !secret.is_empty());
    let text = secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "…"));
    text.chars().filter(|character| !is_deceptive(*character)).take(MAX_SAID).collect()
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dead(problem) => write!(f, "the grant is over: {problem}"),
            Self::Refused(problem) => write!(f, "the provider refuses: {problem}"),
            Self::Limited(_) => f.write_str("the provider wants to be asked less often"),
            Self::Away(problem) => write!(f, "the provider does not answer: {problem}"),
            Self::Broken(problem) => write!(f, "the answer of the provider is unusable: {problem}"),
            Self::Busy => f.write_str("too much is being asked for at the moment"),
        }
    }
}

impl std::error::Error for UpstreamError {}

/// The members of an answer that the library has no names for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Others {
    #[serde(flatten)]
    members: Map<String, Value>,
}

impl ExtraTokenFields for Others {}

type Answer = StandardTokenResponse<
    IdTokenFields<EmptyAdditionalClaims, Others, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>,
    CoreTokenType,
>;

type Client = openidconnect::Client<
    EmptyAdditionalClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
>;

impl Upstream<'_> {
    /// The library's client. With a secret that goes into the header or the body; other proofs are parameters.
    fn client(&self) -> Result<Client, Fault> {
        let profile = self.profile;
        // Where a provider has none, nothing that is checked against it is asked for.
        let issuer = profile.issuer.clone().unwrap_or_else(|| profile.token_endpoint.to_string());
        let client = openidconnect::Client::new(
            ClientId::new(self.client_id.to_owned()),
            IssuerUrl::new(issuer).map_err(Fault::internal)?,
            JsonWebKeySet::new(Vec::new()),
        )
        .set_auth_uri(AuthUrl::from_url(profile.authorization_endpoint.clone()))
        .set_token_uri(TokenUrl::from_url(profile.token_endpoint.clone()))
        .set_redirect_uri(RedirectUrl::new(self.redirect_uri.to_owned()).map_err(Fault::internal)?);
        let secret = || self.secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        Ok(match (profile.client_auth, secret()) {
            (ClientAuth::ClientSecretBasic, Some(secret)) => client.set_client_secret(secret).set_auth_type(AuthType::BasicAuth),
            (ClientAuth::ClientSecretPost, Some(secret)) => client.set_client_secret(secret).set_auth_type(AuthType::RequestBody),
            _ => client.set_auth_type(AuthType::RequestBody),
        })
    }

    /// The parameters by which we prove who we are, where that is neither a header nor a secret (RFC 7523 §2.2).
    fn proof(&self) -> Result<Vec<(&'static str, String)>, Fault> {
        if self.profile.client_auth != ClientAuth::PrivateKeyJwt {
            return Ok(Vec::new());
        }
        let (app, now) = (self.app, self.app.now());
        let claims = serde_json::json!({
            "iss": self.client_id,
            "sub": self.client_id,
            // The issuer is the operator's word; an endpoint may be the provider's, who could name another one's.
            "aud": self.profile.issuer.as_deref().unwrap_or(self.profile.token_endpoint.as_str()),
            "jti": new_id(&app.clock, &app.random),
            "iat": now,
            "exp": now + ASSERTION_LIFETIME,
        });
        let claims = serde_json::to_vec(&claims).map_err(Fault::internal)?;
        let assertion = match self.key {
            Some(key) => key.sign(&claims)?,
            None => self.signed_by_the_server(&claims)?,
        };
        Ok(vec![
            ("client_assertion_type", ASSERTION_TYPE.to_owned()),
            ("client_assertion", assertion),
        ])
    }

    fn signed_by_the_server(&self, claims: &[u8]) -> Result<String, Fault> {
        let (ring, now) = (self.app.keys.current(), self.app.now());
        let key = [SigningAlgorithm::Rs256, SigningAlgorithm::Es256, SigningAlgorithm::EdDsa];
        let key = key.into_iter().find_map(|algorithm| ring.signer(algorithm, now));
        let key = key.ok_or_else(|| Fault::internal("there is no signing key"))?;
        key.sign(TYP_ID_TOKEN, claims)
    }
}
