//! The outer form of what we hand out: a recognisable prefix, the grant it belongs to, and a part
//! that cannot be guessed. Secret scanners can find leaks by the prefix.

use crate::base::digest::{MacKey, equal, half};
use crate::base::encoding::{base64url, from_base64url};
use crate::base::id::{id_bytes, id_from_bytes};

/// Prefix of authorization codes.
pub const CODE_PREFIX: &str = "ghc_";
/// Prefix of refresh tokens.
pub const REFRESH_TOKEN_PREFIX: &str = "ghr_";
/// Prefix of opaque access tokens.
pub const ACCESS_TOKEN_PREFIX: &str = "gha_";
/// Prefix of workload access tokens.
pub const WORKLOAD_TOKEN_PREFIX: &str = "ghw_";

/// An authorization code: the grant's id, 192 random bits, and a MAC over both, so that nobody asks the database for one that was
/// made up. Only its digest is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    grant: [u8; 16],
    secret: [u8; 24],
    mac: [u8; 16],
}

impl AuthorizationCode {
    /// A code for a grant; `key` authenticates it. `None` when the id is not one of ours.
    #[must_use]
    pub fn new(grant_id: &str, secret: [u8; 24], key: &MacKey) -> Option<Self> {
        let grant = id_bytes(grant_id)?;
        Some(Self {
            grant,
            secret,
            mac: Self::mac(&grant, &secret, key),
        })
    }

    /// Parses a code; `None` for anything that we cannot have made. The MAC is not checked yet.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 56] = from_base64url(text.strip_prefix(CODE_PREFIX)?)?.try_into().ok()?;
        Some(Self {
            grant: bytes[..16].try_into().ok()?,
            secret: bytes[16..40].try_into().ok()?,
            mac: bytes[40..].try_into().ok()?,
        })
    }

    /// Whether it was made with this key.
    #[must_use]
    pub fn is_authentic(&self, key: &MacKey) -> bool {
        equal(&Self::mac(&self.grant, &self.secret, key), &self.mac)
    }

    /// Half of a MAC is enough: it keeps guesses from the database, and whoever guesses it has not guessed the secret.
    fn mac(grant: &[u8; 16], secret: &[u8; 24], key: &MacKey) -> [u8; 16] {
        half(&key.mac(&[grant, secret]))
    }

    /// The grant it belongs to.
    #[must_use]
    pub fn grant_id(&self) -> String {
        id_from_bytes(self.grant)
    }

    /// The code as the client sees it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut bytes = [0; 56];
        bytes[..16].copy_from_slice(&self.grant);
        bytes[16..40].copy_from_slice(&self.secret);
        bytes[40..].copy_from_slice(&self.mac);
        format!("{CODE_PREFIX}{}", base64url(&bytes))
    }
}

/// A refresh token: the grant's id, its generation, and a MAC over both. It can be derived again,
/// so that a retry after a lost answer gets the same successor.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    grant: [u8; 16],
    generation: u32,
    mac: [u8; 32],
}

impl RefreshToken {
    /// A token for a generation of a grant; `mac` authenticates both. `None` when the id is not ours.
    #[must_use]
    pub fn new(grant_id: &str, generation: u32, mac: impl Fn(&[u8; 16], u32) -> [u8; 32]) -> Option<Self> {
        let grant = id_bytes(grant_id)?;
        Some(Self {
            grant,
            generation,
            mac: mac(&grant, generation),
        })
    }

    /// Parses a token; `None` for anything that we cannot have made. The MAC is not checked yet.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 52] = from_base64url(text.strip_prefix(REFRESH_TOKEN_PREFIX)?)?.try_into().ok()?;
        Some(Self {
            grant: bytes[..16].try_into().ok()?,
            generation: u32::from_be_bytes(bytes[16..20].try_into().ok()?),
            mac: bytes[20..].try_into().ok()?,
        })
    }

    /// The grant it belongs to.
    #[must_use]
    pub fn grant_id(&self) -> String {
        id_from_bytes(self.grant)
    }

    /// Which of the grant's successive tokens this is, counted from 1.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether `mac` computes the MAC that the token carries.
    #[must_use]
    pub fn is_authentic(&self, mac: impl Fn(&[u8; 16], u32) -> [u8; 32]) -> bool {
        equal(&mac(&self.grant, self.generation), &self.mac)
    }

    /// The token as the client sees it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut bytes = [0; 52];
        bytes[..16].copy_from_slice(&self.grant);
        bytes[16..20].copy_from_slice(&self.generation.to_be_bytes());
        bytes[20..].copy_from_slice(&self.mac);
        format!("{REFRESH_TOKEN_PREFIX}{}", base64url(&bytes))
    }
}
