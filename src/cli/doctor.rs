//! `gatehouse doctor`

mod clock;
mod database;
mod files;
mod secret;
mod tls;

use std::process::ExitCode;

use serde::Serialize;

use crate::admin::{providers, vault_keys};
use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::config::{Config, ConfigError};
use crate::identity::admin_token;
use crate::installation;
use crate::model::signing_key::SigningAlgorithm;
use crate::store::SharedCounts;

use super::output::say;
use super::{Failure, output};

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

    fn show(&self, args: &Args) -> Result<ExitCode, Failure> {
        if args.json {
            output::json(&self.0)?;
        } else {
            for finding in &self.0 {
                let mark = match finding.state {
                    State::Ok => "ok     ",
                    State::Warning => "warning",
                    State::Error => "ERROR  ",
                };
                say!("{mark}  {:<9}  {}", finding.check, finding.message);
            }
        }
        let failed = self.0.iter().any(|finding| finding.state == State::Error);
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Looks at everything without changing anything that is there.
pub async fn run(config: Config, args: &Args) -> Result<ExitCode, Failure> {
    let mut report = Report(Vec::new());
    check_issuer(&config, &mut report);
    tls::check(&config, &mut report);
    clock::check(&mut report);
    database::check(&config, &mut report).await;
    check_redis(&config, &mut report).await;
    report.show(args)
}

/// Says that the settings cannot be used, so that nothing else can be looked at. Programs read it like everything else.
pub fn without_settings(args: &Args, error: ConfigError) -> Result<ExitCode, Failure> {
    if !args.json {
        return Err(error.into());
    }
    let mut report = Report(Vec::new());
    report.error("settings", error.to_string());
    report.show(args)
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

async fn check_installation(config: &Config, report: &mut Report) {
    let app = match Box::pin(installation::open(config.clone(), Clock::system(), Random::system())).await {
        Ok(app) => app,
        Err(error) => {
            report.error("secret", error.to_string());
            return;
        }
    };
    report.ok("secret", "APP_SECRET opens this database");
    secret::check(&app, report).await;
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
    if let Some(file) = config.vault_keys_file().filter(|file| files::is_open_to_others(file)) {
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
    match admin_token::is_of_lost_secret(&app).await {
        Ok(false) => {}
        Ok(true) => report.warn("token", "no admin token opens with this secret: run gatehouse admin-token reset"),
        Err(fault) => report.error("token", fault.to_string()),
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
