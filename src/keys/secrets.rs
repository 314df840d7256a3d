//! Everything that is derived from `APP_SECRET`.
//!
//! One secret, many keys: HKDF-SHA-256 (RFC 5869) gives each purpose a key of its own, so that a
//! value made for one purpose means nothing for another.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::base::digest::MacKey;
use crate::base::encoding::{base64url, from_base64url};
use crate::base::fault::Fault;
use crate::base::random::Random;

use super::envelope::KeyEncryptionKey;

/// The fewest characters of an `APP_SECRET`.
pub const MIN_APP_SECRET: usize = 32;

/// The keys of the server. `Debug` shows nothing.
#[derive(Clone)]
pub struct Secrets {
    /// Authenticates refresh tokens.
    pub refresh_token: MacKey,
    /// Authenticates the tokens of forms (CSRF).
    pub form: MacKey,
    /// Digests what people chose and machines could guess: admin tokens.
    pub admin_token: MacKey,
    /// Derives the one-time code of set-up.
    pub setup: MacKey,
    /// Names throttle counters without keeping names and addresses.
    pub throttle: MacKey,
    /// Chains the events of the audit log.
    pub audit: MacKey,
    /// Shows whether the secret fits the database.
    pub check: MacKey,
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
    /// Derives all keys.
    ///
    /// # Errors
    /// When the library refuses, which it has no reason to.
    pub fn derive(app_secret: &SecretString) -> Result<Self, Fault> {
        let root = Salt::new(HKDF_SHA256, b"gatehouse").extract(app_secret.expose_secret().as_bytes());
        let key = |purpose: &str| -> Result<[u8; 32], Fault> {
            let mut key = [0; 32];
            root.expand(&[purpose.as_bytes()], Length(32))
                .and_then(|material| material.fill(&mut key))
                .map_err(|_| Fault::internal("HKDF failed"))?;
            Ok(key)
        };
        Ok(Self {
            refresh_token: MacKey::new(&key("refresh token v1")?),
            form: MacKey::new(&key("form v1")?),
            admin_token: MacKey::new(&key("admin token v1")?),
            setup: MacKey::new(&key("setup v1")?),
            throttle: MacKey::new(&key("throttle v1")?),
            audit: MacKey::new(&key("audit v1")?),
            check: MacKey::new(&key("check v1")?),
            access_token: Sealer::new(&key("access token v1")?)?,
            client_secret: Sealer::new(&key("client secret v1")?)?,
            signing_key: Sealer::new(&key("signing key v1")?)?,
            interaction: Sealer::new(&key("interaction v1")?)?,
            device: Sealer::new(&key("device v1")?)?,
            callback: Sealer::new(&key("callback v1")?)?,
            user_token: Sealer::new(&key("user token v1")?)?,
            connection_flow: Sealer::new(&key("connection flow v1")?)?,
            workload_token: Sealer::new(&key("workload token v1")?)?,
            access_key: Sealer::new(&key("access key v1")?)?,
            vault: KeyEncryptionKey::new("derived", &Zeroizing::new(key("vault v1")?))?,
            provider_secret: Sealer::new(&key("provider secret v1")?)?,
            playground: Sealer::new(&key("playground v1")?)?,
        })
    }

    /// The value that is stored to recognise a wrong `APP_SECRET` later.
    #[must_use]
    pub fn check_value(&self) -> String {
        base64url(&self.check.mac(&[b"gatehouse"]))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// Authenticated encryption with AES-256-GCM-SIV (RFC 8452), which forgives a repeated nonce.
#[derive(Clone)]
pub struct Sealer(std::sync::Arc<LessSafeKey>);

impl Sealer {
    fn new(key: &[u8; 32]) -> Result<Self, Fault> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, key).map_err(|_| Fault::internal("no AES-256-GCM-SIV"))?;
        Ok(Self(std::sync::Arc::new(LessSafeKey::new(key))))
    }

    /// Seals `plain` so that it opens only together with `context`.
    ///
    /// # Errors
    /// When the library refuses, which it has no reason to.
    pub fn seal(&self, random: &Random, context: &[u8], plain: &[u8]) -> Result<String, Fault> {
        let nonce: [u8; 12] = random.bytes();
        let mut sealed = plain.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
            .map_err(|_| Fault::internal("sealing failed"))?;
        let mut bytes = Vec::with_capacity(12 + sealed.len());
        bytes.extend_from_slice(&nonce);
        bytes.append(&mut sealed);
        Ok(base64url(&bytes))
    }

    /// Opens what [`Self::seal`] made; `None` for anything else.
    #[must_use]
    pub fn open(&self, context: &[u8], text: &str) -> Option<Vec<u8>> {
        let mut bytes = from_base64url(text)?;
        if bytes.len() < 12 {
            return None;
        }
        let mut sealed = bytes.split_off(12);
        let nonce: [u8; 12] = bytes.try_into().ok()?;
        let length = self
            .0
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
            .ok()?
            .len();
        sealed.truncate(length);
        Some(sealed)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}
