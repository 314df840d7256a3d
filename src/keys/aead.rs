//! Authenticated encryption of short texts: nonce, ciphertext and tag in base64url. What is plain in between is wiped.

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use secrecy::zeroize::{Zeroize, Zeroizing};

use crate::base::encoding::base64url;
use crate::base::fault::Fault;
use crate::base::random::Random;

/// Bytes of a nonce.
const NONCE: usize = 12;

/// Seals `plain` so that it opens only together with `context`.
pub(super) fn seal(key: &LessSafeKey, random: &Random, context: &[u8], plain: &[u8]) -> Result<String, Fault> {
    let nonce: [u8; NONCE] = random.bytes();
    // With room for the tag: a buffer that grows would leave a copy of the plaintext behind.
    let mut sealed = Zeroizing::new(Vec::with_capacity(plain.len() + key.algorithm().tag_len()));
    sealed.extend_from_slice(plain);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut *sealed)
        .map_err(|_| Fault::internal("sealing failed"))?;
    Ok(base64url(&[nonce.as_slice(), &sealed].concat()))
}

/// Opens the bytes of what [`seal`] made; `None` for anything else.
pub(super) fn open(key: &LessSafeKey, context: &[u8], bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    let length = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut plain)
        .ok()?
        .len();
    plain[length..].zeroize();
    plain.truncate(length);
    Some(plain)
}
