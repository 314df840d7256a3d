//! Reading again what is not in the database: certificates and the log level. For this node only.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::app::App;
use crate::app::reload::{ReadAgain, Reread};
use crate::base::again::Attempts;
use crate::base::fault::Fault;
use crate::base::request;
use crate::config::Config;
use crate::config::registry::{SETTINGS, Setting};
use crate::model::event::EventKind;

/// The part that every server has.
const SETTINGS_PART: &str = "settings";

/// What a node has read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reloaded {
    /// By name: `settings` and, where the server itself speaks TLS, `certificate`
    pub parts: BTreeMap<String, Part>,
}

/// What came of one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// What came of it
    pub outcome: PartOutcome,
    /// The same for people
    pub detail: String,
}

/// What came of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartOutcome {
    /// It is as it was
    Unchanged,
    /// Something else is in force now
    Changed,
    /// It cannot be used: what was in force is in force still, and the log says why
    Failed,
}

impl Reloaded {
    /// The parts that cannot be used.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        let failed = self.parts.iter().filter(|(_, part)| part.outcome == PartOutcome::Failed);
        failed.map(|(name, _)| name.as_str())
    }
}

/// Reads everything again. What can be used is in force then, whatever becomes of the rest.
///
/// # Errors
/// When it could not be written to the audit log, or the stored settings could not be read; the rest has happened.
pub async fn reload(app: &App) -> Result<Reloaded, Fault> {
    let _turn = app.reload.turn().await;
    // What is in force then is told once: begun again, it would be as it was.
    request::note_settled();
    let reading = app.clone();
    let read = tokio::task::spawn_blocking(move || reading.reload.read());
    let ReadAgain { mut parts, settings } = read.await.map_err(Fault::internal)?;
    let mut refreshed = Ok(());
    match settings {
        None => {}
        Some(Ok(config)) => {
            let reread;
            (reread, refreshed) = take_over(app, &config).await;
            parts.push((SETTINGS_PART, reread));
        }
        Some(Err(problem)) => parts.push((SETTINGS_PART, Reread::Failed(problem))),
    }
    let parts = parts
        .into_iter()
        .map(|(name, reread)| (name.to_owned(), noted(name, reread)))
        .collect();
    let reloaded = Reloaded { parts };
    refreshed?;
    let mut attempts = Attempts::begin();
    loop {
        if let Some(recorded) = attempts.last(record(app, &reloaded).await).await {
            return recorded.map(|()| reloaded);
        }
    }
}

async fn take_over(app: &App, config: &Config) -> (Reread, Result<(), Fault>) {
    let (base, before) = (app.base_config(), app.live());
    app.replace_live(config).await;
    // A line of the file that has gone may uncover what is stored.
    let refreshed = app.refresh_live().await.map(drop);
    let level = &app.live().log_level;
    let secrets = config.other_secrets(&base);
    let differs = |setting: &&Setting| {
        // What nobody sets is what the server itself has found out.
        let is_set = base.source(setting.key).is_fixed() || config.source(setting.key).is_fixed();
        is_set && ((setting.show)(&base) != (setting.show)(config) || secrets.contains(&setting.key))
    };
    let waiting: Vec<&str> = SETTINGS
        .iter()
        .filter(|setting| setting.key != "log_level")
        .filter(differs)
        .map(|setting| setting.key)
        .collect();
    let restart = if waiting.is_empty() {
        String::new()
    } else {
        format!("; these have changed and need a restart: {}", waiting.join(", "))
    };
    let reread = if before.log_level == *level {
        Reread::Unchanged(format!("log_level is as it was{restart}"))
    } else {
        Reread::Changed(format!("log_level is {level}{restart}"))
    };
    (reread, refreshed)
}

/// Writes to the log what came of a part. What is wrong with it stays there: it may quote what stands in a file.
fn noted(name: &str, reread: Reread) -> Part {
    match reread {
        Reread::Unchanged(detail) => {
            tracing::info!(event = "reloaded", part = name, "{name}: {detail}");
            Part {
                outcome: PartOutcome::Unchanged,
                detail,
            }
        }
        Reread::Changed(detail) => {
            tracing::info!(event = "reloaded", part = name, "{name}: {detail}");
            Part {
                outcome: PartOutcome::Changed,
                detail,
            }
        }
        Reread::Failed(problem) => {
            tracing::error!(
                event = "reload_failed",
                part = name,
                "{name} cannot be used, and what was in force stays: {problem}"
            );
            Part {
                outcome: PartOutcome::Failed,
                detail: "it cannot be used, and what was in force stays; the log of the server says why".to_owned(),
            }
        }
    }
}

async fn record(app: &App, reloaded: &Reloaded) -> Result<(), Fault> {
    let mut event = app.event(EventKind::ServerReloaded);
    for (name, part) in &reloaded.parts {
        event = event.detail(name, json!(part));
    }
    if reloaded.failed().next().is_some() {
        event = event.refused();
    }
    let mut tx = app.store.begin().await?;
    tx.record(event).await?;
    tx.commit().await
}
