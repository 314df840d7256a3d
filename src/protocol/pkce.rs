//! Proof Key for Code Exchange (RFC 7636), method S256 only.

use crate::base::digest::{equal, sha256};
use crate::base::encoding::base64url;

use super::error::{Refusal, invalid_grant, invalid_request};

/// A `code_challenge` of method S256: 43 characters of base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method` of an authorization request.
    ///
    /// # Errors
    /// `invalid_request` for `plain` (also when the method is missing, which means plain, RFC 7636
    /// §4.3), for other methods, for a method without a challenge, and for a malformed challenge.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Option<Self>, Refusal> {
        match (challenge, method) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(invalid_request("code_challenge_method without code_challenge")),
            (Some(challenge), Some("S256")) if challenge.len() == 43 && challenge.bytes().all(is_base64url) => {
                Ok(Some(Self(challenge.to_owned())))
            }
            (Some(_), Some("S256")) => Err(invalid_request("code_challenge is not the base64url form of a SHA-256 digest")),
            (Some(_), _) => Err(invalid_request("code_challenge_method must be S256")),
        }
    }

    /// A challenge that was stored by us.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The challenge of a verifier.
    #[must_use]
    pub fn of(verifier: &str) -> Self {
        Self(base64url(&sha256(verifier.as_bytes())))
    }

    /// The challenge as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks the verifier of a token request against the challenge of the authorization request.
///
/// # Errors
/// `invalid_grant` when the verifier is missing, malformed or wrong (RFC 7636 §4.6), and when a
/// verifier comes for a code without a challenge: somebody removed it on the way (RFC 9700 §4.8.2).
pub fn verify(challenge: Option<&CodeChallenge>, verifier: Option<&str>) -> Result<(), Refusal> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(invalid_grant(
            "code_verifier sent for a code that was requested without code_challenge",
        )),
        (Some(_), None) => Err(invalid_grant("code_verifier is missing")),
        (Some(challenge), Some(verifier)) => {
            let well_formed = (43..=128).contains(&verifier.len()) && verifier.bytes().all(is_unreserved);
            let expected = CodeChallenge::of(verifier);
            if well_formed && equal(expected.0.as_bytes(), challenge.0.as_bytes()) {
                Ok(())
            } else {
                Err(invalid_grant("code_verifier does not match code_challenge"))
            }
        }
    }
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn is_unreserved(byte: u8) -> bool {
    is_base64url(byte) || byte == b'.' || byte == b'~'
}
