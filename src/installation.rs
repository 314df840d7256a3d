//! Opening an installation: the secret, the schema, the first keys, the scopes of the standard.
//!
//! Everything here may be done by several nodes at the same moment; each step is decided by one
//! insertion that only one of them can make. Which secrets there are, and whether they are the right ones, is in `secret`.

mod secret;

use crate::app::App;
use crate::base::again::again;
use crate::base::clock::{Clock, Timestamp};
use crate::base::fault::Fault;
use crate::base::random::Random;
use crate::config::Config;
use crate::keys::retired;
use crate::keys::rotation::{generate_all, insert_first_keys};
use crate::keys::secrets::Secrets;
use crate::keys::signing::GeneratedKey;
use crate::model::scope::{ScopeDefinition, ScopeSettings};
use crate::model::signing_key::SigningAlgorithm;
use crate::outside::{Fetch, Resolver, Rules};
use crate::protocol::claims::{SERVER_SCOPES, STANDARD_SCOPES};
use crate::store::{Setting, Store};

pub use secret::{previous_secret_file, replace_secret_file, secret_file};

/// Why an installation does not open.
#[derive(Debug)]
pub enum OpenError {
    /// The operator must do something; the text says what.
    Refused(String),
    /// The database failed.
    Fault(Fault),
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(text) => f.write_str(text),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The keys of the first start; tests bring their own, made once for all.
pub type FirstKeys = Vec<(SigningAlgorithm, GeneratedKey)>;

/// Opens the installation: migrates, checks the secret, makes what a first start needs.
///
/// # Errors
/// [`OpenError::Refused`] for a missing or wrong `APP_SECRET`, [`OpenError::Fault`] when the
/// database fails.
pub async fn open(config: Config, clock: Clock, random: Random) -> Result<App, OpenError> {
    // In a box: it is large, and whoever opens an installation does it once.
    Box::pin(open_with(config, clock, random, generate_all)).await
}

/// As [`open`], with the source of the first keys as an argument.
///
/// # Errors
/// As [`open`].
pub async fn open_with<G>(config: Config, clock: Clock, random: Random, first_keys: G) -> Result<App, OpenError>
where
    G: AsyncFnOnce(&Random) -> Result<FirstKeys, Fault>,
{
    let fetch = Fetch::new(Rules::of(&config.issuer()), Resolver::system())?;
    open_through(config, clock, random, first_keys, fetch).await
}

/// As [`open_with`], with the way out as an argument.
///
/// # Errors
/// As [`open`].
pub async fn open_through<G>(mut config: Config, clock: Clock, random: Random, first_keys: G, fetch: Fetch) -> Result<App, OpenError>
where
    G: AsyncFnOnce(&Random) -> Result<FirstKeys, Fault>,
{
    let store = Store::open(&config.store_options()).await?;
    store.migrate().await?;
    let secret = secret::resolve(&mut config, &store, &random).await?;
    let others: Vec<_> = [config.previous_secret(), config.next_secret()]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let mut secrets = Secrets::accepting(&secret, &others)?;
    secret::check(&store, &secrets, clock.now()).await?;
    if let Some(text) = store.read().await?.setting(Setting::RetiredSecrets).await? {
        secrets.audit = secrets.audit.clone().with_retired(retired::audit_keys(&secrets, &text));
    }
    let store = store.audit_with(secrets.audit.clone(), clock.clone(), &process_name());
    initialize(&store, &secrets, &clock, &random, first_keys).await?;
    let app = App::new(config, store, secrets, clock, random, fetch)?;
    app.keys.reload(&app.store, app.now()).await?;
    app.refresh_live().await?;
    Ok(app)
}

/// Notes the issuer of a server that others can reach: what is only for trying out must not be done to such an installation by a
/// command that was not told of it.
///
/// # Errors
/// When the database fails.
pub async fn remember_issuer(app: &App) -> Result<(), Fault> {
    let issuer = app.issuer.as_str();
    if app.issuer.is_loopback() || app.store.read().await?.setting(Setting::Issuer).await?.as_deref() == Some(issuer) {
        return Ok(());
    }
    let mut tx = app.store.begin().await?;
    tx.put_setting(Setting::Issuer, issuer, app.now()).await?;
    tx.commit().await
}

/// The machine and the process, for people who read the audit log.
fn process_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} {}", host.trim(), std::process::id()).trim().to_owned()
}

async fn initialize<G>(store: &Store, secrets: &Secrets, clock: &Clock, random: &Random, first_keys: G) -> Result<(), Fault>
where
    G: AsyncFnOnce(&Random) -> Result<FirstKeys, Fault>,
{
    if store.read().await?.setting(Setting::Initialized).await?.is_some() {
        return Ok(());
    }
    let keys = first_keys(random).await?;
    again(async || begin(store, secrets, random, &keys, clock.now()).await).await
}

/// Writes what a first start needs, unless somebody else has.
async fn begin(store: &Store, secrets: &Secrets, random: &Random, keys: &FirstKeys, now: Timestamp) -> Result<(), Fault> {
    let mut tx = store.begin().await?;
    if tx.insert_setting(Setting::Initialized, "1", now).await? {
        insert_first_keys(&mut tx, keys, &secrets.signing_key, random, now).await?;
        let standard = STANDARD_SCOPES.iter().map(|scope| scope.name);
        for name in standard.chain(SERVER_SCOPES.iter().map(|(name, _)| *name)) {
            tx.insert_scope(&ScopeDefinition {
                name: name.to_owned(),
                settings: ScopeSettings::built_in(name).unwrap_or_default(),
                version: 1,
                created_at: now,
                updated_at: now,
            })
            .await?;
        }
    }
    tx.commit().await
}
