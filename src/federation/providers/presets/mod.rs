//! What is known about providers that many people use: a table, and nothing about them anywhere else.
//!
//! Addresses are templates: `{name}` stands for a parameter that has been checked. What a preset says, the operator's
//! settings can override, save where it would change what a request means.

mod table;

use crate::protocol::provider::{ClientAuth, Lifespan, RevokedToken};

pub use table::ALL;

/// What a parameter is, and so what it can look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The name of a host, and nothing else
    Host,
    /// An `https` URL, with a path where need be
    BaseUrl,
    /// A directory of Microsoft's: `common`, `organizations`, `consumers`, a UUID or a domain
    Tenant,
    /// Letters, digits, `-` and `_`
    Name,
    /// Any printable text: it only ever becomes the value of a parameter of a request
    Text,
}

impl Form {
    /// A regular expression that every value matches; not everything that matches it is taken.
    #[must_use]
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Host => "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
            Self::BaseUrl => "^https?://[a-z0-9.:\\[\\]-]+(/[^?#]*[^/?#])?$",
            Self::Tenant => "^[a-z0-9][a-z0-9.-]{0,252}$",
            Self::Name => "^[A-Za-z0-9_-]{1,64}$",
            Self::Text => "^[!-~]( *[!-~])*$",
        }
    }
}

/// Something that a preset asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name
    pub name: &'static str,
    /// What it is, for the operator
    pub description: &'static str,
    /// What it can look like
    pub form: Form,
    /// What it is when nothing is set
    pub default: Option<&'static str>,
    /// Whether something must be set, or be the default
    pub is_required: bool,
    /// Whether it decides where secrets and tokens go
    pub is_address: bool,
}

/// Where the addresses of a provider come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// They are known
    Known(Known),
    /// From the metadata of the issuer that this template makes
    Discovered(&'static str),
    /// From the metadata of the issuer in the settings
    Issuer,
    /// From the settings themselves
    Settings,
}

/// The addresses of a provider, as templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Who answers; without a value for all of its parameters nobody is known
    pub issuer: Option<&'static str>,
    /// Where people are sent to
    pub authorization_endpoint: &'static str,
    /// Where codes become tokens
    pub token_endpoint: &'static str,
    /// Where the keys of its ID tokens are, where those say whose account it is
    pub jwks_uri: Option<&'static str>,
    /// How tokens are taken back
    pub revocation: Revoked,
}

/// How tokens are taken back, with addresses as templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// As RFC 7009 says: where, whether the client authenticates, and what is shown
    Standard(&'static str, bool, RevokedToken),
    /// By showing the access token as its own proof
    OwnProof(&'static str),
    /// By `DELETE` with a JSON object
    Delete(&'static str),
    /// By `POST` with a JSON object
    Json(&'static str),
    /// There is no way
    Never,
}

/// Where it is said whose account it is, with addresses as templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// In the ID token
    IdToken,
    /// In the answer of the token endpoint
    TokenAnswer,
    /// At an endpoint, by GET
    At(&'static str),
    /// At an endpoint, by POST
    AtByPost(&'static str),
    /// At the userinfo endpoint, where there is one
    Userinfo,
}

/// What is peculiar about a provider. The fields are those of [`crate::protocol::provider::Profile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// Where it is said whose account it is
    pub said: Said,
    /// Pointers to its own name for the account
    pub account: &'static [&'static str],
    /// Pointers to what a person knows it by
    pub label: &'static [&'static str],
    /// Scopes without which nobody says it
    pub whoami_scope: &'static [&'static str],
    /// Whether it does PKCE
    pub pkce: bool,
    /// How we prove who we are; for discovered providers, when nothing is said, as their metadata tells
    pub client_auth: Option<ClientAuth>,
    /// Whether its token endpoint reads JSON
    pub json_body: bool,
    /// Headers that it wants
    pub headers: &'static [(&'static str, &'static str)],
    /// What else stands in the address that people are sent to; left out when a parameter in it has no value
    pub authorization_parameters: &'static [(&'static str, &'static str)],
    /// The parameter of the scopes
    pub scope_parameter: &'static str,
    /// What separates them
    pub scope_separator: char,
    /// The scope for a refresh token
    pub offline_scope: Option<&'static str>,
    /// Whether a refresh says the redirect URI
    pub refresh_with_redirect_uri: bool,
    /// Whether a refresh says the scopes
    pub refresh_with_scope: bool,
    /// The member in which the answer to a code is wrapped
    pub wrapped_in: Option<&'static str>,
    /// What an access token without `expires_in` is
    pub lifespan: Lifespan,
    /// Members of the answer that go to the agent
    pub passed_on: &'static [&'static str],
    /// Error codes that mean that the person must be asked again
    pub dead_grant: &'static [&'static str],
    /// Where people take access back themselves
    pub account_page: Option<&'static str>,
}

/// What is known about a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name in settings
    pub id: &'static str,
    /// For people
    pub label: &'static str,
    /// What it asks for
    pub parameters: &'static [Parameter],
    /// Where its addresses come from
    pub source: Source,
    /// What is peculiar
    pub quirks: Quirks,
}

/// The preset of that name.
#[must_use]
pub fn find(id: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.id == id)
}
