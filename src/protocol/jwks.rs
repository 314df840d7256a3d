//! The public keys of a client: a JWK set (RFC 7517 §5), read once and strictly.

use serde_json::{Map, Value};

use crate::base::encoding::from_base64url;
use crate::base::json::strict;

/// The most keys of a set.
pub const MAX_KEYS: usize = 20;
/// The longest set that an operator may register, in bytes of JSON.
pub const MAX_BYTES: usize = 16 * 1024;
/// The fewest bits of an RSA modulus (RFC 7518 §3.3).
const MIN_RSA_BITS: usize = 2048;
/// The most: a longer one only costs time.
const MAX_RSA_BITS: usize = 8192;
/// Members that only private and symmetric keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// An algorithm by which clients sign assertions (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AssertionAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256
    Rs256,
    /// RSASSA-PSS with SHA-256
    Ps256,
    /// ECDSA with P-256 and SHA-256
    Es256,
    /// Ed25519
    EdDsa,
    /// HMAC with SHA-256, by the client's secret
    Hs256,
}

impl AssertionAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa, Self::Hs256];

    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// What a key is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyMaterial {
    /// Modulus and exponent, as bytes
    Rsa {
        /// The modulus, without leading zeros
        n: Vec<u8>,
        /// The public exponent
        e: Vec<u8>,
    },
    /// A point of P-256: both coordinates in base64url
    P256 {
        /// The first coordinate
        x: String,
        /// The second
        y: String,
    },
    /// A point of Ed25519 in base64url
    Ed25519 {
        /// The point
        x: String,
    },
}

/// A public key that verifies assertions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its name
    pub kid: Option<String>,
    /// What it is made of
    pub material: KeyMaterial,
    /// The only algorithm that it is for, if it says so
    algorithm: Option<AssertionAlgorithm>,
}

impl PublicKey {
    /// Whether it can verify what says that it was signed by this algorithm. The key decides, never the token alone
    /// (RFC 8725 §3.1).
    #[must_use]
    pub fn fits(&self, algorithm: AssertionAlgorithm) -> bool {
        let by_kind = match &self.material {
            KeyMaterial::Rsa { .. } => matches!(algorithm, AssertionAlgorithm::Rs256 | AssertionAlgorithm::Ps256),
            KeyMaterial::P256 { .. } => algorithm == AssertionAlgorithm::Es256,
            KeyMaterial::Ed25519 { .. } => algorithm == AssertionAlgorithm::EdDsa,
        };
        by_kind && self.algorithm.is_none_or(|only| only == algorithm)
    }
}

/// The keys of a set that verify assertions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// Reads a JWK set. Keys of other kinds and for other uses are passed over (RFC 7517 §5); a set with anything
    /// private in it is refused as a whole, for whoever can read it could sign.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn read(set: &Value) -> Result<Self, String> {
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or("a JWK set is an object with the list \"keys\"")?;
        if keys.len() > MAX_KEYS {
            return Err(format!("a JWK set has at most {MAX_KEYS} keys"));
        }
        let mut read = Vec::new();
        for key in keys {
            let key = key.as_object().ok_or("a key of a JWK set is an object")?;
            read.extend(public_key(key)?);
        }
        if read.is_empty() {
            return Err("the JWK set has no key that verifies RS256, PS256, ES256 or EdDSA signatures".to_owned());
        }
        Ok(Self(read))
    }

    /// Reads a JWK set of bytes.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let set = strict(text).map_err(|error| format!("not JSON: {error}"))?;
        Self::read(&set)
    }

    /// The keys that an assertion may have been signed with: the one that it names, or else every one that fits.
    pub fn candidates<'k>(&'k self, kid: Option<&'k str>, algorithm: AssertionAlgorithm) -> impl Iterator<Item = &'k PublicKey> {
        let is_named = move |key: &&PublicKey| kid.is_none_or(|kid| key.kid.as_deref().is_none_or(|named| named == kid));
        self.0.iter().filter(is_named).filter(move |key| key.fits(algorithm))
    }
}

/// Reads one key; `None` when it is no key for signatures that this server knows.
fn public_key(key: &Map<String, Value>) -> Result<Option<PublicKey>, String> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let kty = text("kty").ok_or("a key of a JWK set has a kty")?;
    if kty == "oct" || PRIVATE.iter().any(|name| key.contains_key(*name)) {
        return Err(
            "the JWK set has a private or symmetric key: leave d, p, q, dp, dq, qi and k out, and consider the key known to others"
                .to_owned(),
        );
    }
    let is_for_signatures = text("use").is_none_or(|purpose| purpose == "sig");
    let may_verify = key.get("key_ops").is_none_or(|operations| {
        let list = operations.as_array();
        list.is_some_and(|list| list.iter().any(|operation| operation == "verify"))
    });
    let algorithm = match key.get("alg") {
        None => None,
        Some(name) => match name.as_str().and_then(AssertionAlgorithm::parse) {
            Some(known) => Some(known),
            None => return Ok(None),
        },
    };
    if !is_for_signatures || !may_verify {
        return Ok(None);
    }
    let bytes = |name: &str| {
        text(name)
            .and_then(from_base64url)
            .ok_or_else(|| format!("{name} of a key is not base64url"))
    };
    let coordinate = |name: &str| match bytes(name)?.len() {
        32 => Ok(text(name).unwrap_or_default().to_owned()),
        _ => Err(format!("{name} of a key has not 32 bytes")),
    };
    let material = match (kty, text("crv")) {
        ("RSA", _) => rsa(&bytes("n")?, bytes("e")?)?,
        ("EC", Some("P-256")) => KeyMaterial::P256 {
            x: coordinate("x")?,
            y: coordinate("y")?,
        },
        ("OKP", Some("Ed25519")) => KeyMaterial::Ed25519 { x: coordinate("x")? },
        _ => return Ok(None),
    };
    let key = PublicKey {
        kid: text("kid").map(str::to_owned),
        material,
        algorithm,
    };
    // One whose alg belongs to another kind of key fits nothing.
    Ok(AssertionAlgorithm::ALL.into_iter().any(|one| key.fits(one)).then_some(key))
}

fn rsa(n: &[u8], e: Vec<u8>) -> Result<KeyMaterial, String> {
    let zeros = n.iter().take_while(|byte| **byte == 0).count();
    let n = &n[zeros..];
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if bits < MIN_RSA_BITS {
        return Err(format!("an RSA key has {bits} bits: at least {MIN_RSA_BITS} are needed"));
    }
    if bits > MAX_RSA_BITS {
        return Err(format!("an RSA key has {bits} bits: at most {MAX_RSA_BITS} are read"));
    }
    let exponent = e.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    if e.len() > 4 || exponent < 3 || exponent.is_multiple_of(2) {
        return Err("the exponent of an RSA key is not one that is used".to_owned());
    }
    Ok(KeyMaterial::Rsa { n: n.to_vec(), e })
}
