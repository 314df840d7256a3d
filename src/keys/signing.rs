//! Key pairs: made once, kept parsed, used for every signature.
//!
//! The `rsa` crate makes RSA keys and does nothing else here (RUSTSEC-2023-0071 concerns its private
//! key operations); aws-lc-rs makes the others and signs with all of them.

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
};
use rsa::pkcs8::EncodePrivateKey;
use rsa::traits::PublicKeyParts;
use serde_json::json;

use crate::base::digest::sha256;
use crate::base::encoding::{base64url, from_base64url};
use crate::base::fault::Fault;
use crate::base::random::{RandCore, Random};
use crate::model::signing_key::{SigningAlgorithm, SigningKey};

use super::secrets::Sealer;

/// Modulus length of new RSA keys, in bits.
const RSA_BITS: usize = 2048;

/// A fresh private key in PKCS#8, and its public JWK.
pub struct GeneratedKey {
    /// `kid`: the JWK thumbprint (RFC 7638), so that it says nothing but is stable
    pub id: String,
    /// The private key, DER
    pub pkcs8: Vec<u8>,
    /// The public key (RFC 7517)
    pub public_jwk: String,
}

/// Makes a key pair. RSA takes a good part of a second: do it off the async threads.
///
/// # Errors
/// When a library refuses.
#[expect(
    clippy::disallowed_types,
    reason = "aws-lc-rs makes EC and Ed25519 keys only with its own generator"
)]
pub fn generate(algorithm: SigningAlgorithm, random: &Random) -> Result<GeneratedKey, Fault> {
    let refused = |_| Fault::internal("key generation failed");
    let (pkcs8, members) = match algorithm {
        SigningAlgorithm::Rs256 => {
            let key = rsa::RsaPrivateKey::new(&mut RandCore(random), RSA_BITS).map_err(Fault::internal)?;
            let members = [
                ("e", base64url(&key.e().to_bytes_be())),
                ("kty", "RSA".to_owned()),
                ("n", base64url(&key.n().to_bytes_be())),
            ];
            let der = key.to_pkcs8_der().map_err(Fault::internal)?;
            (der.as_bytes().to_vec(), members.to_vec())
        }
        SigningAlgorithm::Es256 => {
            let document =
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &aws_lc_rs::rand::SystemRandom::new()).map_err(refused)?;
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).map_err(Fault::internal)?;
            // An uncompressed point: 04, then 32 bytes of x and 32 of y (SEC 1 §2.3.3).
            let point = pair.public_key().as_ref();
            let (Some(x), Some(y)) = (point.get(1..33), point.get(33..65)) else {
                return Err(Fault::internal("unexpected form of a P-256 point"));
            };
            let members = [
                ("crv", "P-256".to_owned()),
                ("kty", "EC".to_owned()),
                ("x", base64url(x)),
                ("y", base64url(y)),
            ];
            (document.as_ref().to_vec(), members.to_vec())
        }
        SigningAlgorithm::EdDsa => {
            let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).map_err(refused)?;
            let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(Fault::internal)?;
            let x = base64url(pair.public_key().as_ref());
            (
                document.as_ref().to_vec(),
                [("crv", "Ed25519".to_owned()), ("kty", "OKP".to_owned()), ("x", x)].to_vec(),
            )
        }
    };
    let id = thumbprint(&members);
    let mut jwk = serde_json::Map::new();
    for (name, value) in members {
        jwk.insert(name.to_owned(), json!(value));
    }
    jwk.insert("kid".to_owned(), json!(id));
    jwk.insert("use".to_owned(), json!("sig"));
    jwk.insert("alg".to_owned(), json!(algorithm.as_str()));
    Ok(GeneratedKey {
        id,
        pkcs8,
        public_jwk: serde_json::Value::Object(jwk).to_string(),
    })
}

/// SHA-256 over the required members in lexicographic order (RFC 7638 §3).
fn thumbprint(members: &[(&str, String)]) -> String {
    let canonical = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":\"{value}\""))
        .collect::<Vec<_>>()
        .join(",");
    base64url(&sha256(format!("{{{canonical}}}").as_bytes()))
}

enum Private {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key pair, parsed and ready.
pub struct KeyPair {
    /// The record it was made from.
    pub record: SigningKey,
    /// For verifying what it signed.
    public: ParsedPublicKey,
    /// The beginning of every token it signs, by `typ`: base64url of the JOSE header, and a dot.
    headers: [(&'static str, String); 2],
    private: Private,
}

/// `typ` of access tokens (RFC 9068 §2.1).
pub const TYP_ACCESS_TOKEN: &str = "at+jwt";
/// `typ` of ID tokens (RFC 7519 §5.1).
pub const TYP_ID_TOKEN: &str = "JWT";

impl KeyPair {
    /// Opens and parses a stored key.
    ///
    /// # Errors
    /// When it does not open with this secret or does not parse.
    pub fn open(record: SigningKey, sealer: &Sealer) -> Result<Self, Fault> {
        let pkcs8 = sealer
            .open_secret(record.id.as_bytes(), &record.sealed_private_key)
            .ok_or_else(|| Fault::internal(format!("signing key {} does not open with this APP_SECRET", record.id)))?;
        let private = match record.algorithm {
            SigningAlgorithm::Rs256 => Private::Rsa(RsaKeyPair::from_pkcs8(&pkcs8).map_err(Fault::internal)?),
            SigningAlgorithm::Es256 => {
                Private::Ecdsa(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).map_err(Fault::internal)?)
            }
            SigningAlgorithm::EdDsa => Private::Ed25519(Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(Fault::internal)?),
        };
        let public = match &private {
            Private::Rsa(pair) => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key()),
            Private::Ecdsa(pair) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key()),
            Private::Ed25519(pair) => ParsedPublicKey::new(&ED25519, pair.public_key()),
        }
        .map_err(Fault::internal)?;
        let headers = [TYP_ACCESS_TOKEN, TYP_ID_TOKEN].map(|typ| {
            let header = json!({ "typ": typ, "alg": record.algorithm.as_str(), "kid": record.id });
            (typ, format!("{}.", base64url(header.to_string().as_bytes())))
        });
        Ok(Self {
            record,
            public,
            headers,
            private,
        })
    }

    /// How every token of this `typ` begins that it signs.
    fn header(&self, typ: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| *known == typ);
        header.map(|(_, header)| header.as_str())
    }

    /// Whether a token says that this key has signed it, as this `typ`: byte by byte what [`Self::sign`] puts in front, so
    /// nothing in the token can choose an algorithm or anything else (RFC 8725 §3.1).
    #[must_use]
    pub fn has_headed(&self, token: &str, typ: &str) -> bool {
        self.header(typ).is_some_and(|header| token.starts_with(header))
    }

    /// The claims of a compact JWT that this key has signed.
    #[must_use]
    pub fn claims(&self, token: &str) -> Option<Vec<u8>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (_, claims) = signed.split_once('.')?;
        let signature = from_base64url(signature)?;
        self.public.verify_sig(signed.as_bytes(), &signature).ok()?;
        from_base64url(claims)
    }

    /// Signs claims as a compact JWT (RFC 7515 §7.1) of the given `typ`.
    ///
    /// # Errors
    /// When a library refuses.
    #[expect(clippy::disallowed_types, reason = "aws-lc-rs signs only with its own generator")]
    pub fn sign(&self, typ: &'static str, claims: &[u8]) -> Result<String, Fault> {
        let refused = |_| Fault::internal("signing failed");
        let header = self.header(typ).ok_or_else(|| Fault::internal("unknown typ"))?;
        let mut token = header.to_owned();
        token.push_str(&base64url(claims));
        let signature = match &self.private {
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &aws_lc_rs::rand::SystemRandom::new(),
                    token.as_bytes(),
                    &mut signature,
                )
                .map_err(refused)?;
                signature
            }
            Private::Ecdsa(pair) => pair
                .sign(&aws_lc_rs::rand::SystemRandom::new(), token.as_bytes())
                .map_err(refused)?
                .as_ref()
                .to_vec(),
            Private::Ed25519(pair) => pair.sign(token.as_bytes()).as_ref().to_vec(),
        };
        token.push('.');
        token.push_str(&base64url(&signature));
        Ok(token)
    }
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyPair({} {})", self.record.algorithm, self.record.id)
    }
}
