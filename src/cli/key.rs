//! `gatehouse key`

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use crate::admin::{AdminError, signing_keys};
use crate::app::App;
use crate::base::clock::Timestamp;
use crate::model::signing_key::{KeyState, SigningAlgorithm, SigningKey};

use super::output::say;
use super::{Failure, output};

#[derive(Subcommand)]
pub enum Command {
    /// List signing keys
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Publish a new key that takes over once everybody can know it
    Rotate {
        /// RS256, ES256 or EdDSA; all three when left out
        #[arg(long, value_name = "ALGORITHM")]
        algorithm: Option<String>,
        /// Let the new key sign at once; relying parties with a cached JWKS may refuse tokens for some minutes
        #[arg(long)]
        now: bool,
    },
    /// Take a key out of use; another one must sign in its place
    Retire {
        /// Key ID
        kid: String,
        /// Somebody has a copy: publish it no more, and refuse what it signed
        #[arg(long)]
        now: bool,
    },
}

pub async fn run(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { json } => list(app, json).await,
        Command::Rotate { algorithm, now } => {
            let algorithms = match algorithm {
                Some(name) => vec![SigningAlgorithm::parse(&name).ok_or("--algorithm must be RS256, ES256 or EdDSA")?],
                None => SigningAlgorithm::ALL.to_vec(),
            };
            for algorithm in algorithms {
                let rotated = signing_keys::rotate(app, algorithm, now).await?;
                say!(
                    "{algorithm}: {} signs from {}; {} key(s) retire then",
                    rotated.new.id,
                    output::instant(rotated.new.active_at),
                    rotated.replaced.len()
                );
            }
            Ok(())
        }
        Command::Retire { kid, now } => {
            signing_keys::retire(app, &kid, now).await.map_err(|error| explained(&kid, error))?;
            say!("{kid} signs no more{}", if now { ", and what it signed is refused." } else { "." });
            Ok(())
        }
    }
}

fn explained(kid: &str, error: AdminError) -> Failure {
    match error {
        AdminError::NotFound => format!("there is no key {kid} that is still published; see them with: gatehouse key list").into(),
        other => other.into(),
    }
}

fn state(key: &SigningKey, now: Timestamp) -> &'static str {
    match key.state(now) {
        None => "expired",
        Some(KeyState::Next) => "next",
        Some(KeyState::Active) => "active",
        Some(KeyState::Retired) => "retired",
    }
}

/// A key as programs read it: as in the admin API, and those that have expired, too.
#[derive(Serialize)]
struct Listed<'a> {
    kid: &'a str,
    algorithm: SigningAlgorithm,
    state: &'static str,
    created_at: Timestamp,
    active_at: Timestamp,
    retired_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    public_jwk: Value,
}

impl<'a> Listed<'a> {
    fn new(key: &'a SigningKey, now: Timestamp) -> Self {
        Self {
            kid: &key.id,
            algorithm: key.algorithm,
            state: state(key, now),
            created_at: key.created_at,
            active_at: key.active_at,
            retired_at: key.retired_at,
            expires_at: key.expires_at,
            public_jwk: serde_json::from_str(&key.public_jwk).unwrap_or_default(),
        }
    }
}

async fn list(app: &App, json: bool) -> Result<(), Failure> {
    let now = app.now();
    let keys = app.store.read().await?.signing_keys().await?;
    if json {
        let shown: Vec<Listed<'_>> = keys.iter().map(|key| Listed::new(key, now)).collect();
        return output::json(&shown);
    }
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            vec![
                key.id.clone(),
                key.algorithm.to_string(),
                state(key, now).to_owned(),
                output::instant(key.active_at),
                output::maybe_instant(key.retired_at),
                output::maybe_instant(key.expires_at),
            ]
        })
        .collect();
    say!(
        "{}",
        output::table(
            &["KEY ID", "ALGORITHM", "STATE", "SIGNS FROM", "SIGNS UNTIL", "VERIFIES UNTIL"],
            &rows
        )
    );
    Ok(())
}
