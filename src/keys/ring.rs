//! The ring of keys that this node knows: parsed pairs, and the JWKS as ready bytes.
//!
//! Other nodes rotate keys, too, so the ring is read again every minute, and at once when a token
//! names an unknown `kid` (at most every few seconds, or strangers could make us read all day).

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};

use crate::base::clock::{CLOCK_SKEW, Seconds, Timestamp};
use crate::base::document::Document;
use crate::base::fault::Fault;
use crate::model::signing_key::{SigningAlgorithm, SigningKey};
use crate::store::Store;

use super::secrets::Sealer;
use super::signing::KeyPair;

/// How long a ring is used before it is read again, in seconds.
pub const REFRESH_INTERVAL: Seconds = 60;
/// The shortest time between two readings for an unknown `kid`, in seconds.
const UNKNOWN_KID_INTERVAL: Seconds = 5;

/// The ring at one moment.
#[derive(Debug, Default)]
pub struct Ring {
    pairs: Vec<Arc<KeyPair>>,
    loaded_at: Timestamp,
    /// The JWK Set (RFC 7517 §5), serialised.
    pub jwks: Document,
}

impl Ring {
    /// The key that signs now: of those that may, the one that became active last; of two in one second, the
    /// one that signs longer. Where none may yet, because a node whose clock is ahead has made the only one, it is that.
    #[must_use]
    pub fn signer(&self, algorithm: SigningAlgorithm, now: Timestamp) -> Option<&Arc<KeyPair>> {
        self.signer_at(algorithm, now)
            .or_else(|| self.signer_at(algorithm, now + CLOCK_SKEW))
    }

    fn signer_at(&self, algorithm: SigningAlgorithm, now: Timestamp) -> Option<&Arc<KeyPair>> {
        self.pairs
            .iter()
            .filter(|pair| pair.record.algorithm == algorithm && pair.record.may_sign(now))
            .max_by_key(|pair| {
                let key = &pair.record;
                (key.active_at, key.retired_at.unwrap_or(Timestamp::MAX), &key.id)
            })
    }

    /// The key that verifies tokens of this `kid` now.
    #[must_use]
    pub fn verifier(&self, kid: &str, now: Timestamp) -> Option<&Arc<KeyPair>> {
        self.pairs.iter().find(|pair| pair.record.id == kid && pair.record.may_verify(now))
    }

    /// The key that a token says has signed it, if that may verify now.
    #[must_use]
    pub fn heading(&self, token: &str, typ: &str, now: Timestamp) -> Option<&Arc<KeyPair>> {
        self.pairs
            .iter()
            .find(|pair| pair.has_headed(token, typ) && pair.record.may_verify(now))
    }

    /// Every key, oldest first.
    pub fn records(&self) -> impl Iterator<Item = &SigningKey> {
        self.pairs.iter().map(|pair| &pair.record)
    }
}

/// The shared ring of a node.
#[derive(Clone, Debug)]
pub struct KeyRing {
    sealer: Sealer,
    ring: Arc<RwLock<Arc<Ring>>>,
    /// Held by whoever reads the ring, so that what was read earlier never replaces what was read later.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl KeyRing {
    /// An empty ring; [`Self::reload`] fills it.
    #[must_use]
    pub fn new(sealer: Sealer) -> Self {
        Self {
            sealer,
            ring: Arc::default(),
            reading: Arc::default(),
        }
    }

    /// The ring as it was read last.
    #[must_use]
    pub fn current(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What seals private keys.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Reads the ring again if it is older than [`REFRESH_INTERVAL`].
    ///
    /// # Errors
    /// When the database fails or a key does not open.
    pub async fn refresh(&self, store: &Store, now: Timestamp) -> Result<(), Fault> {
        if now - self.current().loaded_at >= REFRESH_INTERVAL {
            self.reload(store, now).await
        } else {
            Ok(())
        }
    }

    /// Reads the ring again because of an unknown `kid`, unless that was just done.
    ///
    /// # Errors
    /// When the database fails or a key does not open.
    pub async fn refresh_for_unknown_kid(&self, store: &Store, now: Timestamp) -> Result<(), Fault> {
        let is_due = now - self.current().loaded_at >= UNKNOWN_KID_INTERVAL;
        match self.reading.try_lock() {
            Ok(_reading) if is_due => self.read(store, now).await,
            // Somebody reads it now: one is enough.
            _ => Ok(()),
        }
    }

    /// Reads all keys from the store. Pairs that are known already are not parsed again.
    ///
    /// # Errors
    /// When the database fails or a key does not open.
    pub async fn reload(&self, store: &Store, now: Timestamp) -> Result<(), Fault> {
        let _turn = self.reading.lock().await;
        self.read(store, now).await
    }

    async fn read(&self, store: &Store, now: Timestamp) -> Result<(), Fault> {
        let records = store.read().await?.signing_keys().await?;
        let known = self.current();
        let mut pairs = Vec::with_capacity(records.len());
        for record in records {
            let unchanged = known.pairs.iter().find(|pair| {
                let times = |key: &SigningKey| (key.active_at, key.retired_at, key.expires_at);
                pair.record.id == record.id && times(&pair.record) == times(&record)
            });
            pairs.push(match unchanged {
                Some(pair) => Arc::clone(pair),
                None => Arc::new(KeyPair::open(record, &self.sealer)?),
            });
        }
        let keys: Vec<Value> = pairs
            .iter()
            .filter(|pair| pair.record.may_verify(now))
            .filter_map(|pair| serde_json::from_str(&pair.record.public_jwk).ok())
            .collect();
        let jwks = Document::of(json!({ "keys": keys }).to_string());
        let ring = Ring {
            pairs,
            loaded_at: now,
            jwks,
        };
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }
}
