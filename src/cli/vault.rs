//! `gatehouse vault`

use std::process::ExitCode;

use clap::Subcommand;

use crate::admin::vault_keys;
use crate::app::App;

use super::output::say;
use super::{Failure, output};

#[derive(Subcommand)]
#[expect(clippy::doc_markdown, reason = "a help text, shown as it stands")]
pub enum Command {
    /// List the keys that the tokens of connections are encrypted with, and how many connections each still wraps
    Keys {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Encrypt the data key of every connection again, with the newest key
    ///
    /// To replace a key without an outage: add the new one at the end of vault_keys_file on every node and restart these
    /// one by one, so that all of them can open what it seals. Then move it to the first line, restart them again, and run
    /// this. Once "gatehouse vault keys" shows that the old key wraps no connection, remove it. Servers may run meanwhile, and
    /// several of these commands, too.
    Rewrap {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(app: &App, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Keys { json } => keys(app, json).await.map(|()| ExitCode::SUCCESS),
        Command::Rewrap { json } => rewrap(app, json).await,
    }
}

async fn keys(app: &App, json: bool) -> Result<(), Failure> {
    let keys = vault_keys::list(app).await?;
    if json {
        return output::json(&keys);
    }
    let rows: Vec<Vec<String>> = keys
        .into_iter()
        .map(|key| {
            let state = match (&key.name, key.seals) {
                (None, _) => "missing",
                (Some(_), true) => "seals",
                (Some(_), false) => "opens",
            };
            vec![
                key.key_id,
                key.name.unwrap_or_else(|| "-".to_owned()),
                state.to_owned(),
                key.connections.to_string(),
            ]
        })
        .collect();
    say!("{}", output::table(&["KEY ID", "NAME", "STATE", "CONNECTIONS"], &rows));
    Ok(())
}

async fn rewrap(app: &App, json: bool) -> Result<ExitCode, Failure> {
    let done = vault_keys::rewrap(app).await?;
    if json {
        output::json(&done)?;
    } else {
        say!("Rewrapped {} connection(s) with the key {}.", done.rewrapped, done.key_id);
        for (id, why) in &done.unopened {
            say!("Connection {id} was left as it is: {why}.");
        }
        let sealed_meanwhile = done.left - i64::try_from(done.unopened.len()).unwrap_or(done.left);
        if sealed_meanwhile > 0 {
            say!(
                "{sealed_meanwhile} connection(s) have another key again: a server still encrypts with it. Restart every server with this vault_keys_file, and run this again."
            );
        }
    }
    Ok(if done.left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
