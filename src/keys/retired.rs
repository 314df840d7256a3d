//! What is kept of secrets that were replaced: the key of the audit log, because events keep the MACs that they have, and the
//! value by which the secret is recognised. Sealed with the secret that is in force.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::base::digest::MacKey;
use crate::base::fault::Fault;
use crate::base::random::Random;

use super::secrets::{Resealed, Secrets};

#[derive(Serialize, Deserialize)]
struct Retired {
    check: String,
    audit: String,
}

/// What there is; nothing where nothing was ever kept.
fn read(text: &str) -> Result<Vec<Retired>, Fault> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let unreadable = |error: serde_json::Error| {
        Fault::internal(format_args!(
            "what is kept of older secrets (retired_secrets) cannot be read: {error}"
        ))
    };
    serde_json::from_str(text).map_err(unreadable)
}

/// The same, for whoever can do without.
fn legible(text: &str) -> Vec<Retired> {
    read(text).unwrap_or_else(|fault| {
        tracing::error!(event = "retired_secrets_unreadable", "older events cannot be verified: {fault}");
        Vec::new()
    })
}

/// Whether the secret with this check value was replaced.
#[must_use]
pub fn holds(text: &str, check_value: &str) -> bool {
    legible(text).iter().any(|retired| retired.check == check_value)
}

/// The keys of the audit log. What does not open proves nothing, and is left out.
#[must_use]
pub fn audit_keys(secrets: &Secrets, text: &str) -> Vec<MacKey> {
    let open = |retired: &Retired| {
        let plain = secrets.retired.open_secret(retired.check.as_bytes(), &retired.audit)?;
        Some(MacKey::new(plain.first_chunk::<32>().filter(|_| plain.len() == 32)?))
    };
    legible(text).iter().filter_map(open).collect()
}

/// The same text with one secret more, everything sealed with the secret that is in force.
///
/// # Errors
/// When the library refuses, which it has no reason to; or something cannot be read, or does not open: it would be lost.
pub fn with(secrets: &Secrets, random: &Random, text: &str, replaced: &SecretString) -> Result<String, Fault> {
    let check = Secrets::check_value_of(replaced)?;
    let mut all = read(text)?;
    all.retain(|retired| retired.check != check);
    for retired in &mut all {
        match secrets.retired.reseal(random, retired.check.as_bytes(), &retired.audit)? {
            Resealed::Newest => {}
            Resealed::Anew(sealed) => retired.audit = sealed,
            Resealed::Unopened => return Err(Fault::internal("what is kept of an older secret does not open")),
        }
    }
    let audit = Secrets::audit_key(replaced)?;
    let audit = secrets.retired.seal(random, check.as_bytes(), audit.as_slice())?;
    all.push(Retired { check, audit });
    serde_json::to_string(&all).map_err(Fault::internal)
}
