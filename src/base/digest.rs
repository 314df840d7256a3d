//! Digests of secrets, and comparison that takes the same time wherever two values differ.

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
