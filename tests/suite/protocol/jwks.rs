//! Public keys of clients (RFC 7517).

use gatehouse::base::encoding::base64url;
use gatehouse::protocol::jwks::{AssertionAlgorithm, KeySet, MAX_KEYS};
use proptest::prelude::*;
use serde_json::{Value, json};

fn rsa(bits: usize) -> Value {
    let mut n = vec![0x5a; bits.div_ceil(8)];
    n[0] = if bits.is_multiple_of(8) { 0x80 } else { 1 << (bits % 8 - 1) };
    json!({ "kty": "RSA", "n": base64url(&n), "e": "AQAB" })
}

fn ec() -> Value {
    json!({ "kty": "EC", "crv": "P-256", "x": base64url(&[1; 32]), "y": base64url(&[2; 32]) })
}

fn ed() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(&[3; 32]) })
}

fn with(mut key: Value, name: &str, value: Value) -> Value {
    key[name] = value;
    key
}

fn set(keys: &[Value]) -> Value {
    json!({ "keys": keys })
}

fn fitting(keys: &KeySet, kid: Option<&str>, algorithm: AssertionAlgorithm) -> usize {
    keys.candidates(kid, algorithm).count()
}

#[test]
fn each_kind_is_for_its_algorithms() {
    let keys = KeySet::read(&set(&[rsa(2048), ec(), ed()])).unwrap();
    let fits = |algorithm| fitting(&keys, None, algorithm);
    assert_eq!(AssertionAlgorithm::ALL.map(fits), [1, 1, 1, 1, 0], "and none for MACs");
    let only = KeySet::read(&set(&[with(rsa(3072), "alg", json!("PS256"))])).unwrap();
    assert_eq!(fitting(&only, None, AssertionAlgorithm::Rs256), 0);
    assert_eq!(fitting(&only, None, AssertionAlgorithm::Ps256), 1);
}

#[test]
fn a_named_key_is_the_only_one() {
    let keys = KeySet::read(&set(&[with(ed(), "kid", json!("a")), with(ed(), "kid", json!("b"))])).unwrap();
    assert_eq!(fitting(&keys, Some("a"), AssertionAlgorithm::EdDsa), 1);
    assert_eq!(fitting(&keys, Some("c"), AssertionAlgorithm::EdDsa), 0);
    assert_eq!(fitting(&keys, None, AssertionAlgorithm::EdDsa), 2);
}

#[test]
fn nothing_private_and_nothing_weak() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let private = with(ec(), name, json!("x"));
        assert!(KeySet::read(&set(&[rsa(2048), private])).is_err(), "{name}");
    }
    for bad in [
        rsa(1024),
        rsa(2047),
        rsa(8200),
        with(rsa(2048), "e", json!("AQ")),
        with(rsa(2048), "e", json!("AAAAAAAB")),
        with(rsa(2048), "e", json!("BA")),
        with(rsa(2048), "n", json!("!")),
        with(ec(), "x", json!(base64url(&[1; 31]))),
        with(ed(), "x", json!(base64url(&[1; 33]))),
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "oct" }),
        json!({ "n": "AQAB" }),
        json!("key"),
    ] {
        assert!(KeySet::read(&set(&[ed(), bad.clone()])).is_err(), "{bad}");
    }
    // Zeros in front make no number longer.
    let padded: Vec<u8> = std::iter::repeat_n(0, 200).chain([0x80; 128]).collect();
    assert!(KeySet::read(&set(&[with(rsa(2048), "n", json!(base64url(&padded)))])).is_err());
}

#[test]
fn what_is_for_something_else_is_passed_over() {
    for other in [
        with(rsa(2048), "use", json!("enc")),
        with(rsa(2048), "key_ops", json!(["encrypt"])),
        with(rsa(2048), "alg", json!("RSA-OAEP")),
        with(rsa(2048), "alg", json!("HS256")),
        json!({ "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" }),
        json!({ "kty": "AKP", "pub": "AA" }),
    ] {
        assert!(
            KeySet::read(&set(std::slice::from_ref(&other))).is_err(),
            "alone it is of no use: {other}"
        );
        let keys = KeySet::read(&set(&[other, ed()])).unwrap();
        assert_eq!(AssertionAlgorithm::ALL.map(|one| fitting(&keys, None, one)), [0, 0, 0, 1, 0]);
    }
}

#[test]
fn a_set_is_a_list_of_some() {
    for bad in [
        json!({}),
        json!([]),
        json!({ "keys": {} }),
        set(&[]),
        json!(null),
        set(&vec![ed(); MAX_KEYS + 1]),
    ] {
        assert!(KeySet::read(&bad).is_err(), "{bad}");
    }
    assert!(KeySet::read(&set(&vec![ed(); MAX_KEYS])).is_ok());
    assert!(KeySet::parse(b"no json").is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = KeySet::parse(&bytes);
    }
}
