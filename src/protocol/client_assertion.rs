//! A client assertion: a JWT by which a client says who it is (RFC 7523 §2.2, §3; OpenID Connect Core §9).
//!
//! Here it is read and its claims are judged. Who signed it is for the engine to find out, over the very bytes
//! that were read here.

use std::fmt;

use serde::Deserialize;

use crate::base::clock::{Seconds, Timestamp};
use crate::base::encoding::from_base64url;

use super::client_authentication::AuthMethod;
use super::error::{ErrorCode, Refusal};
use super::jwks::AssertionAlgorithm;

/// The one value of `client_assertion_type` (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The longest assertion that is looked at, in bytes.
const MAX_LENGTH: usize = 8192;
/// The longest `jti`, in bytes.
const MAX_JTI: usize = 255;
/// How far the clocks of clients may be off, in seconds.
pub const LEEWAY: Seconds = 60;
/// How far in the future an assertion may expire, in seconds: so long is its `jti` remembered.
pub const MAX_LIFETIME: Seconds = 3600;

/// An assertion as it was presented, not yet verified. `Debug` does not show it: it is worth a secret until it is used.
#[derive(Clone)]
pub struct ClientAssertion {
    /// The JWT, in its compact form
    pub jwt: String,
    /// The key that it names
    pub kid: Option<String>,
    /// How it says that it was signed
    pub algorithm: AssertionAlgorithm,
    /// What it says
    pub claims: AssertionClaims,
}

/// The claims of an assertion (RFC 7523 §3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AssertionClaims {
    /// Who made it: the client
    pub iss: String,
    /// Whom it is about: the client
    pub sub: String,
    /// Whom it is for: this server
    pub aud: Audience,
    /// Until when it is good
    #[serde(deserialize_with = "numeric_date")]
    pub exp: Timestamp,
    /// Its name, of which there is only one
    pub jti: String,
    /// Since when it is good
    #[serde(default, deserialize_with = "maybe_numeric_date")]
    pub nbf: Option<Timestamp>,
    /// When it was made
    #[serde(default, deserialize_with = "maybe_numeric_date")]
    pub iat: Option<Timestamp>,
}

/// One audience or several (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One
    One(String),
    /// Several
    Several(Vec<String>),
}

impl Audience {
    fn values(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(all) => all,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<serde::de::IgnoredAny>,
}

/// The one thing that a client reads about an assertion that is worth nothing: the reason is for the log, because
/// whoever forges assertions must not be told how to do it better.
fn refused(detail: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidClient, "client authentication failed").with_detail(detail)
}

impl ClientAssertion {
    /// Reads an assertion.
    ///
    /// # Errors
    /// `invalid_client` when it is no JWT with the claims that it must have (RFC 7521 §4.2.1).
    pub fn parse(jwt: &str) -> Result<Self, Refusal> {
        if jwt.len() > MAX_LENGTH {
            return Err(refused("the client assertion is too long"));
        }
        let mut parts = jwt.split('.');
        let (Some(header), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(refused("the client assertion is no signed JWT"));
        };
        let header: Header = from_base64url(header)
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| refused("the client assertion has no header that can be read"))?;
        // Extensions that must be understood, and are not (RFC 7515 §4.1.11).
        if header.crit.is_some() {
            return Err(refused("the client assertion has a critical header"));
        }
        let algorithm = AssertionAlgorithm::parse(&header.alg)
            .ok_or_else(|| refused("the client assertion is signed by an algorithm that is not accepted"))?;
        let claims: AssertionClaims = from_base64url(claims)
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| refused("the client assertion lacks one of iss, sub, aud, exp and jti"))?;
        if claims.iss != claims.sub || claims.sub.is_empty() {
            return Err(refused("iss and sub of the client assertion differ"));
        }
        if claims.jti.is_empty() || claims.jti.len() > MAX_JTI {
            return Err(refused("the jti of the client assertion is empty or too long"));
        }
        Ok(Self {
            jwt: jwt.to_owned(),
            kid: header.kid,
            algorithm,
            claims,
        })
    }

    /// The method of authentication that it is.
    #[must_use]
    pub fn method(&self) -> AuthMethod {
        match self.algorithm {
            AssertionAlgorithm::Hs256 => AuthMethod::ClientSecretJwt,
            _ => AuthMethod::PrivateKeyJwt,
        }
    }

    /// Judges the claims: for one of `audiences` and nobody else, and at this time (RFC 7523 §3).
    ///
    /// # Errors
    /// What is wrong, for the log.
    pub fn judge(&self, audiences: &[String], now: Timestamp) -> Result<(), &'static str> {
        let named = self.claims.aud.values();
        // One that is for somebody else, too, could be taken there and brought here by them.
        if named.is_empty() || !named.iter().all(|one| audiences.contains(one)) {
            return Err("the assertion is for somebody else");
        }
        if self.claims.exp.saturating_add(LEEWAY) <= now {
            return Err("the assertion has expired");
        }
        if self.claims.exp > now + MAX_LIFETIME + LEEWAY {
            return Err("the assertion expires more than an hour from now");
        }
        if self.claims.nbf.is_some_and(|nbf| nbf > now + LEEWAY) {
            return Err("the assertion is not good yet");
        }
        if self.claims.iat.is_some_and(|iat| iat > now + LEEWAY) {
            return Err("the assertion was made in the future");
        }
        Ok(())
    }
}

impl fmt::Debug for ClientAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientAssertion({} by {})", self.claims.sub, self.algorithm.as_str())
    }
}

/// A `NumericDate`, which may have a fraction (RFC 7519 §2).
fn numeric_date<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    whole(&number).ok_or_else(|| serde::de::Error::custom("not a time"))
}

fn maybe_numeric_date<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(deserializer)?;
    match number {
        None => Ok(None),
        Some(number) => whole(&number).map(Some).ok_or_else(|| serde::de::Error::custom("not a time")),
    }
}

/// The whole seconds of a time between the epoch and a far future.
fn whole(number: &serde_json::Number) -> Option<Timestamp> {
    const END: f64 = 1e12;
    #[expect(clippy::cast_possible_truncation, reason = "within bounds that were just checked")]
    let without_fraction = |seconds: f64| (0.0..END).contains(&seconds).then_some(seconds as i64);
    number.as_f64().and_then(without_fraction)
}
