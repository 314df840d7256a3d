//! A JWT by which a program says for whom it acts: an ID token or access token of that person, by this server or by
//! an issuer that the operator trusts (RFC 7519, RFC 8725).

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::issuer::is_loopback;
use super::jwks::AssertionAlgorithm;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::encoding::from_base64url;
use crate::base::json::strict;

/// The longest token that is looked at, in bytes.
pub const MAX_USER_TOKEN: usize = 16_384;
/// The types of ID tokens and access tokens, where they say one (RFC 7519 §5.1, RFC 9068 §2.1).
const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];
/// How far the clock of an issuer may be off, in seconds.
const LEEWAY: Seconds = 60;

/// Which claim says whose account here it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountClaim {
    /// `sub`, which is the user name here
    Sub,
    /// `preferred_username`, which is the user name here
    PreferredUsername,
    /// `email`, which the issuer has verified, and this server, too
    Email,
}

impl AccountClaim {
    /// The name of the claim.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sub => "sub",
            Self::PreferredUsername => "preferred_username",
            Self::Email => "email",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Sub, Self::PreferredUsername, Self::Email]
            .into_iter()
            .find(|claim| claim.as_str() == name)
    }
}

/// An issuer whose tokens say who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserIssuer {
    /// Its identifier
    pub issuer: String,
    /// For whom its tokens must be
    pub audience: String,
    /// How it names accounts
    pub claim: AccountClaim,
}

impl UserIssuer {
    /// Reads `ISSUER AUDIENCE CLAIM`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not ISSUER AUDIENCE CLAIM, such as https://idp.example my-agent email; the claim is sub, preferred_username or email"
            )
        };
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [issuer, audience, claim] = parts.as_slice() else {
            return Err(wrong());
        };
        let url = Url::parse(issuer).map_err(|_| wrong())?;
        let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
        if !is_safe || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong());
        }
        Ok(Self {
            issuer: (*issuer).to_owned(),
            audience: (*audience).to_owned(),
            claim: AccountClaim::parse(claim).ok_or_else(wrong)?,
        })
    }

    /// Where its metadata is (OpenID Connect Discovery §4).
    #[must_use]
    pub fn metadata_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'))
    }
}

impl fmt::Display for UserIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.issuer, self.audience, self.claim.as_str())
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// A token by another issuer, read and not yet verified. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct UserToken {
    /// The whole token
    pub jwt: String,
    /// What it was signed with
    pub algorithm: AssertionAlgorithm,
    /// The name of the key
    pub kid: Option<String>,
    claims: Map<String, Value>,
}

impl UserToken {
    /// Reads a JWT that is signed with a public key.
    #[must_use]
    pub fn parse(jwt: &str) -> Option<Self> {
        let mut parts = jwt.split('.');
        let (header, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
            return None;
        };
        if jwt.len() > MAX_USER_TOKEN {
            return None;
        }
        let header: Header = serde_json::from_slice(&from_base64url(header)?).ok()?;
        let algorithm = AssertionAlgorithm::parse(&header.alg).filter(|algorithm| *algorithm != AssertionAlgorithm::Hs256)?;
        // A JWT that was made for something else names nobody here (RFC 8725 §3.11, §3.12).
        let is_of_a_person = header
            .typ
            .as_deref()
            .is_none_or(|typ| TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ)));
        if header.crit.is_some() || !is_of_a_person {
            return None;
        }
        let Value::Object(claims) = strict(&from_base64url(payload)?).ok()? else {
            return None;
        };
        Some(Self {
            jwt: jwt.to_owned(),
            algorithm,
            kid: header.kid,
            claims,
        })
    }

    /// Who says that they made it.
    #[must_use]
    pub fn iss(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// Whether it is by this issuer, for whom it must be, and good at this time.
    #[must_use]
    pub fn is_good(&self, issuer: &UserIssuer, now: Timestamp) -> bool {
        // What is there and is no time is not good at any.
        let time = |name: &str| match self.claims.get(name).filter(|claim| !claim.is_null()) {
            None => Ok(None),
            Some(claim) => claim.as_f64().map(Some).ok_or(()),
        };
        let (Ok(exp), Ok(nbf), Ok(iat)) = (time("exp"), time("nbf"), time("iat")) else {
            return false;
        };
        #[expect(clippy::cast_precision_loss, reason = "times are small beside 2^53")]
        let (now, leeway) = (now as f64, LEEWAY as f64);
        let is_for = |one: &Value| one.as_str() == Some(issuer.audience.as_str());
        let is_for_us = match self.claims.get("aud") {
            // Among several the one that it was issued to says so (OpenID Connect Core §2).
            Some(Value::Array(several)) => several.iter().any(is_for) && (several.len() == 1 || self.claims.get("azp").is_none_or(is_for)),
            Some(one) => is_for(one),
            // Access tokens of some issuers say only for which client they are.
            None => self.claims.get("client_id").is_some_and(is_for),
        };
        let is_in_time = exp.is_some_and(|exp| exp + leeway > now)
            && nbf.is_none_or(|nbf| nbf <= now + leeway)
            && iat.is_none_or(|iat| iat <= now + leeway);
        // Logout tokens and security events are signed with the same keys.
        let is_event = self.claims.contains_key("events");
        self.iss() == Some(issuer.issuer.as_str()) && is_for_us && is_in_time && !is_event
    }

    /// What the issuer calls the account. An address counts only when the issuer has verified it.
    #[must_use]
    pub fn account(&self, claim: AccountClaim) -> Option<&str> {
        let is_verified = self.claims.get("email_verified").and_then(Value::as_bool) == Some(true);
        if claim == AccountClaim::Email && !is_verified {
            return None;
        }
        self.claims.get(claim.as_str())?.as_str().filter(|name| !name.is_empty())
    }
}

impl fmt::Debug for UserToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserToken")
    }
}
