//! What a provider's redirect brings (RFC 6749 §4.1.2, RFC 9207, OAuth 2.0 Form Post Response Mode), and the
//! `state` by which it finds whoever waits for it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{Refusal, invalid_request};
use super::parameters::Parameters;
use crate::base::digest::sha256_text;

/// The fewest characters of a `state` that a program makes itself: 128 bits in base64url.
pub const MIN_OWN_STATE: usize = 22;
/// The most characters of a `state`.
pub const MAX_STATE: usize = 512;

/// The longest `code`; providers that put a whole sealed grant into it need some thousand characters.
const MAX_CODE: usize = 4096;
const MAX_ERROR: usize = 200;
const MAX_ERROR_DESCRIPTION: usize = 1000;
const MAX_ISS: usize = 1000;

/// What a `state` begins with that this server makes.
const PREFIX: &str = "gh_state_";
/// The length of the id in it.
const ID: usize = 32;

/// The error that a program is told of instead of an answer by another issuer than the expected one.
pub const INVALID_ISSUER: &str = "invalid_issuer";

/// The value that ties a redirect to the request before it (RFC 6749 §10.12). `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct State(String);

impl State {
    /// One of our own: the id of its row, which grows with time, and a secret of 256 bits.
    #[must_use]
    pub fn new(id: &str, secret: &str) -> Self {
        Self(format!("{PREFIX}{id}_{secret}"))
    }

    /// One that a program made.
    ///
    /// # Errors
    /// `invalid_request` when it is too short to be unpredictable, too long, has other characters than RFC 6749
    /// appendix A.5 allows, or looks like one of ours.
    pub fn own(text: &str) -> Result<Self, Refusal> {
        if text.len() < MIN_OWN_STATE {
            return Err(invalid_request(
                "state is too short: use 22 characters or more with at least 128 random bits, or leave it out",
            ));
        }
        match Self::received(text) {
            Some(state) if state.id_of_ours().is_none() && !text.starts_with(PREFIX) => Ok(state),
            Some(_) => Err(invalid_request("a state that begins with gh_state_ is made by this server")),
            None => Err(invalid_request(
                "state has more than 512 characters, or other ones than printable ASCII",
            )),
        }
    }

    /// One that somebody brings; `None` when it cannot be any.
    #[must_use]
    pub fn received(text: &str) -> Option<Self> {
        let is_possible = (1..=MAX_STATE).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        is_possible.then(|| Self(text.to_owned()))
    }

    /// The value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has the form of those that this server makes, with a secret that nobody guesses.
    #[must_use]
    pub fn is_of_our_making(&self) -> bool {
        self.id_of_ours().is_some()
    }

    /// The key of its row.
    #[must_use]
    pub fn id(&self) -> String {
        self.id_of_ours().map_or_else(|| self.hash(), str::to_owned)
    }

    /// Its digest.
    #[must_use]
    pub fn hash(&self) -> String {
        sha256_text(&self.0)
    }

    fn id_of_ours(&self) -> Option<&str> {
        let (id, secret) = self.0.strip_prefix(PREFIX)?.split_once('_')?;
        let is_id = id.len() == ID && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_secret = secret.len() == 43
            && secret
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        (is_id && is_secret).then_some(id)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State")
    }
}

/// What the provider says. `Debug` does not show the code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An authorization code
    Code(String),
    /// An error
    Error {
        /// Its code
        error: String,
        /// What the provider adds to it
        description: Option<String>,
    },
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(_) => f.write_str("Code"),
            Self::Error { error, .. } => write!(f, "Error({error})"),
        }
    }
}

/// The answer of a provider (RFC 6749 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderAnswer {
    /// What it says
    pub outcome: Outcome,
    /// Who says so (RFC 9207), where the provider does
    pub iss: Option<String>,
}

impl ProviderAnswer {
    /// Reads a redirect.
    ///
    /// # Errors
    /// `invalid_request` for parameters that are repeated, missing, both an answer and an error, too long, or of
    /// other characters than the answer can have.
    pub fn parse(parameters: &Parameters) -> Result<(State, Self), Refusal> {
        // In our own words: who sends people here with something else must not write on our pages.
        let repeated = |_| invalid_request("a parameter was sent more than once");
        parameters.refuse_duplicates().map_err(repeated)?;
        let state = parameters.require("state")?;
        let state = State::received(state).ok_or(invalid_request("state is malformed"))?;
        let (code, error) = (parameters.get("code")?, parameters.get("error")?);
        let outcome = match (code, error) {
            (Some(code), None) => Outcome::Code(text("code", code, MAX_CODE)?),
            (None, Some(error)) => Outcome::Error {
                error: text("error", error, MAX_ERROR)?,
                description: parameters.get("error_description")?.map(description).transpose()?,
            },
            (None, None) => return Err(invalid_request("neither code nor error was sent")),
            (Some(_), Some(_)) => return Err(invalid_request("both code and error were sent")),
        };
        let iss = parameters.get("iss")?.map(|iss| text("iss", iss, MAX_ISS)).transpose()?;
        Ok((state, Self { outcome, iss }))
    }

    /// The answer, if it is by the issuer that is expected where one is (RFC 9207 §2.4: compared as text). By
    /// another, or by nobody, it is an error for whoever waits, because the code may be another's (mix-up).
    #[must_use]
    pub fn from_expected(self, expected_issuer: Option<&str>) -> Self {
        if expected_issuer.is_none_or(|expected| self.iss.as_deref() == Some(expected)) {
            return self;
        }
        Self {
            outcome: Outcome::Error {
                error: INVALID_ISSUER.to_owned(),
                description: Some("the answer is not by the expected issuer".to_owned()),
            },
            iss: self.iss,
        }
    }

    /// Whether there is a code.
    #[must_use]
    pub fn is_code(&self) -> bool {
        matches!(self.outcome, Outcome::Code(_))
    }
}

/// `1*VSCHAR` and spaces (RFC 6749 appendices A.7, A.11), of a bounded length.
fn text(name: &str, value: &str, most: usize) -> Result<String, Refusal> {
    if value.len() > most || !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        let problem = format!("{name} has more than {most} characters, or other ones than printable ASCII");
        return Err(Refusal::quoting(super::error::ErrorCode::InvalidRequest, &problem));
    }
    Ok(value.to_owned())
}

/// Providers write these for people, in their languages.
fn description(value: &str) -> Result<String, Refusal> {
    if value.chars().count() > MAX_ERROR_DESCRIPTION || value.chars().any(char::is_control) {
        return Err(invalid_request(
            "error_description has more than 1000 characters, or control characters",
        ));
    }
    Ok(value.to_owned())
}
