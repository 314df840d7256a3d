//! Private keys as operators bring them: which are taken, and what they sign.

use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use gatehouse::base::encoding::base64url;
use gatehouse::keys::assertion::AssertionKey;
use gatehouse::model::signing_key::SigningAlgorithm;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Map, Value, json};

use crate::support::assertion::ClientKey;

const ALL: [SigningAlgorithm; 3] = [SigningAlgorithm::Rs256, SigningAlgorithm::Es256, SigningAlgorithm::EdDsa];

fn p384() -> Map<String, Value> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key");
    let point = pair.public_key().as_ref();
    let d: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().expect("a number");
    let jwk = json!({
        "kty": "EC",
        "crv": "P-384",
        "x": base64url(&point[1..49]),
        "y": base64url(&point[49..]),
        "d": base64url(d.as_ref()),
    });
    jwk.as_object().expect("an object").clone()
}

/// Signs with a key, and checks that as whoever has its public half does.
fn check(jwk: &Map<String, Value>, algorithm: Algorithm) {
    let key = AssertionKey::read(jwk).unwrap_or_else(|problem| panic!("{algorithm:?}: {problem}"));
    let token = key.sign(br#"{"sub":"us"}"#).expect("a signature");
    let mut public = jwk.clone();
    public.retain(|name, _| !["d", "p", "q", "dp", "dq", "qi", "alg", "key_ops"].contains(&name.as_str()));
    let public: Jwk = serde_json::from_value(Value::Object(public)).expect("a public key");
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let read = decode::<Value>(&token, &DecodingKey::from_jwk(&public).expect("a key"), &validation).expect("a good signature");
    assert_eq!((read.claims["sub"].as_str(), read.header.alg), (Some("us"), algorithm));
    assert_eq!(read.header.kid.as_deref(), jwk.get("kid").and_then(Value::as_str));
    let shown = format!("{key:?}");
    assert!(shown.len() < 30, "{shown}");
}

#[test]
fn each_kind_signs_by_the_algorithm_that_goes_with_it() {
    let with = |jwk: &Map<String, Value>, more: Value| {
        let mut jwk = jwk.clone();
        jwk.extend(more.as_object().expect("an object").clone());
        jwk
    };
    let [rsa, ec, ed25519] = ALL.map(|algorithm| ClientKey::new(algorithm).private_jwk());
    for (jwk, algorithm) in [
        (rsa.clone(), Algorithm::RS256),
        (
            with(&rsa, json!({ "alg": "RS256", "key_ops": ["verify", "sign"] })),
            Algorithm::RS256,
        ),
        (with(&rsa, json!({ "alg": "PS256" })), Algorithm::PS256),
        (ec, Algorithm::ES256),
        (p384(), Algorithm::ES384),
        (with(&p384(), json!({ "alg": "ES384", "kid": "mine" })), Algorithm::ES384),
        (ed25519, Algorithm::EdDSA),
    ] {
        check(&jwk, algorithm);
        assert!(AssertionKey::parse(&Value::Object(jwk).to_string()).is_ok());
    }
}

#[test]
fn what_is_no_private_key_or_not_one_to_sign_with_is_not_taken() {
    let [rsa, ec, ed25519] = ALL.map(|algorithm| ClientKey::new(algorithm).private_jwk());
    let [other_rsa, other_ec, other_ed] = ALL.map(|algorithm| ClientKey::new(algorithm).private_jwk());
    let cases: [(&Map<String, Value>, Value, &str); 31] = [
        (&rsa, json!({ "d": null }), "d is missing"),
        (&rsa, json!({ "qi": "" }), "qi is missing"),
        (&rsa, json!({ "p": "not base64!" }), "p is missing or not base64url"),
        (&rsa, json!({ "n": null }), "n is missing"),
        (&rsa, json!({ "n": other_rsa["n"] }), "do not belong together"),
        (&rsa, json!({ "d": other_rsa["d"] }), "do not belong together"),
        (&rsa, json!({ "dp": other_rsa["dp"] }), "do not belong together"),
        (&rsa, json!({ "e": "Aw" }), "do not belong together"),
        (&rsa, json!({ "n": base64url(&[0x7f; 256]) }), "has 2047"),
        (&rsa, json!({ "n": base64url(&[0xff; 128]) }), "has 1024"),
        (&rsa, json!({ "n": base64url(&[0xff; 1025]) }), "has 8200"),
        (&rsa, json!({ "n": "AAAA" }), "has 0"),
        (&rsa, json!({ "oth": [] }), "two primes"),
        (&rsa, json!({ "alg": "RS512" }), "alg of the key is not RS256"),
        (&rsa, json!({ "alg": "none" }), "alg of the key is not RS256"),
        (&rsa, json!({ "alg": 1 }), "alg is no text"),
        (&rsa, json!({ "use": "enc" }), "use of the key"),
        (&rsa, json!({ "key_ops": ["verify"] }), "key_ops"),
        (&rsa, json!({ "kid": "" }), "kid has 1 to 512"),
        (&rsa, json!({ "kid": "x".repeat(513) }), "kid has 1 to 512"),
        (&rsa, json!({ "kty": "EC" }), "P-256 or P-384"),
        (&ec, json!({ "d": null }), "d is missing"),
        (&ec, json!({ "d": other_ec["d"] }), "do not belong together"),
        (&ec, json!({ "x": other_ec["x"] }), "do not belong together"),
        (&ec, json!({ "d": base64url(&[0; 32]) }), "do not belong together"),
        (&ec, json!({ "d": base64url(&[1; 31]) }), "32 bytes each"),
        (&ec, json!({ "crv": "P-521" }), "P-256 or P-384"),
        (&ec, json!({ "crv": "P-384" }), "48 bytes each"),
        (&ed25519, json!({ "d": other_ed["d"] }), "do not belong together"),
        (&ed25519, json!({ "crv": "X25519" }), "Ed25519"),
        (&ed25519, json!({ "kty": "oct" }), "RSA, EC or OKP"),
    ];
    for (jwk, change, expected) in cases {
        let mut jwk = jwk.clone();
        for (name, value) in change.as_object().expect("an object") {
            match value {
                Value::Null => jwk.remove(name),
                value => jwk.insert(name.clone(), value.clone()),
            };
        }
        let problem = AssertionKey::read(&jwk).expect_err("not taken");
        assert!(problem.contains(expected), "{change}: {problem}");
        for part in ["d", "p"] {
            let secret = jwk.get(part).and_then(Value::as_str).filter(|text| text.len() > 20);
            assert!(secret.is_none_or(|text| !problem.contains(text)), "{change}: {problem}");
        }
    }
    for text in ["", "[]", "\"d\"", "{\"kty\":\"RSA\",\"d\":\"a secret\"", "null"] {
        let problem = AssertionKey::parse(text).expect_err("not taken");
        assert!(!problem.contains("a secret"), "{problem}");
    }
}
