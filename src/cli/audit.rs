//! `gatehouse audit`

use std::process::ExitCode;

use chrono::DateTime;
use clap::Subcommand;
use serde_json::json;

use crate::admin::users;
use crate::app::App;
use crate::audit;
use crate::base::clock::Timestamp;
use crate::config::seconds;
use crate::model::event::{Actor, Event, EventFilter, EventKind, Outcome};

use super::output::say;
use super::{Failure, output};

#[derive(Subcommand)]
pub enum Command {
    /// Check that every event is there, as it was written
    ///
    /// Follows the chains of all nodes and names the first event that was changed, removed or added by
    /// somebody else than the server. Ends with status 1 then. The server may run meanwhile.
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List events, newest first
    List(List),
}

#[derive(clap::Args)]
pub struct List {
    /// What happened, such as session.started; see docs/audit.md
    #[arg(long, visible_alias = "event", value_name = "EVENT")]
    kind: Option<String>,
    /// The user whom it concerns: name, or sub when the account is gone
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The client that it concerns
    #[arg(long = "client", value_name = "CLIENT_ID")]
    client_id: Option<String>,
    /// Who did it: command, system, `admin_token`, anonymous, user:SUB or `client:CLIENT_ID`
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// With what result: success or failure
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Not before: a time ago, such as 90m, 24h or 7d, or a date such as 2027-01-15T08:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before: a time ago, or a date
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How many
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Print JSON, one event a line
    #[arg(long)]
    json: bool,
}

/// How many events are read at once.
const PAGE: u16 = 500;
/// The longest time ago, in seconds: a hundred years.
const LONGEST: i64 = 36_500 * 86_400;

pub async fn run(app: &App, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Verify { json } => verify(app, json).await,
        Command::List(args) => list(app, &args).await.map(|()| ExitCode::SUCCESS),
    }
}

async fn verify(app: &App, is_json: bool) -> Result<ExitCode, Failure> {
    match audit::verify(app).await? {
        Ok(summary) if is_json => output::json(&json!({ "intact": true, "summary": summary }))?,
        Ok(summary) => {
            say!(
                "The audit log is intact: {} events in {} chains of {} processes.",
                summary.events,
                summary.lanes,
                summary.nodes
            );
            if let (Some(oldest), Some(newest)) = (summary.oldest, summary.newest) {
                say!(
                    "The oldest is from {}, the newest from {}.",
                    output::instant(oldest),
                    output::instant(newest)
                );
            }
        }
        Err(finding) if is_json => {
            output::json(&json!({ "intact": false, "finding": finding }))?;
            return Ok(ExitCode::FAILURE);
        }
        Err(finding) => return Err(format!("the audit log was tampered with: {finding}").into()),
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(app: &App, args: &List) -> Result<(), Failure> {
    let filter = filter(app, args).await?;
    let mut connection = app.store.read().await?;
    let (mut before, mut missing) = (None, args.limit);
    let mut rows = Vec::new();
    while missing > 0 {
        let limit = u16::try_from(missing).unwrap_or(PAGE).min(PAGE);
        let events = connection.events(&filter, before.as_deref(), limit).await?;
        let is_last = events.len() < usize::from(limit);
        before = events.last().map(|event| event.id.clone());
        missing -= u32::from(limit);
        if args.json {
            for event in &events {
                say!("{}", event.to_json());
            }
        } else {
            rows.extend(events.iter().map(row));
        }
        if is_last {
            break;
        }
    }
    if !args.json {
        let header = ["TIME", "EVENT", "OUTCOME", "ACTOR", "USER", "CLIENT", "TARGET", "ADDRESS", "DETAIL"];
        say!("{}", output::table(&header, &rows));
    }
    Ok(())
}

fn row(event: &Event) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    vec![
        output::instant(event.at),
        event.kind.as_str().to_owned(),
        event.outcome.as_str().to_owned(),
        event.actor.to_string(),
        or_dash(&event.subject),
        or_dash(&event.client_id),
        or_dash(&event.target),
        or_dash(&event.address),
        if event.detail.is_empty() {
            "-".to_owned()
        } else {
            serde_json::Value::from(event.detail.clone()).to_string()
        },
    ]
}

async fn filter(app: &App, args: &List) -> Result<EventFilter, Failure> {
    let kind = args.kind.as_deref().map(|name| {
        EventKind::parse(name).ok_or_else(|| {
            let names: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("--kind {name}: there is no such event; there are: {}", names.join(", "))
        })
    });
    let actor = args
        .actor
        .as_deref()
        .map(|text| Actor::parse(text).ok_or("--actor must be command, system, admin_token, anonymous, user:SUB or client:CLIENT_ID"));
    let outcome = args
        .outcome
        .as_deref()
        .map(|text| Outcome::parse(text).ok_or("--outcome must be success or failure"));
    let subject_id = match &args.user {
        Some(user) => Some(user_id(app, user).await?),
        None => None,
    };
    Ok(EventFilter {
        kind: kind.transpose()?,
        subject_id,
        client_id: args.client_id.clone(),
        actor: actor.transpose()?,
        since: args.since.as_deref().map(|text| instant(app, "since", text)).transpose()?,
        until: args.until.as_deref().map(|text| instant(app, "until", text)).transpose()?,
        outcome: outcome.transpose()?,
    })
}

async fn user_id(app: &App, said: &str) -> Result<String, Failure> {
    let found = users::id_of(app, said).await?;
    found.ok_or_else(|| format!("--user {said}: nobody has this user name, and it is no user ID").into())
}

fn instant(app: &App, flag: &str, text: &str) -> Result<Timestamp, Failure> {
    if let Ok(date) = DateTime::parse_from_rfc3339(text) {
        return Ok(date.timestamp());
    }
    let ago = seconds(text, 0, LONGEST)
        .map_err(|_| format!("--{flag} must be a time ago, such as 24h, or a date such as 2027-01-15T08:00:00Z"))?;
    Ok(app.now() - ago)
}
