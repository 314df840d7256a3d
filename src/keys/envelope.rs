//! Envelope encryption of the tokens of connections.
//!
//! ```text
//! tokens ── AES-256-GCM, a data key of their own ──▶ sealed
//! data key ── AES-256-GCM, a key-encryption key ──▶ wrapped key      key id: which one
//! ```
//!
//! A data key seals once; a key-encryption key may seal 2³² data keys before nonces are likely to repeat (NIST SP 800-38D §8.3).
//! Both are bound to the connection, its person, provider and agent: a row that is copied to another one does not open.
//! A new key-encryption key needs only the data keys wrapped again ([`Envelope::rewrap`]), not the tokens sealed again.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use secrecy::zeroize::Zeroizing;

use crate::base::digest::sha256;
use crate::base::encoding::{from_base64, from_base64url};
use crate::base::fault::Fault;
use crate::base::random::Random;
use crate::model::connection::{Binding, SealedTokens, Tokens};

use super::aead::{self, seal};

/// What the tokens are sealed for.
const TOKENS: &str = "gatehouse vault tokens v1";
/// What a data key is wrapped for.
const DATA_KEY: &str = "gatehouse vault data key v1";
/// What the id of a key is a digest for.
const KEY_ID: &[u8] = b"gatehouse vault key id v1";

/// The longest name of a key, in characters.
const MAX_NAME: usize = 64;

/// A key-encryption key. `Debug` shows its name and id.
#[derive(Clone)]
pub struct KeyEncryptionKey {
    name: String,
    id: String,
    key: Arc<LessSafeKey>,
}

impl KeyEncryptionKey {
    /// The key of these 256 bits, by the name that the operator gave it.
    ///
    /// # Errors
    /// When the library refuses, which it has no reason to.
    pub fn new(name: &str, key: &[u8; 32]) -> Result<Self, Fault> {
        let text = Zeroizing::new([KEY_ID, key.as_slice()].concat());
        let mut start = [0; 8];
        start.copy_from_slice(&sha256(&text)[..8]);
        Ok(Self {
            name: name.to_owned(),
            id: format!("{:016x}", u64::from_be_bytes(start)),
            key: Arc::new(aes_256_gcm(key)?),
        })
    }

    /// What the operator calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// 16 hexadecimal digits of a digest of it, as it stands in rows.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyEncryptionKey({} {})", self.name, self.id)
    }
}

/// The key-encryption keys of a file: a line for each, with its name and its 32 bytes in base64 or base64url, `#` before
/// comments. The first one seals, all of them open.
///
/// # Errors
/// Says which line is wrong, without showing anything of a key.
pub fn parse_keys(text: &str) -> Result<Vec<KeyEncryptionKey>, String> {
    let mut keys: Vec<KeyEncryptionKey> = Vec::new();
    let mut names = BTreeSet::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let wrong = |problem: &str| format!("line {}: {problem}", at + 1);
        let mut words = line.split_whitespace();
        let (Some(name), Some(encoded), None) = (words.next(), words.next(), words.next()) else {
            return Err(wrong(
                "must be a name and a key, such as: 2026 followed by the output of: openssl rand -base64 32",
            ));
        };
        let is_name = name.len() <= MAX_NAME && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if !is_name {
            return Err(wrong("a name has at most 64 letters, digits, dots, dashes and underscores"));
        }
        let Some(bytes) = from_base64url(encoded).or_else(|| from_base64(encoded)).map(Zeroizing::new) else {
            return Err(wrong(
                "the key is neither base64 nor base64url; make one with: openssl rand -base64 32",
            ));
        };
        let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new) else {
            return Err(wrong(&format!(
                "the key has {} bytes and must have 32; make one with: openssl rand -base64 32",
                bytes.len()
            )));
        };
        if !names.insert(name) {
            return Err(wrong(&format!("the name {name} is there twice: give each key a name of its own")));
        }
        let key = KeyEncryptionKey::new(name, &key).map_err(|fault| wrong(&fault.to_string()))?;
        if let Some(same) = keys.iter().find(|known| known.id == key.id) {
            return Err(wrong(&format!("this is the key {} once more: remove one of them", same.name)));
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err("there is no key in it; add a line with a name and the output of: openssl rand -base64 32".to_owned());
    }
    Ok(keys)
}

/// Why tokens do not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// This node does not have the key of this id
    KeyMissing(String),
    /// They are not what this server sealed for this connection
    Damaged,
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyMissing(id) => write!(
                f,
                "the tokens are sealed with the key {id}, which this node does not have: put it back into vault_keys_file; see gatehouse vault keys"
            ),
            Self::Damaged => {
                f.write_str("the tokens do not open: their row was changed outside of this server, or copied from another connection")
            }
        }
    }
}

impl std::error::Error for Unopened {}

impl From<Unopened> for Fault {
    fn from(unopened: Unopened) -> Self {
        Self::internal(unopened)
    }
}

/// Seals and opens tokens. Cheap to clone; `Debug` shows names and ids of keys.
#[derive(Clone, Debug)]
pub struct Envelope {
    newest: KeyEncryptionKey,
    others: Arc<[KeyEncryptionKey]>,
}

impl Envelope {
    /// With the keys of the operator, of which the first one seals; or else with `derived`, which opens in any case.
    #[must_use]
    pub fn new(derived: KeyEncryptionKey, of_operator: Vec<KeyEncryptionKey>) -> Self {
        let mut keys = of_operator.into_iter().chain([derived.clone()]);
        Self {
            newest: keys.next().unwrap_or(derived),
            others: keys.collect(),
        }
    }

    /// The same, and these open, too.
    #[must_use]
    pub fn also_opening(self, others: Vec<KeyEncryptionKey>) -> Self {
        Self {
            others: self.others.iter().cloned().chain(others).collect(),
            ..self
        }
    }

    /// Every key; the first one seals.
    pub fn keys(&self) -> impl Iterator<Item = &KeyEncryptionKey> {
        std::iter::once(&self.newest).chain(self.others.iter())
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn newest(&self) -> &str {
        &self.newest.id
    }

    /// Seals tokens for a connection, with a data key of their own.
    ///
    /// # Errors
    /// When the library refuses, which it has no reason to.
    pub fn seal(&self, random: &Random, binding: &Binding, tokens: &Tokens) -> Result<SealedTokens, Fault> {
        let mut data_key = Zeroizing::new([0; 32]);
        random.fill(data_key.as_mut_slice());
        let plain = Zeroizing::new(serde_json::to_vec(tokens).map_err(Fault::internal)?);
        Ok(SealedTokens {
            key_id: self.newest.id.clone(),
            wrapped_key: seal(&self.newest.key, random, &context(DATA_KEY, binding), data_key.as_slice())?,
            sealed: seal(&aes_256_gcm(&data_key)?, random, &context(TOKENS, binding), &plain)?,
        })
    }

    /// Opens the tokens of a connection.
    ///
    /// # Errors
    /// See [`Unopened`].
    pub fn open(&self, binding: &Binding, sealed: &SealedTokens) -> Result<Tokens, Unopened> {
        let data_key = self.unwrap(binding, sealed)?;
        let data_key = aes_256_gcm(&data_key).map_err(|_| Unopened::Damaged)?;
        let plain = open(&data_key, &context(TOKENS, binding), &sealed.sealed).ok_or(Unopened::Damaged)?;
        serde_json::from_slice(&plain).map_err(|_| Unopened::Damaged)
    }

    /// The same tokens with their data key wrapped by the key that seals now; they themselves stay as they are.
    ///
    /// # Errors
    /// See [`Unopened`]; or when the library refuses, which it has no reason to.
    pub fn rewrap(&self, random: &Random, binding: &Binding, sealed: &SealedTokens) -> Result<Result<SealedTokens, Unopened>, Fault> {
        let data_key = match self.unwrap(binding, sealed) {
            Ok(data_key) => data_key,
            Err(unopened) => return Ok(Err(unopened)),
        };
        Ok(Ok(SealedTokens {
            key_id: self.newest.id.clone(),
            wrapped_key: seal(&self.newest.key, random, &context(DATA_KEY, binding), data_key.as_slice())?,
            sealed: sealed.sealed.clone(),
        }))
    }

    fn unwrap(&self, binding: &Binding, sealed: &SealedTokens) -> Result<Zeroizing<[u8; 32]>, Unopened> {
        let key = self.keys().find(|key| key.id == sealed.key_id);
        let key = key.ok_or_else(|| Unopened::KeyMissing(sealed.key_id.clone()))?;
        let opened = open(&key.key, &context(DATA_KEY, binding), &sealed.wrapped_key).ok_or(Unopened::Damaged)?;
        let data_key = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| Unopened::Damaged)?;
        Ok(Zeroizing::new(data_key))
    }
}

/// Purpose and binding, each part after its length, so that no two of them read alike.
fn context(purpose: &str, binding: &Binding) -> Vec<u8> {
    let Binding {
        connection_id,
        user_id,
        provider_id,
        workload,
    } = binding;
    let mut context = Vec::new();
    for part in [purpose, connection_id, user_id, provider_id, workload] {
        context.extend_from_slice(&(part.len() as u64).to_be_bytes());
        context.extend_from_slice(part.as_bytes());
    }
    context
}

fn aes_256_gcm(key: &[u8; 32]) -> Result<LessSafeKey, Fault> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| Fault::internal("no AES-256-GCM"))?;
    Ok(LessSafeKey::new(key))
}

/// What [`seal`] made; `None` for anything else.
fn open(key: &LessSafeKey, context: &[u8], text: &str) -> Option<Zeroizing<Vec<u8>>> {
    aead::open(key, context, &from_base64url(text)?)
}
