//! `gatehouse registration-token`

use clap::Subcommand;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::admin::initial_access_tokens::{self as engine, TokenView};
use crate::admin::page::Page;
use crate::app::App;
use crate::base::clock::Seconds;
use crate::config::seconds;
use crate::oauth::initial_access_tokens::{self, NewToken};

use super::output::say;
use super::{Failure, output};

/// A year, in seconds.
const YEAR: Seconds = 365 * 86_400;

#[derive(Subcommand)]
pub enum Command {
    /// Make an initial access token and print it: it is shown once
    Add {
        /// What it is for
        name: String,
        /// For how long it is good, such as 90s, 15m, 12h or 30d
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = life)]
        expires_in: Seconds,
        /// For how many clients it is good; as many as one likes unless it is given
        #[arg(long, value_name = "NUMBER")]
        uses: Option<i64>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the tokens that have not expired; the tokens themselves are not stored
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a token; clients that were registered with it stay
    Delete {
        /// Its id, as in the list
        id: String,
    },
}

fn life(text: &str) -> Result<Seconds, String> {
    seconds(text, 60, YEAR)
}

pub async fn run(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add {
            name,
            expires_in,
            uses,
            json,
        } => {
            let new = NewToken { name, expires_in, uses };
            let (token, secret) = initial_access_tokens::create(app, new).await?;
            if json {
                let mut shown = json!(TokenView::from(token));
                shown["token"] = json!(secret.expose_secret());
                return output::json(&shown);
            }
            say!("{}", secret.expose_secret());
            Ok(())
        }
        Command::List { json } => list(app, json).await,
        Command::Delete { id } => {
            if !initial_access_tokens::delete(app, &id).await? {
                return Err(format!("there is no token {id}; see them with: gatehouse registration-token list").into());
            }
            say!("{id} is deleted.");
            Ok(())
        }
    }
}

async fn list(app: &App, json: bool) -> Result<(), Failure> {
    let mut tokens: Vec<TokenView> = Vec::new();
    let mut cursor = None;
    loop {
        let page = engine::list(app, &Page::parse(Some("200"), cursor.as_deref())?).await?;
        tokens.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    if json {
        return output::json(&tokens);
    }
    let rows: Vec<Vec<String>> = tokens
        .into_iter()
        .map(|token| {
            let uses = token.uses_left.map_or_else(|| "any number".to_owned(), |uses| uses.to_string());
            vec![token.id, token.name, uses, output::instant(token.expires_at)]
        })
        .collect();
    say!("{}", output::table(&["ID", "NAME", "CLIENTS LEFT", "EXPIRES"], &rows));
    Ok(())
}
