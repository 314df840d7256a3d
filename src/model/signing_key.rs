//! A signing key and the stages of its life.
//!
//! ```text
//! created ── published ──▶ active_at ── signs ──▶ retired_at ── verifies ──▶ expires_at
//! ```
//!
//! A key is in the JWKS from its creation to `expires_at`. It signs from `active_at`, when every
//! relying party has had time to fetch it, to `retired_at`, and verifies until the last token that
//! it signed has expired.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::clock::Timestamp;

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA with P-256 and SHA-256
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlgorithm {
    /// Every algorithm; a key pair of each exists from the first start.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key pair as it is stored.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// `kid`
    pub id: String,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// The public key as a JWK (RFC 7517 §4).
    pub public_jwk: String,
    /// The private key in PKCS#8, sealed.
    pub sealed_private_key: String,
    /// When it was made and first published.
    pub created_at: Timestamp,
    /// From when it signs.
    pub active_at: Timestamp,
    /// From when it no longer signs.
    pub retired_at: Option<Timestamp>,
    /// From when it no longer verifies.
    pub expires_at: Option<Timestamp>,
}

impl SigningKey {
    /// Whether it may sign at `now`.
    #[must_use]
    pub fn may_sign(&self, now: Timestamp) -> bool {
        self.active_at <= now && self.retired_at.is_none_or(|retired_at| now < retired_at)
    }

    /// Whether it is published and verifies at `now`.
    #[must_use]
    pub fn may_verify(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// Where a key that verifies is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published, and does not sign yet
    Next,
    /// Signs
    Active,
    /// Signs no more, and verifies until it expires
    Retired,
}

impl SigningKey {
    /// Where it is in its life at `now`; `None` when that is over.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> Option<KeyState> {
        if !self.may_verify(now) {
            None
        } else if self.may_sign(now) {
            Some(KeyState::Active)
        } else if self.retired_at.is_some_and(|retired_at| retired_at <= now) {
            Some(KeyState::Retired)
        } else {
            Some(KeyState::Next)
        }
    }
}

/// Whether some of `keys` can sign with `algorithm` at `now` and at every moment after it.
#[must_use]
pub fn is_always_signed(keys: &[SigningKey], algorithm: SigningAlgorithm, now: Timestamp) -> bool {
    let mut covered_until = now;
    loop {
        let signers = keys
            .iter()
            .filter(|key| key.algorithm == algorithm && key.may_sign(covered_until) && key.may_verify(covered_until));
        // The one that signs longest; without an end goes before every end.
        let longest = signers.max_by_key(|key| key.retired_at.unwrap_or(Timestamp::MAX));
        match longest.map(|key| key.retired_at) {
            None => return false,
            Some(None) => return true,
            Some(Some(retired_at)) => covered_until = retired_at,
        }
    }
}
