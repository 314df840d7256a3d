//! The one list of settings. Flags, environment variables, `gatehouse.toml`, `gatehouse config` and
//! the reference in `docs/configuration.md` all come from it.

use crate::keys::secrets::MIN_APP_SECRET;
use crate::protocol::issuer::Issuer;
use crate::protocol::scope::Scope;
use crate::store::DatabaseUrl;

use super::values::{
    boolean, duration, log_level, network, number, registration_scope, seconds, secret, secret_file, show_seconds, shown_path, shown_secret,
};
use super::{AuditLog, Config, LogFormat, RegistrationPolicy};

/// The fewest characters of an admin token that the operator chooses.
const MIN_ADMIN_TOKEN: usize = 16;
/// The longest life of an access or ID token, in seconds: how long a retired key must stay published.
pub const MAX_TOKEN_LIFETIME: i64 = 86_400;

/// One setting.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Its name in `gatehouse.toml`; the flag is the same with dashes.
    pub key: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// What kind of value it takes.
    pub value: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Whether it is a secret: it has no flag (process lists show flags) and is never shown.
    pub is_secret: bool,
    /// Whether it can change while the server runs; then it may also be stored in the database.
    pub is_live: bool,
    /// Reads a value.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
    /// Shows the value in force.
    pub show: fn(&Config) -> String,
}

impl Setting {
    /// The setting of that name.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The command-line flag; secrets have none.
    #[must_use]
    pub fn flag(&self) -> Option<String> {
        (!self.is_secret).then(|| self.key.replace('_', "-"))
    }
}

macro_rules! setting {
    ($key:literal, $env:literal, $value:literal, $help:literal, |$config:ident, $text:ident| $set:expr, |$shown:ident| $show:expr) => {
        Setting {
            key: $key,
            env: $env,
            value: $value,
            help: $help,
            is_secret: false,
            is_live: false,
            set: |$config, $text| {
                $set;
                Ok(())
            },
            show: |$shown| $show,
        }
    };
    (secret $key:literal, $env:literal, $value:literal, $help:literal, |$config:ident, $text:ident| $set:expr, |$shown:ident| $show:expr) => {
        Setting {
            is_secret: true,
            ..setting!($key, $env, $value, $help, |$config, $text| $set, |$shown| { $show })
        }
    };
    (live $key:literal, $env:literal, $value:literal, $help:literal, |$config:ident, $text:ident| $set:expr, |$shown:ident| $show:expr) => {
        Setting {
            is_live: true,
            ..setting!($key, $env, $value, $help, |$config, $text| $set, |$shown| { $show })
        }
    };
}

mod deployment;
mod federation;
mod limits;
mod monitoring;
mod secrets;

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// Every setting, in the order in which people look for them.
pub const SETTINGS: &[Setting] = &ALL;
const ALL: [Setting;
    SERVER.len()
        + secrets::SETTINGS.len()
        + federation::SETTINGS.len()
        + limits::SETTINGS.len()
        + AROUND.len()
        + deployment::SETTINGS.len()
        + monitoring::SETTINGS.len()] = joined([
    SERVER,
    secrets::SETTINGS,
    federation::SETTINGS,
    limits::SETTINGS,
    AROUND,
    deployment::SETTINGS,
    monitoring::SETTINGS,
]);

/// All of these lists, one after the other. Its length must be that of all of them.
const fn joined<const N: usize, const LISTS: usize>(lists: [&[Setting]; LISTS]) -> [Setting; N] {
    let mut all = [lists[0][0]; N];
    let (mut list, mut at, mut done) = (0, 0, 0);
    while list < lists.len() {
        if at == lists[list].len() {
            (list, at) = (list + 1, 0);
        } else {
            all[done] = lists[list][at];
            (at, done) = (at + 1, done + 1);
        }
    }
    assert!(done == N, "every setting has its place");
    all
}

/// Those of the server itself, its tokens and its clients.
const SERVER: &[Setting] = &[
    setting!(
        "listen",
        "GATEHOUSE_LISTEN",
        "ADDRESS:PORT",
        "Where to listen",
        |config, text| config.listen = text
            .parse()
            .map_err(|_| { "must be an address and a port, such as 127.0.0.1:8000 or 0.0.0.0:8000".to_owned() })?,
        |config| config.listen.to_string()
    ),
    setting!(
        "issuer",
        "GATEHOUSE_ISSUER",
        "URL",
        "The URL under which people and apps reach the server; https unless it is a loopback address",
        |config, text| config.issuer = Some(Issuer::parse(text)?),
        |config| config.issuer().to_string()
    ),
    setting!(
        "database_url",
        "DATABASE_URL",
        "URL",
        "sqlite://FILE, postgres://USER:PASSWORD@HOST/DATABASE or mysql://USER:PASSWORD@HOST/DATABASE",
        |config, text| config.database_url = DatabaseUrl::parse(text)?,
        |config| config.database_url.to_string()
    ),
    setting!(
        "database_pool_size",
        "GATEHOUSE_DATABASE_POOL_SIZE",
        "NUMBER",
        "The most database connections of this node",
        |config, text| config.database_pool_size = number(text, 1, 1000)?,
        |config| config.database_pool_size.to_string()
    ),
    setting!(
        "database_timeout",
        "GATEHOUSE_DATABASE_TIMEOUT",
        "TIME",
        "How long a request may wait for a connection before it is answered with 503",
        |config, text| config.database_timeout = duration(text, 1, 300)?,
        |config| format!("{}s", config.database_timeout.as_secs())
    ),
    setting!(secret "app_secret", "APP_SECRET", "TEXT", "The secret that all keys are derived from, 32 characters or more; the same on every node. With SQLite one is made and kept in a file",
        |config, text| {
            config.app_secret = Some(secret(text, MIN_APP_SECRET)?);
            config.app_secret_file = None;
        },
        |config| shown_secret(config.app_secret.is_some() && config.app_secret_file.is_none())),
    setting!(
        "app_secret_file",
        "APP_SECRET_FILE",
        "FILE",
        "Read APP_SECRET from this file",
        |config, text| {
            config.app_secret = Some(secret_file(text, MIN_APP_SECRET)?);
            config.app_secret_file = Some(text.into());
        },
        |config| shown_path(config.app_secret_file.as_ref())
    ),
    setting!(secret "admin_token", "ADMIN_TOKEN", "TEXT", "The admin token to begin with, 16 characters or more; does the same as /setup in a browser",
        |config, text| {
            config.admin_token = Some(secret(text, MIN_ADMIN_TOKEN)?);
            config.admin_token_file = None;
        },
        |config| shown_secret(config.admin_token.is_some() && config.admin_token_file.is_none())),
    setting!(
        "admin_token_file",
        "ADMIN_TOKEN_FILE",
        "FILE",
        "Read ADMIN_TOKEN from this file",
        |config, text| {
            config.admin_token = Some(secret_file(text, MIN_ADMIN_TOKEN)?);
            config.admin_token_file = Some(text.into());
        },
        |config| shown_path(config.admin_token_file.as_ref())
    ),
    setting!(
        "enable_dev_endpoints",
        "ENABLE_DEV_ENDPOINTS",
        "BOOLEAN",
        "Serve /dev/seed, /dev/pkce and /dev/clients; only with a loopback issuer",
        |config, text| config.enable_dev_endpoints = boolean(text)?,
        |config| config.enable_dev_endpoints.to_string()
    ),
    setting!(
        live "log_level",
        "GATEHOUSE_LOG_LEVEL",
        "LEVEL",
        "error, warn, info, debug or trace; or pairs such as gatehouse=debug,actix_server=warn",
        |config, text| {
            log_level(text)?;
            text.clone_into(&mut config.log_level);
        },
        |config| config.log_level.clone()
    ),
    setting!(
        "log_format",
        "GATEHOUSE_LOG_FORMAT",
        "FORMAT",
        "text for people, json for log collectors",
        |config, text| config.log_format = match text {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => return Err("must be text or json".to_owned()),
        },
        |config| match config.log_format {
            LogFormat::Text => "text".to_owned(),
            LogFormat::Json => "json".to_owned(),
        }
    ),
    setting!(
        "audit_log",
        "GATEHOUSE_AUDIT_LOG",
        "TARGET",
        "stdout: write each event of the audit log to standard output, too, as a line of JSON; off: do not",
        |config, text| config.audit_log = Some(match text {
            "stdout" => AuditLog::Stdout,
            "off" => AuditLog::Off,
            _ => return Err("must be stdout or off".to_owned()),
        }),
        |config| match config.audit_log() {
            AuditLog::Stdout => "stdout".to_owned(),
            AuditLog::Off => "off".to_owned(),
        }
    ),
    setting!(
        live "audit_retention",
        "GATEHOUSE_AUDIT_RETENTION",
        "TIME",
        "How long events of the audit log are kept",
        |config, text| config.audit_retention = seconds(text, DAY, 3650 * DAY)?,
        |config| show_seconds(config.audit_retention)
    ),
    setting!(
        live "signing_key_lifetime",
        "GATEHOUSE_SIGNING_KEY_LIFETIME",
        "TIME",
        "How long a key signs until another one takes its place by itself; with 0 only `gatehouse key rotate` does that",
        |config, text| config.lifetimes.signing_key = match seconds(text, 0, 3650 * DAY)? {
            1..DAY => return Err("must be 0 or at least 1d".to_owned()),
            lifetime => lifetime,
        },
        |config| show_seconds(config.lifetimes.signing_key)
    ),
    setting!(
        "workers",
        "GATEHOUSE_WORKERS",
        "NUMBER",
        "Threads that serve requests; the number of processors unless set",
        |config, text| config.workers = number(text, 1, 1024)?,
        |config| config.workers.to_string()
    ),
    setting!(
        live "code_lifetime",
        "GATEHOUSE_CODE_LIFETIME",
        "TIME",
        "Life of an authorization code, one minute at most",
        |config, text| config.lifetimes.code = seconds(text, 5, 60)?,
        |config| show_seconds(config.lifetimes.code)
    ),
    setting!(
        live "access_token_lifetime",
        "GATEHOUSE_ACCESS_TOKEN_LIFETIME",
        "TIME",
        "Life of an access token",
        |config, text| config.lifetimes.access_token = seconds(text, 10, MAX_TOKEN_LIFETIME)?,
        |config| show_seconds(config.lifetimes.access_token)
    ),
    setting!(
        live "id_token_lifetime",
        "GATEHOUSE_ID_TOKEN_LIFETIME",
        "TIME",
        "Life of an ID token",
        |config, text| config.lifetimes.id_token = seconds(text, 10, MAX_TOKEN_LIFETIME)?,
        |config| show_seconds(config.lifetimes.id_token)
    ),
    setting!(
        live "refresh_token_idle_lifetime",
        "GATEHOUSE_REFRESH_TOKEN_IDLE_LIFETIME",
        "TIME",
        "Life of a refresh token that nobody uses",
        |config, text| config.lifetimes.refresh_token_idle = seconds(text, 60, 3650 * DAY)?,
        |config| show_seconds(config.lifetimes.refresh_token_idle)
    ),
    setting!(
        live "refresh_token_lifetime",
        "GATEHOUSE_REFRESH_TOKEN_LIFETIME",
        "TIME",
        "How long an authorization can be refreshed in all",
        |config, text| config.lifetimes.refresh_token = seconds(text, 60, 3650 * DAY)?,
        |config| show_seconds(config.lifetimes.refresh_token)
    ),
    setting!(
        live "refresh_grace",
        "GATEHOUSE_REFRESH_GRACE",
        "TIME",
        "For how long a repeated refresh gets the same new token instead of an alarm",
        |config, text| config.lifetimes.refresh_grace = seconds(text, 0, 60)?,
        |config| show_seconds(config.lifetimes.refresh_grace)
    ),
    setting!(
        live "session_idle_lifetime",
        "GATEHOUSE_SESSION_IDLE_LIFETIME",
        "TIME",
        "How long a sign-in lasts that nobody uses",
        |config, text| config.lifetimes.session_idle = seconds(text, 60, 365 * DAY)?,
        |config| show_seconds(config.lifetimes.session_idle)
    ),
    setting!(
        live "session_lifetime",
        "GATEHOUSE_SESSION_LIFETIME",
        "TIME",
        "How long a sign-in lasts in all",
        |config, text| config.lifetimes.session = seconds(text, 60, 365 * DAY)?,
        |config| show_seconds(config.lifetimes.session)
    ),
    setting!(
        live "registration",
        "GATEHOUSE_REGISTRATION",
        "POLICY",
        "Who may register a client: open, everybody; token, whoever has an initial access token; off, nobody. Unless set: open on a loopback issuer, token otherwise",
        |config, text| config.registration.policy = Some(match text {
            "open" => RegistrationPolicy::Open,
            "token" => RegistrationPolicy::Token,
            "off" => RegistrationPolicy::Off,
            _ => return Err("must be open, token or off".to_owned()),
        }),
        |config| match config.registration_policy() {
            RegistrationPolicy::Open => "open".to_owned(),
            RegistrationPolicy::Token => "token".to_owned(),
            RegistrationPolicy::Off => "off".to_owned(),
        }
    ),
    setting!(
        live "registration_scope",
        "GATEHOUSE_REGISTRATION_SCOPE",
        "SCOPES",
        "The scopes that a client which registers itself may have, separated by spaces, besides openid and offline_access; unless set, every scope that needs no role",
        |config, text| config.registration.scope = registration_scope(text)?,
        |config| config.registration.scope.as_ref().map(ToString::to_string).unwrap_or_default()
    ),
    setting!(
        live "registration_access_token_lifetime",
        "GATEHOUSE_REGISTRATION_ACCESS_TOKEN_LIFETIME",
        "TIME",
        "The longest life of an access token of a client that registered itself",
        |config, text| config.registration.access_token_lifetime = seconds(text, 10, HOUR)?,
        |config| show_seconds(config.registration.access_token_lifetime)
    ),
    setting!(
        live "registration_idle",
        "GATEHOUSE_REGISTRATION_IDLE",
        "TIME",
        "After how long a client that registered itself is removed when nobody uses it any more",
        |config, text| config.registration.idle = seconds(text, DAY, 3650 * DAY)?,
        |config| show_seconds(config.registration.idle)
    ),
    setting!(
        live "client_documents",
        "GATEHOUSE_CLIENT_DOCUMENTS",
        "SWITCH",
        "on: a client_id may be the https URL of a client metadata document, which is fetched; off: only registered clients",
        |config, text| config.client_documents = match text {
            "on" => true,
            "off" => false,
            _ => return Err("must be on or off".to_owned()),
        },
        |config| if config.client_documents { "on".to_owned() } else { "off".to_owned() }
    ),
    setting!(
        live "client_document_scope",
        "GATEHOUSE_CLIENT_DOCUMENT_SCOPE",
        "SCOPES",
        "The most that clients with a metadata document may ask for, separated by spaces; every scope that is defined unless set",
        |config, text| config.client_document_scope = Scope::parse(text).map_err(|refusal| refusal.description.into_owned())?,
        |config| config.client_document_scope.to_string()
    ),
];

/// Those of passwords, TLS and proxies.
const AROUND: &[Setting] = &[
    setting!(
        "password_memory",
        "GATEHOUSE_PASSWORD_MEMORY",
        "KIB",
        "Memory of one password hash (argon2id), in KiB",
        |config, text| config.password_cost.memory_kib = number(text, 64, 4_194_304)?,
        |config| config.password_cost.memory_kib.to_string()
    ),
    setting!(
        "password_passes",
        "GATEHOUSE_PASSWORD_PASSES",
        "NUMBER",
        "Passes of one password hash",
        |config, text| config.password_cost.passes = number(text, 1, 100)?,
        |config| config.password_cost.passes.to_string()
    ),
    setting!(
        "password_lanes",
        "GATEHOUSE_PASSWORD_LANES",
        "NUMBER",
        "Lanes of one password hash",
        |config, text| config.password_cost.lanes = number(text, 1, 8)?,
        |config| config.password_cost.lanes.to_string()
    ),
    setting!(
        "password_threads",
        "GATEHOUSE_PASSWORD_THREADS",
        "NUMBER",
        "How many passwords are hashed at once; the number of processors unless set",
        |config, text| config.password_threads = number(text, 1, 256)?,
        |config| config.password_threads.to_string()
    ),
    setting!(
        "password_queue",
        "GATEHOUSE_PASSWORD_QUEUE",
        "NUMBER",
        "How many sign-ins may wait for that; more are answered with 503",
        |config, text| config.password_queue = number(text, 1, 100_000)?,
        |config| config.password_queue.to_string()
    ),
    setting!(
        "tls_certificate",
        "GATEHOUSE_TLS_CERTIFICATE",
        "FILE",
        "Certificate chain in PEM, to serve https without a proxy",
        |config, text| config.tls_certificate = Some(text.into()),
        |config| shown_path(config.tls_certificate.as_ref())
    ),
    setting!(
        "tls_key",
        "GATEHOUSE_TLS_KEY",
        "FILE",
        "Private key of the certificate, in PEM",
        |config, text| config.tls_key = Some(text.into()),
        |config| shown_path(config.tls_key.as_ref())
    ),
    setting!(
        "trusted_proxies",
        "GATEHOUSE_TRUSTED_PROXIES",
        "NETWORKS",
        "Addresses or networks of reverse proxies whose X-Forwarded-For is believed, separated by commas",
        |config, text| config.trusted_proxies = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(network)
            .collect::<Result<_, _>>()?,
        |config| config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    ),
];
