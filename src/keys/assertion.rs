//! A private key of our own towards another server, as its operator gave it: a JWK (RFC 7517), read once and strictly,
//! that signs assertions (RFC 7523 §2.2).
//!
//! Everything is done by aws-lc-rs, which also sees to it that both halves of the key belong together.

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
};
use secrecy::zeroize::Zeroizing;
use serde_json::{Map, Value, json};

use crate::base::encoding::{base64url, from_base64url};
use crate::base::fault::Fault;

use super::signing::TYP_ID_TOKEN;

/// The fewest bits of an RSA modulus (RFC 7518 §3.3).
const MIN_RSA_BITS: usize = 2048;
/// The most: a longer one only costs time.
const MAX_RSA_BITS: usize = 8192;
/// The longest `kid`, in bytes: it stands in every assertion.
const MAX_KID: usize = 512;
/// The private members of an RSA key and what comes before them, in the order of RFC 8017 §A.1.2.
const RSA_MEMBERS: [&str; 8] = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

enum Private {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A private key that signs assertions. `Debug` shows its algorithm.
pub struct AssertionKey {
    algorithm: &'static str,
    /// The JOSE header in base64url, and a dot
    header: String,
    private: Private,
}

impl AssertionKey {
    /// Reads a JWK with its private half: RSA of 2048 bits and more, P-256, P-384 or Ed25519. It signs by the algorithm that
    /// goes with the key; RSA by RS256 unless `alg` is PS256.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it, and shows nothing of it.
    pub fn read(jwk: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| {
            jwk.get(name)
                .map(|value| value.as_str().ok_or_else(|| format!("{name} is no text")))
        };
        if let Some(usage) = text("use").transpose()?
            && usage != "sig"
        {
            return Err("the use of the key is not sig".to_owned());
        }
        if let Some(operations) = jwk.get("key_ops") {
            let can_sign = operations
                .as_array()
                .is_some_and(|all| all.iter().any(|operation| operation == "sign"));
            can_sign.then_some(()).ok_or("the key_ops of the key have no sign")?;
        }
        if jwk.contains_key("oth") {
            return Err("an RSA key of more than two primes is not taken".to_owned());
        }
        let kid = text("kid").transpose()?;
        if kid.is_some_and(|kid| kid.is_empty() || kid.len() > MAX_KID) {
            return Err(format!("kid has 1 to {MAX_KID} bytes"));
        }
        let alg = text("alg").transpose()?;
        let (algorithm, private) = match (text("kty").transpose()?, text("crv").transpose()?) {
            (Some("RSA"), _) => rsa(jwk, alg)?,
            (Some("EC"), Some("P-256")) => ("ES256", ecdsa(jwk, &ECDSA_P256_SHA256_FIXED_SIGNING, 32)?),
            (Some("EC"), Some("P-384")) => ("ES384", ecdsa(jwk, &ECDSA_P384_SHA384_FIXED_SIGNING, 48)?),
            (Some("OKP"), Some("Ed25519")) => ("EdDSA", ed25519(jwk)?),
            (Some("EC"), _) => return Err("an EC key has the crv P-256 or P-384".to_owned()),
            (Some("OKP"), _) => return Err("an OKP key has the crv Ed25519".to_owned()),
            _ => return Err("a private key is a JWK with the kty RSA, EC or OKP".to_owned()),
        };
        if alg.is_some_and(|alg| alg != algorithm) {
            return Err(format!(
                "the alg of the key is not {algorithm}, which is what such a key is used for"
            ));
        }
        let mut header = json!({ "typ": TYP_ID_TOKEN, "alg": algorithm });
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        Ok(Self {
            algorithm,
            header: format!("{}.", base64url(header.to_string().as_bytes())),
            private,
        })
    }

    /// As [`Self::read`], of the text of a JWK.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub fn parse(text: &str) -> Result<Self, String> {
        // What the parser says may show a part of it.
        let jwk = serde_json::from_str(text).map_err(|_| "the key is no JSON object".to_owned())?;
        Self::read(&jwk)
    }

    /// Signs claims as a compact JWT (RFC 7515 §7.1).
    ///
    /// # Errors
    /// When the library refuses.
    #[expect(clippy::disallowed_types, reason = "aws-lc-rs signs only with its own generator")]
    pub fn sign(&self, claims: &[u8]) -> Result<String, Fault> {
        let refused = |_| Fault::internal("signing failed");
        let random = aws_lc_rs::rand::SystemRandom::new();
        let mut token = format!("{}{}", self.header, base64url(claims));
        let signature = match &self.private {
            Private::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, token.as_bytes(), &mut signature).map_err(refused)?;
                signature
            }
            Private::Ecdsa(pair) => pair.sign(&random, token.as_bytes()).map_err(refused)?.as_ref().to_vec(),
            Private::Ed25519(pair) => pair.sign(token.as_bytes()).as_ref().to_vec(),
        };
        token.push('.');
        token.push_str(&base64url(&signature));
        Ok(token)
    }
}

impl std::fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AssertionKey({})", self.algorithm)
    }
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let text = jwk.get(name).and_then(Value::as_str);
    let bytes = text.and_then(from_base64url).filter(|bytes| !bytes.is_empty());
    bytes
        .map(Zeroizing::new)
        .ok_or_else(|| format!("{name} is missing or not base64url: is this the private half of the key?"))
}

fn rsa(jwk: &Map<String, Value>, alg: Option<&str>) -> Result<(&'static str, Private), String> {
    let members = RSA_MEMBERS.map(|name| bytes(jwk, name));
    let mut numbers = Vec::new();
    for member in members {
        numbers.push(member?);
    }
    let bits = numbers.first().map_or(0, |modulus| bit_length(modulus));
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err(format!(
            "an RSA key has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, and this one has {bits}"
        ));
    }
    let der = rsa_private_key(&numbers);
    let pair = RsaKeyPair::from_der(&der).map_err(|_| "the members of the RSA key do not belong together".to_owned())?;
    Ok(match alg {
        Some("PS256") => ("PS256", Private::Rsa(pair, &RSA_PSS_SHA256)),
        _ => ("RS256", Private::Rsa(pair, &RSA_PKCS1_SHA256)),
    })
}

fn ecdsa(jwk: &Map<String, Value>, algorithm: &'static EcdsaSigningAlgorithm, length: usize) -> Result<Private, String> {
    let (x, y, d) = (bytes(jwk, "x")?, bytes(jwk, "y")?, bytes(jwk, "d")?);
    if [&x, &y, &d].iter().any(|part| part.len() != length) {
        return Err(format!("x, y and d have {length} bytes each"));
    }
    let point = [&[4], x.as_slice(), &y].concat();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &d, &point);
    Ok(Private::Ecdsa(pair.map_err(|_| "x, y and d do not belong together".to_owned())?))
}

fn ed25519(jwk: &Map<String, Value>) -> Result<Private, String> {
    let (x, d) = (bytes(jwk, "x")?, bytes(jwk, "d")?);
    if x.len() != 32 || d.len() != 32 {
        return Err("x and d have 32 bytes each".to_owned());
    }
    let pair = Ed25519KeyPair::from_seed_and_public_key(&d, &x);
    Ok(Private::Ed25519(pair.map_err(|_| "x and d do not belong together".to_owned())?))
}

fn bit_length(number: &[u8]) -> usize {
    let significant = number.iter().position(|byte| *byte != 0).map_or(&[][..], |at| &number[at..]);
    significant.first().map_or(0, |first| {
        significant.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0)
    })
}

/// `RSAPrivateKey` (RFC 8017 §A.1.2) in DER.
fn rsa_private_key(numbers: &[Zeroizing<Vec<u8>>]) -> Zeroizing<Vec<u8>> {
    let mut content = Zeroizing::new(vec![0x02, 1, 0]);
    for number in numbers {
        let at = number.iter().position(|byte| *byte != 0).unwrap_or(number.len().saturating_sub(1));
        let significant = &number[at..];
        let is_padded = significant.first().is_some_and(|byte| byte & 0x80 != 0);
        content.push(0x02);
        push_length(&mut content, significant.len() + usize::from(is_padded));
        if is_padded {
            content.push(0);
        }
        content.extend_from_slice(significant);
    }
    let mut der = Zeroizing::new(vec![0x30]);
    push_length(&mut der, content.len());
    der.extend_from_slice(&content);
    der
}

/// A length in DER (X.690 §8.1.3).
fn push_length(der: &mut Vec<u8>, length: usize) {
    let bytes = length.to_be_bytes();
    let significant = bytes.iter().position(|byte| *byte != 0).map_or(&[][..], |at| &bytes[at..]);
    match (significant, u8::try_from(significant.len())) {
        ([], _) => der.push(0),
        ([short], _) if *short < 0x80 => der.push(*short),
        (long, Ok(count)) => {
            der.push(0x80 | count);
            der.extend_from_slice(long);
        }
        // A length has eight bytes at most.
        (_, Err(_)) => {}
    }
}
