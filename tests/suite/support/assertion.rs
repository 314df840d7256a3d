//! Keys of clients, and the assertions that they sign: also those that no library would make.

use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin, EcPrivateKeyBin};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use gatehouse::base::encoding::base64url;
use gatehouse::base::random::Random;
use gatehouse::keys::signing::generate;
use gatehouse::model::signing_key::SigningAlgorithm;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PrivateKeyParts;
use serde_json::{Map, Value, json};

use super::app::TestApp;

/// A key pair of a client.
pub struct ClientKey {
    pub kid: String,
    /// The public half
    pub jwk: Value,
    pkcs8: Vec<u8>,
}

impl ClientKey {
    pub fn new(algorithm: SigningAlgorithm) -> Self {
        let key = generate(algorithm, &Random::system()).expect("a key");
        let mut jwk: Value = serde_json::from_str(&key.public_jwk).expect("JSON");
        // One RSA key is for two algorithms.
        jwk.as_object_mut().expect("an object").remove("alg");
        Self {
            kid: key.id,
            jwk,
            pkcs8: key.pkcs8,
        }
    }

    /// The whole key, with its private half.
    pub fn private_jwk(&self) -> Map<String, Value> {
        let mut jwk = self.jwk.as_object().expect("an object").clone();
        let mut set = |name: &str, bytes: &[u8]| jwk.insert(name.to_owned(), json!(base64url(bytes)));
        match self.jwk["kty"].as_str() {
            Some("RSA") => {
                let key = rsa::RsaPrivateKey::from_pkcs8_der(&self.pkcs8).expect("a key");
                let qinv = key.crt_coefficient().expect("a coefficient");
                set("d", &key.d().to_bytes_be());
                set("p", &key.primes()[0].to_bytes_be());
                set("q", &key.primes()[1].to_bytes_be());
                set("dp", &key.dp().expect("an exponent").to_bytes_be());
                set("dq", &key.dq().expect("an exponent").to_bytes_be());
                set("qi", &qinv.to_bytes_be());
            }
            Some("EC") => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8).expect("a key");
                let number: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().expect("a number");
                set("d", number.as_ref());
            }
            _ => {
                let pair = Ed25519KeyPair::from_pkcs8(&self.pkcs8).expect("a key");
                let seed: Curve25519SeedBin<'_> = pair.seed().expect("a seed").as_be_bytes().expect("a seed");
                set("d", seed.as_ref());
            }
        }
        jwk
    }

    /// Signs claims by an algorithm that the key is good for.
    pub fn sign(&self, algorithm: &str, claims: &Value) -> String {
        self.sign_as("JWT", algorithm, claims)
    }

    /// As [`Self::sign`], with a type.
    pub fn sign_as(&self, typ: &str, algorithm: &str, claims: &Value) -> String {
        self.sign_input(algorithm, input(&json!({ "alg": algorithm, "kid": self.kid, "typ": typ }), claims))
    }

    /// Signs header and claims as they are, whatever they say, by the first algorithm that the key is good for.
    pub fn sign_raw(&self, input: &str) -> String {
        let algorithm = match self.jwk["kty"].as_str() {
            Some("RSA") => "RS256",
            Some("EC") => "ES256",
            _ => "EdDSA",
        };
        self.sign_input(algorithm, input.to_owned())
    }

    #[expect(clippy::disallowed_types, reason = "aws-lc-rs signs only with its own generator")]
    fn sign_input(&self, algorithm: &str, input: String) -> String {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let rsa = |padding: &'static dyn RsaEncoding| {
            let pair = RsaKeyPair::from_pkcs8(&self.pkcs8).expect("a key");
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &random, input.as_bytes(), &mut signature).expect("a signature");
            signature
        };
        let signature = match algorithm {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "ES256" => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8).expect("a key");
                pair.sign(&random, input.as_bytes()).expect("a signature").as_ref().to_vec()
            }
            "EdDSA" => {
                let pair = Ed25519KeyPair::from_pkcs8(&self.pkcs8).expect("a key");
                pair.sign(input.as_bytes()).as_ref().to_vec()
            }
            other => panic!("{other}"),
        };
        format!("{input}.{}", base64url(&signature))
    }
}

/// A JWT with a MAC.
pub fn mac(secret: &[u8], claims: &Value) -> String {
    let input = input(&json!({ "alg": "HS256" }), claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{input}.{}", base64url(hmac::sign(&key, input.as_bytes()).as_ref()))
}

/// Header and claims, joined.
pub fn input(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(claims.to_string().as_bytes())
    )
}

/// The claims of a good assertion, with a name of its own.
pub fn claims(app: &TestApp, client_id: &str) -> Value {
    let now = app.app.now();
    json!({
        "iss": client_id,
        "sub": client_id,
        "aud": app.app.issuer.as_str(),
        "exp": now + 60,
        "iat": now,
        "jti": app.app.random.secret(),
    })
}

/// The fields that go with an assertion.
pub fn fields(assertion: &str) -> [(&'static str, &str); 2] {
    [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
    ]
}
