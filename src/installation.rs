//! Opening an installation: the secret, the schema, the first keys, the scopes of the standard.
//!
//! Everything here may be done by several nodes at the same moment; each step is decided by one
//! insertion that only one of them can make.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::base::clock::Clock;
use crate::base::digest::equal;
use crate::base::fault::Fault;
use crate::base::random::Random;
use crate::config::Config;
use crate::keys::rotation::{generate_all, insert_first_keys};
use crate::keys::secrets::{MIN_APP_SECRET, Secrets};
use crate::keys::signing::GeneratedKey;
use crate::model::scope::{ScopeDefinition, ScopeSettings};
use crate::model::signing_key::SigningAlgorithm;
use crate::outside::{Fetch, Resolver, Rules};
use crate::protocol::claims::{SERVER_SCOPES, STANDARD_SCOPES};
use crate::store::{Setting, Store};

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
    open_with(config, clock, random, generate_all).await
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
pub async fn open_through<G>(config: Config, clock: Clock, random: Random, first_keys: G, fetch: Fetch) -> Result<App, OpenError>
where
    G: AsyncFnOnce(&Random) -> Result<FirstKeys, Fault>,
{
    let store = Store::open(&config.store_options()).await?;
    store.migrate().await?;
    let secret = resolve_secret(&config, &store, &random).await?;
    let secrets = Secrets::derive(&secret)?;
    check_secret(&store, &secrets, clock.now()).await?;
    let store = store.audit_with(secrets.audit.clone(), clock.clone(), &process_name());
    initialize(&store, &secrets, &clock, &random, first_keys).await?;
    let app = App::new(config, store, secrets, clock, random, fetch)?;
    app.keys.reload(&app.store, app.now()).await?;
    app.refresh_live().await?;
    Ok(app)
}

/// The machine and the process, for people who read the audit log.
fn process_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} {}", host.trim(), std::process::id()).trim().to_owned()
}

/// The file in which a server with SQLite keeps the secret that it made.
#[must_use]
pub fn secret_file(database: &Path) -> PathBuf {
    database.with_extension("secret")
}

async fn resolve_secret(config: &Config, store: &Store, random: &Random) -> Result<SecretString, OpenError> {
    if let Some(secret) = &config.app_secret {
        return Ok(secret.clone());
    }
    let Some(database) = config.database_url.file() else {
        return Err(OpenError::Refused("APP_SECRET is not set".to_owned()));
    };
    let file = secret_file(database);
    if let Some(secret) = read_secret(&file)? {
        return Ok(secret);
    }
    if store.read().await?.setting(Setting::SecretCheck).await?.is_none() {
        return create_secret(&file, random);
    }
    // Another process may have made both since: first the file, then what is in the database.
    read_secret(&file)?.ok_or_else(|| {
        OpenError::Refused(format!(
            "{} is missing, and {} was made with the secret that was in it: restore the file, or set APP_SECRET",
            file.display(),
            database.display()
        ))
    })
}

fn read_secret(file: &Path) -> Result<Option<SecretString>, OpenError> {
    match std::fs::read_to_string(file) {
        Ok(text) if text.trim().chars().count() >= MIN_APP_SECRET => Ok(Some(SecretString::from(text.trim()))),
        Ok(_) => Err(OpenError::Refused(format!(
            "{} holds no usable secret: restore it from a backup",
            file.display()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OpenError::Refused(format!("cannot read {}: {error}", file.display()))),
    }
}

/// Writes a new secret beside the database. The file appears whole or not at all: it is written
/// under another name, made durable, and linked; of two processes one wins and both read the same.
fn create_secret(file: &Path, random: &Random) -> Result<SecretString, OpenError> {
    let failed = |error: std::io::Error| OpenError::Refused(format!("cannot create {}: {error}", file.display()));
    let draft = file.with_extension(format!("secret-{}", crate::base::encoding::base64url(&random.bytes::<9>())));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let secret = SecretString::from(crate::base::encoding::base64url(&random.bytes::<48>()));
    let mut handle = options.open(&draft).map_err(failed)?;
    let written = handle
        .write_all(secret.expose_secret().as_bytes())
        .and_then(|()| handle.write_all(b"\n"))
        .and_then(|()| handle.sync_all());
    let linked = written.and_then(|()| std::fs::hard_link(&draft, file));
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    read_secret(file)?.ok_or_else(|| OpenError::Refused(format!("{} vanished", file.display())))
}

async fn check_secret(store: &Store, secrets: &Secrets, now: i64) -> Result<(), OpenError> {
    let expected = secrets.check_value();
    let mut stored = store.read().await?.setting(Setting::SecretCheck).await?;
    if stored.is_none() {
        let mut tx = store.begin().await?;
        tx.insert_setting(Setting::SecretCheck, &expected, now).await?;
        stored = tx.setting(Setting::SecretCheck).await?;
        tx.commit().await?;
    }
    if stored.is_some_and(|stored| equal(stored.as_bytes(), expected.as_bytes())) {
        return Ok(());
    }
    Err(OpenError::Refused(
        "APP_SECRET is not the one this database was made with: its keys would not open. Nothing was changed; start with the right secret"
            .to_owned(),
    ))
}

async fn initialize<G>(store: &Store, secrets: &Secrets, clock: &Clock, random: &Random, first_keys: G) -> Result<(), Fault>
where
    G: AsyncFnOnce(&Random) -> Result<FirstKeys, Fault>,
{
    if store.read().await?.setting(Setting::Initialized).await?.is_some() {
        return Ok(());
    }
    let keys = first_keys(random).await?;
    let now = clock.now();
    let mut tx = store.begin().await?;
    if tx.insert_setting(Setting::Initialized, "1", now).await? {
        insert_first_keys(&mut tx, &keys, &secrets.signing_key, random, now).await?;
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
