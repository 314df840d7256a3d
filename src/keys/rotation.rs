//! Making the first keys, and replacing keys without a failed verification.

use crate::base::clock::{Seconds, Timestamp};
use crate::base::fault::Fault;
use crate::base::random::Random;
use crate::model::signing_key::{SigningAlgorithm, SigningKey};
use crate::store::{Setting, Tx};

use super::secrets::Sealer;
use super::signing::{GeneratedKey, generate};

/// Time between publishing a key and using it, in seconds: relying parties cache the JWKS for up to
/// [`JWKS_MAX_AGE`], and every node reads the ring once a minute.
pub const PUBLISH_LEAD: Seconds = 900;
/// `max-age` of the JWKS, in seconds.
pub const JWKS_MAX_AGE: Seconds = 300;
/// Allowance for clocks that differ, in seconds.
const SKEW: Seconds = 300;

/// Seals a generated key as a record that signs from `active_at`.
///
/// # Errors
/// When sealing fails.
pub fn seal_key(
    key: &GeneratedKey,
    algorithm: SigningAlgorithm,
    sealer: &Sealer,
    random: &Random,
    now: Timestamp,
    active_at: Timestamp,
) -> Result<SigningKey, Fault> {
    Ok(SigningKey {
        id: key.id.clone(),
        algorithm,
        public_jwk: key.public_jwk.clone(),
        sealed_private_key: sealer.seal(random, key.id.as_bytes(), &key.pkcs8)?,
        created_at: now,
        active_at,
        retired_at: None,
        expires_at: None,
    })
}

/// Makes a key pair of every algorithm, off the async threads and side by side.
///
/// # Errors
/// When a library refuses.
pub async fn generate_all(random: &Random) -> Result<Vec<(SigningAlgorithm, GeneratedKey)>, Fault> {
    let tasks = SigningAlgorithm::ALL.map(|algorithm| {
        let random = random.clone();
        tokio::task::spawn_blocking(move || generate(algorithm, &random).map(|key| (algorithm, key)))
    });
    let mut keys = Vec::with_capacity(tasks.len());
    for task in tasks {
        keys.push(task.await.map_err(Fault::internal)??);
    }
    Ok(keys)
}

/// Writes the first keys.
///
/// # Errors
/// When the database or sealing fails.
pub async fn insert_first_keys(
    tx: &mut Tx,
    keys: &[(SigningAlgorithm, GeneratedKey)],
    sealer: &Sealer,
    random: &Random,
    now: Timestamp,
) -> Result<(), Fault> {
    for (algorithm, key) in keys {
        tx.insert_signing_key(&seal_key(key, *algorithm, sealer, random, now, now)?).await?;
    }
    Ok(())
}

/// What a rotation did.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The new key.
    pub new: SigningKey,
    /// The keys that it replaces, by `kid`.
    pub replaced: Vec<String>,
}

/// Makes a key pair, off the async threads.
///
/// # Errors
/// When a library refuses.
pub async fn generate_one(algorithm: SigningAlgorithm, random: &Random) -> Result<GeneratedKey, Fault> {
    let random = random.clone();
    let task = tokio::task::spawn_blocking(move || generate(algorithm, &random));
    task.await.map_err(Fault::internal)?
}

/// When a key that stops to sign at `retired_at` stops to verify: when the last token that it signed has
/// expired, where none lives longer than `longest_token`.
#[must_use]
pub fn verifies_until(retired_at: Timestamp, longest_token: Seconds) -> Timestamp {
    retired_at + longest_token + SKEW
}

/// Whether the youngest key of an algorithm, which nothing replaces yet, has signed for `lifetime` seconds.
#[must_use]
pub fn is_aged(keys: &[SigningKey], algorithm: SigningAlgorithm, now: Timestamp, lifetime: Seconds) -> bool {
    let in_use = keys.iter().filter(|key| key.algorithm == algorithm && key.retired_at.is_none());
    in_use
        .map(|key| key.active_at)
        .max()
        .is_some_and(|active_at| active_at + lifetime <= now)
}

/// Makes whoever else replaces or retires keys wait until the transaction ends: of two who see that another
/// key still signs, one would be wrong.
///
/// # Errors
/// When the database fails.
pub async fn hold(tx: &mut Tx) -> Result<(), Fault> {
    tx.hold_setting(Setting::Initialized).await
}

/// Publishes `new`; the keys before it of its algorithm sign until it does, and verify until the last token
/// that they signed has expired.
///
/// # Errors
/// When the database fails.
pub async fn replace(tx: &mut Tx, new: SigningKey, longest_token: Seconds) -> Result<Rotated, Fault> {
    hold(tx).await?;
    let mut replaced = Vec::new();
    for old in tx
        .signing_keys()
        .await?
        .into_iter()
        .filter(|key| key.algorithm == new.algorithm && key.retired_at.is_none())
    {
        // A key that would only have begun to sign later is replaced before it ever does.
        let retired_at = new.active_at.max(old.active_at);
        if tx
            .retire_signing_key(&old.id, retired_at, verifies_until(retired_at, longest_token))
            .await?
        {
            replaced.push(old.id);
        }
    }
    tx.insert_signing_key(&new).await?;
    Ok(Rotated { new, replaced })
}
