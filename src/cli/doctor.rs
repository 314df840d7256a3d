//! `gatehouse doctor`

mod tls;

use std::process::ExitCode;

use serde::Serialize;

use crate::admin::{providers, secret_rotation, vault_keys};
use crate::app::App;
use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::config::Config;
use crate::identity::admin_token;
use crate::installation;
use crate::model::signing_key::SigningAlgorithm;
use crate::store::{Dialect, Setting, SharedCounts, Store};

use super::output::say;
use super::{Failure, app_secret, output};

#[derive(clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Error,
}

#[derive(Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    /// What was seen, and what to do about it
    message: String,
}

struct Report(Vec<Finding>);

impl Report {
    fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.0.push(Finding {
            check,
            state: State::Ok,
            message: message.into(),
        });
    }
    fn warn(&mut self, check: &'static str, message: impl Into<String>) {
        self.0.push(Finding {
            check,
            state: State::Warning,
            message: message.into(),
        });
    }
    fn error(&mut self, check: &'static str, message: impl Into<String>) {
        self.0.push(Finding {
            check,
            state: State::Error,
            message: message.into(),
        });
    }
}

/// Looks at everything without changing anything that is there.
pub async fn run(config: Config, args: &Args) -> Result<ExitCode, Failure> {
    let mut report = Report(Vec::new());
    check_issuer(&config, &mut report);
    tls::check(&config, &mut report);
    check_clock(&mut report);
    check_database(&config, &mut report).await;
    check_redis(&config, &mut report).await;
    let failed = report.0.iter().any(|finding| finding.state == State::Error);
    if args.json {
        output::json(&report.0)?;
    } else {
        for finding in &report.0 {
            let mark = match finding.state {
                State::Ok => "ok     ",
                State::Warning => "warning",
                State::Error => "ERROR  ",
            };
            say!("{mark}  {:<9}  {}", finding.check, finding.message);
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn check_issuer(config: &Config, report: &mut Report) {
    let issuer = config.issuer();
    if issuer.is_https() {
        report.ok("issuer", issuer.as_str());
    } else {
        report.warn(
            "issuer",
            format!("{issuer} works on this machine only; set GATEHOUSE_ISSUER to an https URL for others"),
        );
    }
    if config.enable_dev_endpoints {
        report.warn("dev", "developer endpoints are enabled; unset ENABLE_DEV_ENDPOINTS in production");
    }
}

async fn check_redis(config: &Config, report: &mut Report) {
    let counts = SharedCounts::new(
        config.database_url.dialect(),
        config.limits.redis.as_ref(),
        config.limits.redis_authorities.as_deref(),
    );
    match counts {
        Ok(counts) => match counts.ping().await {
            None => {}
            Some(Ok(())) => report.ok("redis", "answers"),
            Some(Err(problem)) => report.warn("redis", format!("{problem}; until it answers, each node limits by its own counts")),
        },
        Err(fault) => report.error("redis", fault.to_string()),
    }
}

/// 2026-01-01: no machine that runs this version has an earlier date.
const NOT_BEFORE: i64 = 1_767_225_600;

fn check_clock(report: &mut Report) {
    let now = Clock::system().now();
    if now < NOT_BEFORE {
        report.error(
            "clock",
            format!("the clock says {}: set it, tokens depend on it", output::instant(now)),
        );
    } else {
        report.ok("clock", output::instant(now));
    }
}

async fn check_database(config: &Config, report: &mut Report) {
    let url = &config.database_url;
    if url.file().is_some_and(|file| !file.exists()) {
        report.ok("database", format!("{url} does not exist yet; the first start creates it"));
        return;
    }
    let store = match Store::open(&config.store_options()).await {
        Ok(store) => store,
        Err(fault) => {
            report.error("database", format!("{url}: {fault}; check that it runs, and DATABASE_URL"));
            return;
        }
    };
    match store.pending_migrations().await {
        Ok(0) => report.ok("database", format!("{url}, schema up to date")),
        Ok(pending) => {
            report.warn(
                "database",
                format!("{url} waits for {pending} migration(s): the next start applies them, or run: gatehouse migrate"),
            );
            return;
        }
        Err(fault) => {
            report.error("database", fault.to_string());
            return;
        }
    }
    match store.collation().await {
        Ok(Some(collation)) if collation.ends_with("_bin") => report.ok("collation", collation),
        Ok(Some(collation)) => report.error(
            "collation",
            format!("{collation} takes different ids for the same; use utf8mb4_bin"),
        ),
        Ok(None) => {}
        Err(fault) => report.error("collation", fault.to_string()),
    }
    let initialized = match store.read().await {
        Ok(mut connection) => connection.setting(Setting::Initialized).await,
        Err(fault) => Err(fault),
    };
    store.close().await;
    match initialized {
        Ok(Some(_)) => check_installation(config, report).await,
        // Opening it would make the secret and the keys, and a doctor only looks.
        Ok(None) => report.ok("keys", "there are none yet; the first start makes them"),
        Err(fault) => report.error("database", fault.to_string()),
    }
}

async fn check_installation(config: &Config, report: &mut Report) {
    let app = match Box::pin(installation::open(config.clone(), Clock::system(), Random::system())).await {
        Ok(app) => app,
        Err(error) => {
            report.error("secret", error.to_string());
            return;
        }
    };
    report.ok("secret", "APP_SECRET opens this database");
    if config.database_url.dialect() == Dialect::Sqlite && config.app_secret.is_none() {
        check_secret_file(config, report);
    }
    check_previous_secret(&app, report).await;
    let ring = app.keys.current();
    let missing: Vec<&str> = SigningAlgorithm::ALL
        .into_iter()
        .filter(|algorithm| ring.signer(*algorithm, app.now()).is_none())
        .map(SigningAlgorithm::as_str)
        .collect();
    if missing.is_empty() {
        report.ok("keys", "a key of each algorithm signs");
    } else {
        report.error(
            "keys",
            format!("no key signs {}: run gatehouse key rotate --now", missing.join(", ")),
        );
    }
    match vault_keys::missing(&app).await {
        Ok(None) => report.ok("vault", "the key of every connection is there"),
        Ok(Some(problem)) => report.warn("vault", problem),
        Err(fault) => report.error("vault", fault.to_string()),
    }
    match vault_keys::to_be_taken_back(&app).await {
        Ok(0) => {}
        Ok(count) => report.ok(
            "vault",
            format!("{count} connection(s) are still to be taken back at their providers"),
        ),
        Err(fault) => report.error("vault", fault.to_string()),
    }
    match providers::unsound(&app).await {
        Ok(unsound) if unsound.is_empty() => {}
        Ok(unsound) => report.warn(
            "providers",
            format!(
                "{}: the secret does not open, or nothing shows that the addresses are the operator's; see whether they are right, and enter the secret again",
                unsound.join(", ")
            ),
        ),
        Err(fault) => report.error("providers", fault.to_string()),
    }
    match providers::without_secret(&app).await {
        Ok(ids) => {
            for id in ids {
                report.warn(
                    "providers",
                    format!("{id} needs a secret and has none: give it one with gatehouse provider secret {id}"),
                );
            }
        }
        Err(fault) => report.error("providers", fault.to_string()),
    }
    #[cfg(unix)]
    if let Some(file) = config.vault_keys_file().filter(|file| is_open_to_others(file)) {
        report.warn("vault", format!("{} can be read by others: chmod 600 {0}", file.display()));
    }
    match admin_token::is_setup_open(&app).await {
        Ok(false) => report.ok("set-up", "done"),
        Ok(true) => report.warn(
            "set-up",
            "not done: open the link that the server prints when it starts, or set ADMIN_TOKEN",
        ),
        Err(fault) => report.error("set-up", fault.to_string()),
    }
    match admin_token::is_example(&app).await {
        Ok(false) => {}
        Ok(true) => report.warn(
            "token",
            "the admin token is one of the documentation, which everybody can read: run gatehouse admin-token reset",
        ),
        Err(fault) => report.error("token", fault.to_string()),
    }
}

/// What there is of the secret that was replaced.
async fn check_previous_secret(app: &App, report: &mut Report) {
    if app.config.previous_secret().is_none() {
        return;
    }
    let remains = match secret_rotation::remains(app).await {
        Ok(remains) => remains,
        Err(fault) => return report.error("secret", fault.to_string()),
    };
    if !remains.sealed.is_empty() {
        let message = format!(
            "still sealed with the previous secret: {}; run gatehouse secret rotate when every server has the new one",
            app_secret::counted(&remains.sealed)
        );
        return report.warn("secret", message);
    }
    report.ok("secret", "nothing is sealed with the previous secret any more");
    let kept = app_secret::kept(&remains);
    if kept.is_empty() {
        report.warn(
            "secret",
            "nobody needs the previous secret any more: remove it, and restart the servers",
        );
    }
    for line in kept {
        report.ok("secret", line);
    }
}

/// Whether a file can be read by others than its owner.
#[cfg(unix)]
fn is_open_to_others(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

/// The secret file must be its owner's alone.
fn check_secret_file(config: &Config, report: &mut Report) {
    #[cfg(unix)]
    if let Some(file) = config.database_url.file().map(installation::secret_file) {
        use std::os::unix::fs::PermissionsExt;
        match std::fs::metadata(&file) {
            Ok(found) if found.permissions().mode() & 0o077 != 0 => {
                report.error("secret", format!("{} can be read by others: chmod 600 {0}", file.display()));
            }
            Ok(_) => report.ok(
                "secret",
                format!("{} is its owner's alone; back it up apart from the database", file.display()),
            ),
            Err(error) => report.error("secret", format!("{}: {error}", file.display())),
        }
    }
    #[cfg(not(unix))]
    let _ = (config, report);
}
