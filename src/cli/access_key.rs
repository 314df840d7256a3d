//! `gatehouse access-key`

use clap::Subcommand;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::admin::access_keys::{self as engine, AccessKeyView};
use crate::admin::page::Page;
use crate::admin::{AdminError, Expected};
use crate::app::App;
use crate::federation::access_keys::{self, NewAccessKey};

use super::output::say;
use super::{Failure, output};

#[derive(Subcommand)]
#[expect(clippy::doc_markdown, reason = "a help text, shown as it stands")]
pub enum Command {
    /// Make an access key and print it, as programs read it from the environment: its secret is shown once
    Add {
        /// The client that it belongs to: one with a secret, the grant client_credentials and the scope vault
        client_id: String,
        /// What it is for
        #[arg(long, default_value = "command line")]
        name: String,
        /// It may add and change agents of its client, and providers
        #[arg(long)]
        may_administer: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List access keys; their secrets are never shown again
    List {
        /// Only those of this client
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Disable an access key: it is worth nothing until it is enabled
    Disable {
        /// Its id
        id: String,
    },
    /// Enable an access key again
    Enable {
        /// Its id
        id: String,
    },
    /// Remove an access key
    Remove {
        /// Its id
        id: String,
    },
}

pub async fn run(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add {
            client_id,
            name,
            may_administer,
            json,
        } => {
            let new = NewAccessKey {
                client_id,
                name,
                may_administer,
            };
            let (key, secret) = access_keys::issue(app, new).await?;
            if json {
                let mut shown = json!(AccessKeyView::from(key));
                shown["secret"] = json!(secret.expose_secret());
                return output::json(&shown);
            }
            say!("AWS_ACCESS_KEY_ID={}", key.id);
            say!("AWS_SECRET_ACCESS_KEY={}", secret.expose_secret());
            Ok(())
        }
        Command::List { client, json } => list(app, client.as_deref(), json).await,
        Command::Disable { id } => {
            switch(app, &id, true).await?;
            say!("{id} is disabled.");
            Ok(())
        }
        Command::Enable { id } => {
            switch(app, &id, false).await?;
            say!("{id} is enabled.");
            Ok(())
        }
        Command::Remove { id } => {
            let removed = engine::delete(app, &id, &Expected::Any).await;
            removed.map_err(|error| explained(&id, error))?;
            say!("{id} is removed.");
            Ok(())
        }
    }
}

async fn switch(app: &App, id: &str, disabled: bool) -> Result<(), Failure> {
    let changed = engine::change(app, id, &Expected::Any, |settings| {
        Ok(engine::AccessKeyPatch { disabled, ..settings })
    });
    changed.await.map(drop).map_err(|error| explained(id, error))
}

fn explained(id: &str, error: AdminError) -> Failure {
    match error {
        AdminError::NotFound => format!("there is no access key {id}; see them with: gatehouse access-key list").into(),
        other => other.into(),
    }
}

async fn list(app: &App, client: Option<&str>, json: bool) -> Result<(), Failure> {
    let mut keys: Vec<AccessKeyView> = Vec::new();
    let mut cursor = None;
    loop {
        let page = engine::list(app, client, &Page::parse(Some("200"), cursor.as_deref())?).await?;
        keys.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    if json {
        return output::json(&keys);
    }
    let rows: Vec<Vec<String>> = keys
        .into_iter()
        .map(|key| {
            let may = if key.may_administer { "administer" } else { "use" };
            let state = if key.disabled { "disabled" } else { "enabled" };
            vec![
                key.id,
                key.client_id,
                key.name,
                may.to_owned(),
                state.to_owned(),
                output::instant(key.created_at),
            ]
        })
        .collect();
    say!("{}", output::table(&["ID", "CLIENT", "NAME", "MAY", "STATE", "MADE"], &rows));
    Ok(())
}
