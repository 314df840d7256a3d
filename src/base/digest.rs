//! Digests of secrets, and comparison that takes the same time wherever two values differ.

use std::sync::Arc;

use aws_lc_rs::{constant_time, digest, hmac};

use super::encoding::base64url;

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// SHA-256 in base64url: how secrets of 256 random bits are stored.
#[must_use]
pub fn sha256_text(text: &str) -> String {
    base64url(&sha256(text.as_bytes()))
}

/// Whether two byte strings are equal, in time that depends on their lengths only.
#[must_use]
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// HMAC-SHA-256 of `bytes` under a key of any length, for protocols that say how what is signed is put together.
#[must_use]
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref());
    out
}

/// The first half of a MAC, where less is enough.
#[must_use]
pub fn half(mac: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&mac[..16]);
    half
}

/// A key for HMAC-SHA-256.
#[derive(Clone, Debug)]
pub struct MacKey(hmac::Key);

impl MacKey {
    /// Wraps 32 bytes of key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The MAC over `parts`, each preceded by its length so that no two lists collide.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }
}

/// Keys for the same purpose while one secret takes the place of another: the newest makes MACs, all of them check.
#[derive(Clone, Debug)]
pub struct MacKeys {
    newest: MacKey,
    others: Arc<[MacKey]>,
}

impl MacKeys {
    /// With the one that makes MACs, and those that only check.
    #[must_use]
    pub fn new(newest: MacKey, others: Vec<MacKey>) -> Self {
        Self {
            newest,
            others: others.into(),
        }
    }

    /// The one that makes MACs.
    #[must_use]
    pub fn newest(&self) -> &MacKey {
        &self.newest
    }

    /// All of them, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &MacKey> {
        std::iter::once(&self.newest).chain(self.others.iter())
    }

    /// As [`MacKey::mac`], by the newest.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.newest.mac(parts)
    }

    /// The MAC over `parts` by each of them, the newest first.
    pub fn macs(&self, parts: &[&[u8]]) -> impl Iterator<Item = [u8; 32]> + use<> {
        self.iter().map(|key| key.mac(parts)).collect::<Vec<_>>().into_iter()
    }
}
