//! The configuration: what it may contain (`registry`), where it comes from (`sources`), and the
//! typed result that everything else reads.
//!
//! Flags are stronger than the environment, the environment is stronger than `gatehouse.toml`, and that
//! is stronger than what is stored in the database (`live`), which only some settings can be.
//! [`Config::check`] checks what concerns several settings at once.

pub mod agentcore;
pub mod deployment;
pub mod limits;
pub mod live;
pub mod monitoring;
pub mod registry;
pub mod relay;
mod secrets;
pub mod sources;
mod values;

pub(crate) use values::seconds;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

use crate::base::clock::Seconds;
use crate::keys::envelope::KeyEncryptionKey;
use crate::keys::passwords::PasswordCost;
use crate::protocol::issuer::Issuer;
use crate::protocol::scope::Scope;
use crate::store::{DatabaseUrl, Dialect, StoreOptions};

use agentcore::AgentCore;
use deployment::Deployment;
use limits::Limits;
use monitoring::Monitoring;
use relay::{Relay, Serves};
use sources::Source;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for log collectors.
    Json,
}

/// Where events of the audit log are written besides the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditLog {
    /// To standard output, one JSON object a line.
    Stdout,
    /// Nowhere.
    Off,
}

/// Who may register a client for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Everybody.
    Open,
    /// Whoever has an initial access token (RFC 7591 §3).
    Token,
    /// Nobody.
    Off,
}

/// What becomes of clients that register themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Who may, as configured; [`Config::registration_policy`] has what is in force
    policy: Option<RegistrationPolicy>,
    /// The scopes that they may have, when not simply all that are for everybody
    pub scope: Option<Scope>,
    /// The longest life of their access tokens
    pub access_token_lifetime: Seconds,
    /// After how long one that nobody uses is removed
    pub idle: Seconds,
}

/// How long things live, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Authorization codes; at most 60
    pub code: Seconds,
    /// Access tokens
    pub access_token: Seconds,
    /// ID tokens
    pub id_token: Seconds,
    /// Refresh tokens that nobody uses
    pub refresh_token_idle: Seconds,
    /// Refresh tokens in any case, counted from the consent
    pub refresh_token: Seconds,
    /// The time in which a repeated refresh gets the same successor
    pub refresh_grace: Seconds,
    /// Sessions that nobody uses
    pub session_idle: Seconds,
    /// Sessions in any case
    pub session: Seconds,
    /// Keys that sign, until others take their places; 0: they stay
    pub signing_key: Seconds,
}

/// The certificate and key files of the TLS listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM, the server's certificate first
    pub certificate: PathBuf,
    /// PEM
    pub key: PathBuf,
}

/// The effective configuration. `Debug` hides the secrets.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The issuer as configured; [`Config::issuer`] has the effective one.
    issuer: Option<Issuer>,
    /// The database.
    pub database_url: DatabaseUrl,
    /// The most connections.
    pub database_pool_size: u32,
    /// How long a request may wait for one.
    pub database_timeout: Duration,
    /// The secret that all keys are derived from.
    pub app_secret: Option<SecretString>,
    app_secret_file: Option<PathBuf>,
    app_secret_previous: Option<SecretString>,
    app_secret_previous_file: Option<PathBuf>,
    app_secret_next: Option<SecretString>,
    app_secret_next_file: Option<PathBuf>,
    /// The admin token to begin with.
    pub admin_token: Option<SecretString>,
    admin_token_file: Option<PathBuf>,
    /// Whether `/dev/*` answers.
    pub enable_dev_endpoints: bool,
    /// Which log lines are written: a level, or `target=level` pairs.
    pub log_level: String,
    /// How they look.
    pub log_format: LogFormat,
    audit_log: Option<AuditLog>,
    /// How long events of the audit log are kept.
    pub audit_retention: Seconds,
    /// Worker threads of the web server.
    pub workers: usize,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// What becomes of clients that register themselves.
    pub registration: Registration,
    /// Whether a `client_id` may be the URL of a metadata document.
    pub client_documents: bool,
    /// The most that such clients may ask for; empty: every scope that is defined.
    pub client_document_scope: Scope,
    /// What hashing a password costs.
    pub password_cost: PasswordCost,
    /// How many are hashed at once.
    pub password_threads: usize,
    /// How many may wait.
    pub password_queue: usize,
    /// The operator's keys for the tokens of connections, of which the first one seals; none unless there is a file.
    pub vault_keys: Vec<KeyEncryptionKey>,
    vault_keys_file: Option<PathBuf>,
    /// Networks that providers may be in besides the public internet.
    pub provider_networks: Vec<IpNet>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    /// The callback relay.
    pub relay: Box<Relay>,
    /// How it is watched.
    pub monitoring: Box<Monitoring>,
    /// The interface of AgentCore Identity.
    pub agentcore: AgentCore,
    /// What this process serves: the command says so, not a setting.
    pub serves: Serves,
    /// How often somebody may ask, and how many may be connected.
    pub limits: Box<Limits>,
    /// Addresses whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How it goes together with what is around it.
    pub deployment: Deployment,
    /// Where the values came from, by key; what is not there has its default.
    sources: BTreeMap<&'static str, Source>,
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            issuer: None,
            database_url: DatabaseUrl::default_file(),
            database_pool_size: 16,
            database_timeout: Duration::from_secs(5),
            app_secret: None,
            app_secret_file: None,
            app_secret_previous: None,
            app_secret_previous_file: None,
            app_secret_next: None,
            app_secret_next_file: None,
            admin_token: None,
            admin_token_file: None,
            enable_dev_endpoints: false,
            log_level: "info,actix_server=warn,sqlx=warn".to_owned(),
            log_format: LogFormat::Text,
            audit_log: None,
            audit_retention: 365 * 86_400,
            workers: cores,
            lifetimes: Lifetimes {
                code: 60,
                access_token: 3600,
                id_token: 3600,
                refresh_token_idle: 30 * 86_400,
                refresh_token: 365 * 86_400,
                refresh_grace: 10,
                session_idle: 86_400,
                session: 14 * 86_400,
                signing_key: 90 * 86_400,
            },
            registration: Registration {
                policy: None,
                scope: None,
                access_token_lifetime: 3600,
                idle: 30 * 86_400,
            },
            client_documents: true,
            client_document_scope: Scope::default(),
            password_cost: PasswordCost {
                memory_kib: 19_456,
                passes: 2,
                lanes: 1,
            },
            password_threads: cores,
            password_queue: 1024,
            vault_keys: Vec::new(),
            vault_keys_file: None,
            provider_networks: Vec::new(),
            tls_certificate: None,
            tls_key: None,
            relay: Box::default(),
            monitoring: Box::default(),
            agentcore: AgentCore::default(),
            serves: Serves::default(),
            limits: Box::default(),
            trusted_proxies: Vec::new(),
            deployment: Deployment::default(),
            sources: BTreeMap::new(),
        }
    }
}

impl Config {
    /// The issuer: the configured one, or the address it listens on when that is a loopback one.
    #[must_use]
    pub fn issuer(&self) -> Issuer {
        if let Some(issuer) = &self.issuer {
            return issuer.clone();
        }
        let (scheme, usual_port) = if self.tls().is_some() { ("https", 443) } else { ("http", 80) };
        let host = if self.listen.ip().is_unspecified() {
            "127.0.0.1".to_owned()
        } else {
            host_of(self.listen)
        };
        let port = match self.listen.port() {
            port if port == usual_port => String::new(),
            port => format!(":{port}"),
        };
        Issuer::parse(&format!("{scheme}://{host}{port}")).unwrap_or_else(|_| Issuer::localhost(self.listen.port()))
    }

    /// The files of the TLS listener, when both are set.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.tls_certificate.clone()?,
            key: self.tls_key.clone()?,
        })
    }

    /// Where events of the audit log are written besides the database: as configured, or to standard
    /// output when the other lines there are JSON, too.
    #[must_use]
    pub fn audit_log(&self) -> AuditLog {
        self.audit_log.unwrap_or(match self.log_format {
            LogFormat::Text => AuditLog::Off,
            LogFormat::Json => AuditLog::Stdout,
        })
    }

    /// Who may register a client for itself: as configured, or everybody on this machine when nobody else
    /// reaches the server.
    #[must_use]
    pub fn registration_policy(&self) -> RegistrationPolicy {
        let usual = || {
            if self.issuer().is_loopback() {
                RegistrationPolicy::Open
            } else {
                RegistrationPolicy::Token
            }
        };
        self.registration.policy.unwrap_or_else(usual)
    }

    /// The secret whose place `app_secret` takes, when it is configured.
    #[must_use]
    pub fn previous_secret(&self) -> Option<&SecretString> {
        self.app_secret_previous.as_ref()
    }

    /// The secret that will take the place of `app_secret`.
    #[must_use]
    pub fn next_secret(&self) -> Option<&SecretString> {
        self.app_secret_next.as_ref()
    }

    /// Whether `app_secret` takes the place of another one here, so that what is met of that is made anew.
    #[must_use]
    pub fn replaces_secret(&self) -> bool {
        self.app_secret_previous.is_some()
    }

    /// Sets the previous secret, where the file of an installation says it.
    pub(crate) fn replace_secret(&mut self, previous: SecretString) {
        self.app_secret_previous = Some(previous);
    }

    /// The file of [`Self::vault_keys`].
    #[must_use]
    pub fn vault_keys_file(&self) -> Option<&Path> {
        self.vault_keys_file.as_deref()
    }

    /// How to open the store.
    #[must_use]
    pub fn store_options(&self) -> StoreOptions {
        StoreOptions {
            url: self.database_url.clone(),
            pool_size: self.database_pool_size,
            acquire_timeout: self.database_timeout,
        }
    }

    /// Where the value of a setting came from.
    #[must_use]
    pub fn source(&self, key: &str) -> &Source {
        self.sources.get(key).unwrap_or(&Source::Default)
    }

    /// The configuration, if [`Config::check`] finds nothing.
    ///
    /// # Errors
    /// One line that names the settings.
    pub fn finish(self) -> Result<Self, ConfigError> {
        match self.check() {
            Ok(()) => Ok(self),
            Err(conflict) => Err(ConfigError(conflict.text)),
        }
    }

    /// Checks what concerns several settings at once.
    ///
    /// # Errors
    /// When some do not go together.
    pub fn check(&self) -> Result<(), Conflict> {
        let problem = |keys: &'static [&'static str], text: String| Err(Conflict { keys, text });
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            return problem(
                &["tls_certificate", "tls_key"],
                "tls_certificate and tls_key belong together: set both or none".to_owned(),
            );
        }
        if self.issuer.is_none() && !self.listen.ip().is_loopback() && !self.listen.ip().is_unspecified() {
            let text = format!(
                "issuer: the server listens on {}, so set GATEHOUSE_ISSUER to the https URL under which people reach it",
                self.listen
            );
            return problem(&["issuer", "listen"], text);
        }
        if self.monitoring.metrics_listen == Some(self.listen) {
            return problem(
                &["metrics_listen", "listen"],
                "metrics_listen: metrics are not for everybody, so they need another address or port than listen".to_owned(),
            );
        }
        if self.monitoring.otlp_endpoint.is_none() && !self.monitoring.otlp_headers.is_empty() {
            return problem(
                &["otlp_headers", "otlp_endpoint"],
                "otlp_headers: they are for otlp_endpoint, which is not set".to_owned(),
            );
        }
        if self.limits.redis_authorities.is_some() && !self.limits.is_redis_by_tls() {
            return problem(
                &["redis_ca_file", "redis_url"],
                "redis_ca_file: it is for Redis with TLS, and redis_url does not begin with rediss://".to_owned(),
            );
        }
        let issuer = self.issuer();
        if self.relay.url.as_ref().is_some_and(|url| url.path() != issuer.path()) {
            return problem(
                &["relay_url", "issuer"],
                "relay_url: its path must be that of the issuer, below which everything is served".to_owned(),
            );
        }
        if self.relay.completion_url.is_none() && self.relay.completion_token.is_some() {
            return problem(
                &["completion_token", "completion_url"],
                "completion_token: it is for completion_url, which is not set".to_owned(),
            );
        }
        if matches!(self.agentcore, AgentCore::Unsigned(_)) && !issuer.is_loopback() {
            let text = format!("agentcore: requests without a signature and the issuer {issuer} do not go together: say on");
            return problem(&["agentcore", "issuer"], text);
        }
        if self.enable_dev_endpoints && !issuer.is_loopback() {
            let text = format!(
                "ENABLE_DEV_ENDPOINTS: developer endpoints and the issuer {issuer} do not go together; they are for a loopback issuer only"
            );
            return problem(&["enable_dev_endpoints", "issuer"], text);
        }
        if self.app_secret.is_none() && self.database_url.dialect() != Dialect::Sqlite {
            let text = format!(
                "APP_SECRET: set it (32 characters or more, the same on every node) to use {}; for example the output of: openssl rand -base64 48",
                self.database_url.dialect()
            );
            return problem(&["app_secret", "database_url"], text);
        }
        let lives = self.lifetimes;
        if lives.refresh_token_idle > lives.refresh_token {
            return problem(
                &["refresh_token_idle_lifetime", "refresh_token_lifetime"],
                "refresh_token_idle_lifetime is longer than refresh_token_lifetime".to_owned(),
            );
        }
        if lives.session_idle > lives.session {
            return problem(
                &["session_idle_lifetime", "session_lifetime"],
                "session_idle_lifetime is longer than session_lifetime".to_owned(),
            );
        }
        Ok(())
    }
}

fn host_of(address: SocketAddr) -> String {
    if address.is_ipv6() {
        format!("[{}]", address.ip())
    } else {
        address.ip().to_string()
    }
}

/// Settings that do not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Which
    pub keys: &'static [&'static str],
    /// What is wrong, in one line
    pub text: String,
}

/// Why the configuration is refused: one line that names what is wrong.
#[derive(Debug)]
pub struct ConfigError(pub String);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}
