//! `gatehouse secret`

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use crate::admin::secret_rotation::{self, Remains, Rotated};
use crate::app::App;
use crate::base::random::Random;
use crate::installation;

use super::output::say;
use super::{Failure, output};

#[derive(Subcommand)]
pub enum Command {
    /// Seal everything in the database with the new secret, so that the old one can go
    ///
    /// With several servers: 1. set `APP_SECRET_NEXT` to the new secret on every one, and restart them one by one. 2. Set
    /// `APP_SECRET` to the new and `APP_SECRET_PREVIOUS` to the old one, and restart them again. 3. Run this with the same
    /// settings, and use the admin token once. 4. When clients have replaced their refresh tokens, which this tells, remove
    /// `APP_SECRET_PREVIOUS`.
    ///
    /// Where the secret is in a file beside a SQLite database: run this, which makes a new file; restart the server; run
    /// this again. Servers may run meanwhile.
    Rotate {
        /// No server runs: do not ask whether one was started with the new secret
        #[arg(long)]
        offline: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(app: &App, command: Command) -> Result<ExitCode, Failure> {
    let Command::Rotate { offline, json } = command;
    if app.config.previous_secret().is_none()
        && app.config.app_secret.is_none()
        && let Some(database) = app.config.database_url.file()
    {
        if !installation::replace_secret_file(database, &Random::system())? {
            return Err("the secret has been replaced meanwhile: restart the server, so that it has both, and run this again".into());
        }
        let (new, old) = (installation::secret_file(database), installation::previous_secret_file(database));
        if json {
            output::json(&json!({ "done": false, "restart": true }))?;
        } else {
            say!("There is a new secret in {}; the old one is in {}.", new.display(), old.display());
            say!("Restart the server, so that it has both. Then run this again.");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rotated = secret_rotation::rotate(app, offline).await?;
    if json {
        output::json(&rotated)?;
    } else {
        show(app, &rotated);
    }
    Ok(if rotated.done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(app: &App, rotated: &Rotated) {
    for (what, count) in &rotated.resealed {
        say!("Sealed anew: {count} {what}.");
    }
    for (what, count) in &rotated.unopened {
        say!("Somebody has changed them, or no secret opens them: {count} {what}. They still are what they were.");
    }
    for id in &rotated.damaged_connections {
        say!("The tokens of the connection {id} are lost: its person has to connect the account again.");
    }
    if !rotated.done {
        say!(
            "Still sealed with the previous secret: {}. A server still seals with it: restart every server with the new secret, and run this again.",
            counted(&rotated.remains.sealed)
        );
        return;
    }
    say!("Nothing in the database is sealed with the previous secret.");
    let kept = [kept_for_clients(&rotated.remains), kept_for_operators(&rotated.remains)];
    for line in kept.into_iter().flatten() {
        say!("{line}");
    }
    let place = match (&app.config.app_secret, app.config.database_url.file()) {
        (None, Some(database)) => installation::previous_secret_file(database).display().to_string(),
        _ => "APP_SECRET_PREVIOUS".to_owned(),
    };
    say!("When nobody needs it any more, remove {place} and restart the servers.");
}

/// Counts of things, in one line.
pub(super) fn counted(counts: &BTreeMap<&'static str, u64>) -> String {
    let parts: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    parts.join(", ")
}

/// Why the previous secret should still be accepted: what ends by itself.
pub(super) fn kept_for_clients(remains: &Remains) -> Option<String> {
    (remains.refresh_tokens > 0).then(|| {
        format!(
            "{} grant(s) may have a refresh token of the previous secret, which the next refresh replaces; the last of them expires at {}.",
            remains.refresh_tokens,
            output::maybe_instant(remains.refresh_tokens_until)
        )
    })
}

/// The same of what an operator has to do, or is locked out.
pub(super) fn kept_for_operators(remains: &Remains) -> Option<String> {
    remains.admin_token.then(|| {
        "The admin token is stored by the previous secret, and is worth nothing without that: use it once, or run gatehouse admin-token reset."
            .to_owned()
    })
}
