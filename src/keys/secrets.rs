//! Everything that is derived from `APP_SECRET`.
//!
//! One secret, many keys: HKDF-SHA-256 (RFC 5869) gives each purpose a key of its own, so that a
//! value made for one purpose means nothing for another.
//!
//! While one secret takes the place of another, a server has both: the first seals and makes MACs, all of them open and check.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, LessSafeKey, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::base::digest::{MacKey, MacKeys};
use crate::base::encoding::{base64url, from_base64url};
use crate::base::fault::Fault;
use crate::base::random::Random;
use crate::model::chain::ChainKeys;

use super::aead;
use super::envelope::KeyEncryptionKey;

/// The fewest characters of an `APP_SECRET`.
pub const MIN_APP_SECRET: usize = 32;

/// The keys of the server. `Debug` shows nothing.
#[derive(Clone)]
pub struct Secrets {
    /// Authenticates authorization codes.
    pub code: MacKeys,
    /// Authenticates refresh tokens.
    pub refresh_token: MacKeys,
    /// Authenticates the tokens of forms (CSRF).
    pub form: MacKeys,
    /// Digests what people chose and machines could guess: admin tokens.
    pub admin_token: MacKeys,
    /// Derives the one-time code of set-up.
    pub setup: MacKeys,
    /// Names throttle counters without keeping names and addresses.
    pub throttle: MacKeys,
    /// Chains the events of the audit log.
    pub audit: ChainKeys,
    /// Shows whether the secret fits the database.
    pub check: MacKeys,
    /// Seals the keys of the audit log of secrets that were replaced.
    pub retired: Sealer,
    /// Seals opaque access tokens.
    pub access_token: Sealer,
    /// Seals the secrets of clients that make MACs with them.
    pub client_secret: Sealer,
    /// Seals private signing keys.
    pub signing_key: Sealer,
    /// Seals authorization requests while the person signs in.
    pub interaction: Sealer,
    /// Seals the cookie by which a browser is known to have signed somebody in before.
    pub device: Sealer,
    /// Seals answers of providers that wait for whoever collects them.
    pub callback: Sealer,
    /// Seals the tokens by which agents name people, while a flow waits for its person.
    pub user_token: Sealer,
    /// Seals what must come back with a person who is at a provider.
    pub connection_flow: Sealer,
    /// Seals workload access tokens.
    pub workload_token: Sealer,
    /// Seals the secrets of access keys.
    pub access_key: Sealer,
    /// Wraps the data keys of connections, unless the operator has keys for that.
    pub vault: KeyEncryptionKey,
    /// Those of the other secrets, which only open.
    pub other_vaults: Vec<KeyEncryptionKey>,
    /// Seals what proves to providers that we are their client.
    pub provider_secret: Sealer,
    /// Seals what the playground of the administration has to remember between its pages.
    pub playground: Sealer,
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Secrets {
    /// Derives all keys of one secret.
    ///
    /// # Errors
    /// When the library refuses, which it has no reason to.
    pub fn derive(app_secret: &SecretString) -> Result<Self, Fault> {
        Self::accepting(app_secret, &[])
    }

    /// Derives all keys of a secret, and of others whose keys only open and check.
    ///
    /// # Errors
    /// When the library refuses, which it has no reason to.
    pub fn accepting(app_secret: &SecretString, others: &[SecretString]) -> Result<Self, Fault> {
        let is_other = |other: &&SecretString| other.expose_secret() != app_secret.expose_secret();
        let roots: Vec<Root> = std::iter::once(app_secret)
            .chain(others.iter().filter(is_other))
            .map(Root::of)
            .collect();
        let sealer = |purpose: &str| Sealer::new(&keys(&roots, purpose)?);
        let macs = |purpose: &str| mac_keys(&roots, purpose);
        let mut vaults = keys(&roots, "vault v1")?.into_iter().enumerate().map(|(at, key)| {
            let name = if at == 0 { "derived" } else { "derived-of-other-secret" };
            KeyEncryptionKey::new(name, &key)
        });
        let vault = vaults.next().ok_or_else(|| Fault::internal("there is no secret"))??;
        Ok(Self {
            code: macs("authorization code v1")?,
            refresh_token: macs("refresh token v1")?,
            form: macs("form v1")?,
            admin_token: macs("admin token v1")?,
            setup: macs("setup v1")?,
            throttle: macs("throttle v1")?,
            audit: ChainKeys::from(macs("audit v1")?),
            check: macs("check v1")?,
            retired: sealer("retired v1")?,
            access_token: sealer("access token v1")?,
            client_secret: sealer("client secret v1")?,
            signing_key: sealer("signing key v1")?,
            interaction: sealer("interaction v1")?,
            device: sealer("device v1")?,
            callback: sealer("callback v1")?,
            user_token: sealer("user token v1")?,
            connection_flow: sealer("connection flow v1")?,
            workload_token: sealer("workload token v1")?,
            access_key: sealer("access key v1")?,
            vault,
            other_vaults: vaults.collect::<Result<_, _>>()?,
            provider_secret: sealer("provider secret v1")?,
            playground: sealer("playground v1")?,
        })
    }

    /// The key of the audit log that a secret has, for whoever keeps it after the secret is gone.
    ///
    /// # Errors
    /// When the library refuses, which it has no reason to.
    pub fn audit_key(app_secret: &SecretString) -> Result<Zeroizing<[u8; 32]>, Fault> {
        Root::of(app_secret).key("audit v1")
    }

    /// The value that is stored to recognise a wrong `APP_SECRET` later.
    #[must_use]
    pub fn check_value(&self) -> String {
        base64url(&self.check.mac(CHECKED))
    }

    /// That of each secret, the one that seals first.
    pub fn check_values(&self) -> impl Iterator<Item = String> {
        self.check.macs(CHECKED).map(|mac| base64url(&mac))
    }

    /// The value of any secret, as in [`Self::check_value`].
    ///
    /// # Errors
    /// When the library refuses, which it has no reason to.
    pub fn check_value_of(app_secret: &SecretString) -> Result<String, Fault> {
        Ok(base64url(&MacKey::new(&*Root::of(app_secret).key("check v1")?).mac(CHECKED)))
    }
}

/// What the check value is a MAC over.
const CHECKED: &[&[u8]] = &[b"gatehouse"];

/// What the keys of one secret are derived from.
struct Root(Prk);

impl Root {
    fn of(app_secret: &SecretString) -> Self {
        Self(Salt::new(HKDF_SHA256, b"gatehouse").extract(app_secret.expose_secret().as_bytes()))
    }

    fn key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>, Fault> {
        let mut key = Zeroizing::new([0; 32]);
        self.0
            .expand(&[purpose.as_bytes()], Length(32))
            .and_then(|material| material.fill(key.as_mut_slice()))
            .map_err(|_| Fault::internal("HKDF failed"))?;
        Ok(key)
    }
}

fn keys(roots: &[Root], purpose: &str) -> Result<Vec<Zeroizing<[u8; 32]>>, Fault> {
    roots.iter().map(|root| root.key(purpose)).collect()
}

fn mac_keys(roots: &[Root], purpose: &str) -> Result<MacKeys, Fault> {
    let mut keys = keys(roots, purpose)?.into_iter().map(|key| MacKey::new(&key));
    let newest = keys.next().ok_or_else(|| Fault::internal("there is no secret"))?;
    Ok(MacKeys::new(newest, keys.collect()))
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// Authenticated encryption with AES-256-GCM-SIV (RFC 8452), which forgives a repeated nonce. The first key seals, all open.
#[derive(Clone)]
pub struct Sealer(std::sync::Arc<[LessSafeKey]>);

/// What sealing anew came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resealed {
    /// It is sealed with the key that seals now
    Newest,
    /// It was sealed with another one; this is the same, sealed with the key that seals now
    Anew(String),
    /// No key opens it
    Unopened,
}

impl Sealer {
    fn new(keys: &[Zeroizing<[u8; 32]>]) -> Result<Self, Fault> {
        let key = |key: &Zeroizing<[u8; 32]>| {
            let key = UnboundKey::new(&AES_256_GCM_SIV, key.as_slice()).map_err(|_| Fault::internal("no AES-256-GCM-SIV"))?;
            Ok(LessSafeKey::new(key))
        };
        Ok(Self(keys.iter().map(key).collect::<Result<_, Fault>>()?))
    }

    /// Seals `plain` so that it opens only together with `context`.
    ///
    /// # Errors
    /// When the library refuses, which it has no reason to.
    pub fn seal(&self, random: &Random, context: &[u8], plain: &[u8]) -> Result<String, Fault> {
        let newest = self.0.first().ok_or_else(|| Fault::internal("a sealer without a key"))?;
        aead::seal(newest, random, context, plain)
    }

    /// Opens what [`Self::seal`] made; `None` for anything else.
    #[must_use]
    pub fn open(&self, context: &[u8], text: &str) -> Option<Vec<u8>> {
        self.open_secret(context, text).map(|mut plain| std::mem::take(&mut *plain))
    }

    /// As [`Self::open`]; what was sealed is wiped from memory when it is dropped.
    #[must_use]
    pub fn open_secret(&self, context: &[u8], text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = from_base64url(text)?;
        self.0.iter().find_map(|key| aead::open(key, context, &bytes))
    }

    /// Seals what another key has sealed with the one that seals now.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn reseal(&self, random: &Random, context: &[u8], text: &str) -> Result<Resealed, Fault> {
        let Some(bytes) = from_base64url(text) else {
            return Ok(Resealed::Unopened);
        };
        let mut opened = self.0.iter().map(|key| aead::open(key, context, &bytes));
        if opened.next().flatten().is_some() {
            return Ok(Resealed::Newest);
        }
        match opened.flatten().next() {
            Some(plain) => self.seal(random, context, &plain).map(Resealed::Anew),
            None => Ok(Resealed::Unopened),
        }
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}
