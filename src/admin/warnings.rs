//! What an operator should look at: how this server is set up, seen with suspicion.

use crate::app::App;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::fault::Fault;
use crate::config::Config;
use crate::identity::admin_token;
use crate::model::signing_key::SigningKey;

use super::vault_keys;

/// How old a signing key is when it should be replaced, in seconds.
pub const KEY_AGE: Seconds = 90 * 86_400;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// A stable name
    pub id: &'static str,
    /// What it is
    pub title: &'static str,
    /// What it means, and what to do
    pub advice: String,
}

impl Warning {
    fn new(id: &'static str, title: &'static str, advice: impl Into<String>) -> Self {
        Self {
            id,
            title,
            advice: advice.into(),
        }
    }
}

/// What there is to look at now, the worst first.
///
/// # Errors
/// When the database fails.
pub async fn warnings(app: &App) -> Result<Vec<Warning>, Fault> {
    let example = admin_token::is_example(app).await?.then(|| {
        Warning::new(
            "example-admin-token",
            "The admin token stands in the documentation",
            "Whoever has read it can change everything here. Run the command gatehouse admin-token reset on the server now.",
        )
    });
    let missing = vault_keys::missing(app).await?.map(|problem| {
        Warning::new(
            "vault-key-missing",
            "A key of the vault is missing",
            format!("Some of what people gave agents cannot be opened. {problem}."),
        )
    });
    let ring = app.keys.current();
    Ok(example
        .into_iter()
        .chain(missing)
        .chain(of_configuration(&app.config))
        .chain(of_keys(ring.records(), app.now()))
        .collect())
}

fn of_configuration(config: &Config) -> Vec<Warning> {
    let issuer = config.issuer();
    let mut found = Vec::new();
    if !issuer.is_https() {
        found.push(Warning::new(
            "plain-http",
            "Only people on this very machine can use this server",
            format!("The issuer {issuer} is plain http, which is for trying out. For everybody else put TLS in front of this server, or give it a certificate, and set GATEHOUSE_ISSUER to the https address."),
        ));
    }
    if config.enable_dev_endpoints {
        found.push(Warning::new(
            "dev-endpoints",
            "Developer endpoints are on",
            "Whoever has the admin token can make accounts with known passwords. Set ENABLE_DEV_ENDPOINTS to false before anybody relies on this server.",
        ));
    }
    if config.admin_token.is_some() {
        found.push(Warning::new(
            "admin-token-in-configuration",
            "The admin token still stands in the configuration",
            "It was needed for the first start only. Take ADMIN_TOKEN out of the environment or the file, so that it can be read in one place less.",
        ));
    }
    if issuer.is_https() && config.tls().is_none() && config.trusted_proxies.is_empty() {
        found.push(Warning::new(
            "no-trusted-proxy",
            "Every sign-in seems to come from one address",
            "The issuer is https, but this server has no certificate, so a proxy must be in front of it. Name that proxy in GATEHOUSE_TRUSTED_PROXIES, or failed sign-ins of one person slow down everybody.",
        ));
    }
    found
}

fn of_keys<'a>(keys: impl Iterator<Item = &'a SigningKey>, now: Timestamp) -> Option<Warning> {
    let is_old = |key: &&SigningKey| key.retired_at.is_none() && now - key.created_at > KEY_AGE;
    let mut old: Vec<&str> = keys.filter(is_old).map(|key| key.algorithm.as_str()).collect();
    old.sort_unstable();
    old.dedup();
    (!old.is_empty()).then(|| {
        Warning::new(
            "old-signing-key",
            "A signing key is due for rotation",
            format!(
                "The key for {} is older than {} days. Rotating it takes nobody's access away.",
                old.join(" and "),
                KEY_AGE / 86_400
            ),
        )
    })
}
