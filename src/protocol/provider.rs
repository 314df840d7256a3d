//! Other providers of OAuth, as a client sees them: where they are, and what is peculiar about them.
//!
//! Half of the world's providers deviate from the texts, each in its own way. What they deviate in stands here as
//! values, so that what talks to them has one path and no names of companies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

/// How we prove to a provider that we are its client (RFC 6749 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Id and secret in `Authorization: Basic`
    ClientSecretBasic,
    /// Id and secret in the body
    ClientSecretPost,
    /// A JWT that we sign (RFC 7523 §2.2)
    PrivateKeyJwt,
    /// Nothing: PKCE alone speaks for us
    None,
}

/// How a token is taken back at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// As RFC 7009 says
    Standard {
        /// The endpoint
        endpoint: Url,
        /// Whether it wants to know which client we are
        authenticates: bool,
        /// Which token is shown
        token: RevokedToken,
    },
    /// The access token is its own proof: a POST with it as `Authorization: Bearer`
    OwnProof {
        /// The endpoint
        endpoint: Url,
    },
    /// `DELETE` with the credentials of the client, and the access token in a JSON object
    Delete {
        /// The endpoint
        endpoint: Url,
    },
    /// `POST` with the credentials of the client, and the access token in a JSON object
    Json {
        /// The endpoint
        endpoint: Url,
    },
    /// There is no way: the person has to do it there
    None,
}

impl Revocation {
    /// Whether the access token is shown: then it must be one that still lives.
    #[must_use]
    pub fn shows_access_token(&self) -> bool {
        match self {
            Self::OwnProof { .. } | Self::Delete { .. } | Self::Json { .. } => true,
            Self::Standard { token, .. } => *token == RevokedToken::Access,
            Self::None => false,
        }
    }
}

/// Which token is shown to take back what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokedToken {
    /// The refresh token, and the access token where there is none
    Refresh,
    /// The access token
    Access,
}

/// How it is found out whose account was connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whoami {
    /// Where it is said
    pub source: WhoamiSource,
    /// Pointers (RFC 6901) to the parts of its own name for the account, which never changes; joined by colons
    pub id: &'static [&'static str],
    /// Pointers to what a person knows it by; the first that is there is taken
    pub label: &'static [&'static str],
    /// Scopes without which nobody says it; they are always asked for
    pub scope: &'static [&'static str],
}

/// Where it is said whose account it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhoamiSource {
    /// In the ID token
    IdToken,
    /// In the answer of the token endpoint itself
    TokenAnswer,
    /// At an endpoint that is asked with the access token
    Endpoint {
        /// The endpoint
        endpoint: Url,
        /// Whether it is a POST
        is_post: bool,
    },
    /// Nowhere: each person has one account
    Nowhere,
}

/// How long an access token without `expires_in` lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifespan {
    /// Until it is taken back
    Unlimited,
    /// Nobody knows: it is refreshed after so many seconds, for it may have ended
    Assumed(i64),
}

/// One provider, with everything that is needed to talk to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Who answers (RFC 9207, and the ID token)
    pub issuer: Option<String>,
    /// Whether a redirect without `iss` is refused
    pub requires_iss: bool,
    /// Where people are sent to
    pub authorization_endpoint: Url,
    /// Where codes and refresh tokens are turned into access tokens
    pub token_endpoint: Url,
    /// Where the keys of its ID tokens are
    pub jwks_uri: Option<Url>,
    /// How tokens are taken back
    pub revocation: Revocation,
    /// Whose account it is
    pub whoami: Whoami,
    /// Whether it does PKCE; some refuse what they do not know
    pub pkce: bool,
    /// How we prove who we are
    pub client_auth: ClientAuth,
    /// Whether its token endpoint reads JSON instead of a form
    pub json_body: bool,
    /// Headers that it wants with every request
    pub headers: BTreeMap<&'static str, String>,
    /// What else stands in the address that people are sent to
    pub authorization_parameters: BTreeMap<String, String>,
    /// The parameter of the scopes there
    pub scope_parameter: &'static str,
    /// What separates scopes in a request
    pub scope_separator: char,
    /// A scope that is always asked for, so that there is a refresh token
    pub offline_scope: Option<&'static str>,
    /// Whether a refresh says the redirect URI again
    pub refresh_with_redirect_uri: bool,
    /// Whether a refresh says the scopes again
    pub refresh_with_scope: bool,
    /// The member in which the answer to a code is wrapped
    pub wrapped_in: Option<&'static str>,
    /// What an access token without `expires_in` is
    pub lifespan: Lifespan,
    /// Members of the answer of the token endpoint that go to the agent with the access token
    pub passed_on: &'static [&'static str],
    /// Error codes of the token endpoint that mean that the person must be asked again, besides `invalid_grant`
    pub dead_grant: &'static [&'static str],
    /// Where people take access back themselves
    pub account_page: Option<&'static str>,
}

impl Profile {
    /// Scopes that are asked for whatever an agent wants: to know whose account it is, and to get a refresh token.
    pub fn always_asked_for(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.whoami.scope.iter().copied().chain(self.offline_scope)
    }
}
