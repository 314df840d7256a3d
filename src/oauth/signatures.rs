//! Signatures that others made with their private keys: client assertions, tokens of other issuers.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;

use crate::protocol::jwks::{AssertionAlgorithm, KeyMaterial, KeySet, PublicKey};

/// Whether one of the keys made the signature of a JWT, of which `kid` and `algorithm` stand in its header.
#[must_use]
pub fn is_signed_by_one_of(keys: &KeySet, jwt: &str, kid: Option<&str>, algorithm: AssertionAlgorithm) -> bool {
    keys.candidates(kid, algorithm)
        .filter_map(|key| Some((public_key_algorithm(algorithm)?, decoding_key(key)?)))
        .any(|(algorithm, key)| is_made_with(jwt, algorithm, &key))
}

/// The algorithm in the library's terms, for signatures. A MAC never gets here, so no public key can be taken for
/// a secret (RFC 8725 §2.1).
fn public_key_algorithm(algorithm: AssertionAlgorithm) -> Option<Algorithm> {
    match algorithm {
        AssertionAlgorithm::Rs256 => Some(Algorithm::RS256),
        AssertionAlgorithm::Ps256 => Some(Algorithm::PS256),
        AssertionAlgorithm::Es256 => Some(Algorithm::ES256),
        AssertionAlgorithm::EdDsa => Some(Algorithm::EdDSA),
        AssertionAlgorithm::Hs256 => None,
    }
}

fn decoding_key(key: &PublicKey) -> Option<DecodingKey> {
    match &key.material {
        KeyMaterial::Rsa { n, e } => Some(DecodingKey::from_rsa_raw_components(n, e)),
        KeyMaterial::P256 { x, y } => DecodingKey::from_ec_components(x, y).ok(),
        KeyMaterial::Ed25519 { x } => DecodingKey::from_ed_components(x).ok(),
    }
}

/// Whether the signature over these very bytes is good. Claims are judged by those who know what for, and by our clock.
#[must_use]
pub fn is_made_with(jwt: &str, algorithm: Algorithm, key: &DecodingKey) -> bool {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    decode::<Value>(jwt, key, &validation).is_ok()
}
