//! The settings of the callback relay.

use std::fmt;

use secrecy::SecretString;
use url::Url;

use crate::protocol::issuer::{Issuer, is_loopback};
use crate::protocol::user_token::UserIssuer;

/// What this process serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serves {
    /// The whole server
    #[default]
    Everything,
    /// The callback relay alone
    Relay {
        /// Whether it takes redirects that nobody has announced, and gives them to whoever knows their state
        is_open: bool,
    },
}

/// How the relay works.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Where browsers reach it, when that is not the issuer
    pub url: Option<Issuer>,
    /// The origins whose pages may use its API
    pub origins: Vec<String>,
    /// How many requests of one program may wait at once on one node
    pub waiters: usize,
    /// The most answers that are kept which nobody has announced
    pub open_entries: i64,
    /// Where the flow of an agent is completed
    pub completion_url: Option<CompletionUrl>,
    /// What is shown there
    pub completion_token: Option<SecretString>,
    pub(super) completion_token_file: Option<std::path::PathBuf>,
    /// Whose tokens say who somebody is, besides this server's own
    pub user_issuers: Vec<UserIssuer>,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            url: None,
            origins: Vec::new(),
            waiters: 1000,
            open_entries: 100_000,
            completion_url: None,
            completion_token: None,
            completion_token_file: None,
            user_issuers: Vec::new(),
        }
    }
}

/// The URL of an endpoint that the operator chose. Without TLS only inside: whether its host is, is seen when it is
/// connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletionUrl(Url);

impl CompletionUrl {
    /// Reads a setting.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|_| "must be a URL such as https://agents.example/complete".to_owned())?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() || !is_plain {
            return Err("must be an https URL, or an http URL of a host inside, without user name and fragment".to_owned());
        }
        Ok(Self(url))
    }

    /// The URL.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for CompletionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The origins of a list with commas: scheme, host and port and nothing else (RFC 6454 §6.2).
///
/// # Errors
/// A sentence that says which is none.
pub fn origins(text: &str) -> Result<Vec<String>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(origin).collect()
}

fn origin(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is no origin such as https://app.example; a list of origins is separated by commas");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
    let origin = url.origin().ascii_serialization();
    // No wildcards: the parser takes them for names.
    if is_safe && !origin.contains('*') && origin == text.trim_end_matches('/') {
        Ok(origin)
    } else {
        Err(wrong())
    }
}

/// The issuers of a list with commas.
///
/// # Errors
/// A sentence that says which is none.
pub fn user_issuers(text: &str) -> Result<Vec<UserIssuer>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(UserIssuer::parse).collect()
}

/// The list as [`user_issuers`] reads it.
pub fn show_user_issuers(issuers: &[UserIssuer]) -> String {
    issuers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
