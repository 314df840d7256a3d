//! `gatehouse connection`

use clap::Subcommand;

use crate::admin::AdminError;
use crate::admin::connections::{self, AtProvider, ConnectionView, ConnectionsWith};
use crate::admin::users;
use crate::app::App;

use super::output::{maybe_instant, say};
use super::{Failure, output};

/// What people see below the flags.
const EXAMPLE: &str = "\
Examples:

  gatehouse connection list --user alice
  gatehouse connection list --provider google --workload calendar-agent --json";

#[derive(Subcommand)]
pub enum Command {
    /// List connections: what people gave agents at providers, the oldest first; never a token
    #[command(after_help = EXAMPLE)]
    List {
        /// Only those of this person, by user name or sub
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Only those at this provider, by id
        #[arg(long, value_name = "PROVIDER")]
        provider: Option<String>,
        /// Only those of this workload, by name
        #[arg(long, value_name = "WORKLOAD")]
        workload: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a connection back: here, and at its provider where that can be
    #[command(visible_alias = "delete")]
    Remove {
        /// Its id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::List {
            user,
            provider,
            workload,
            json,
        } => {
            let user_id = match &user {
                Some(user) => Some(user_id(app, user).await?),
                None => None,
            };
            let with = ConnectionsWith {
                user_id: user_id.as_deref(),
                provider_id: provider.as_deref(),
                workload: workload.as_deref(),
            };
            known(app, &with).await?;
            list(app, with, json).await
        }
        Command::Remove { id, json } => remove(app, &id, json).await,
    }
}

async fn user_id(app: &App, user: &str) -> Result<String, Failure> {
    let found = users::id_of(app, user).await?;
    Ok(found.ok_or_else(|| format!("there is no user {user}; see them with: gatehouse user list"))?)
}

/// What is misspelled is told apart from what has no connections.
async fn known(app: &App, with: &ConnectionsWith<'_>) -> Result<(), Failure> {
    let mut connection = app.store.read().await?;
    if let Some(id) = with.provider_id
        && connection.provider(id).await?.is_none()
    {
        return Err(format!("there is no provider {id}; see them with: gatehouse provider list").into());
    }
    if let Some(name) = with.workload
        && connection.workload(name).await?.is_none()
    {
        return Err(format!("there is no workload {name}; see them with: gatehouse workload list").into());
    }
    Ok(())
}

async fn list(app: &App, with: ConnectionsWith<'_>, json: bool) -> Result<(), Failure> {
    let connections = connections::every(app, with).await?;
    if json {
        return output::json(&connections);
    }
    let row = |connection: ConnectionView| {
        let user = connection.username.unwrap_or(connection.user_id);
        let state = if connection.needs_consent { "needs consent" } else { "active" };
        let row = [
            connection.id,
            user,
            connection.workload,
            connection.provider,
            connection.account_label,
            connection.scope,
            maybe_instant(connection.token_expires_at),
            state.to_owned(),
        ];
        // What a provider has said cannot steer a terminal.
        row.iter().map(|cell| output::printable(cell)).collect()
    };
    let rows: Vec<Vec<String>> = connections.into_iter().map(row).collect();
    let header = ["ID", "USER", "WORKLOAD", "PROVIDER", "ACCOUNT", "SCOPE", "TOKEN UNTIL", "STATE"];
    say!("{}", output::table(&header, &rows));
    Ok(())
}

async fn remove(app: &App, id: &str, json: bool) -> Result<(), Failure> {
    let removed = match connections::remove(app, id).await {
        Err(AdminError::NotFound) => return Err(format!("there is no connection {id}; see them with: gatehouse connection list").into()),
        removed => removed?,
    };
    if json {
        return output::json(&removed);
    }
    match (removed.at_provider, removed.account_page) {
        (AtProvider::Revoked, _) => say!("{id} is removed, here and at the provider."),
        (at_provider, page) => {
            if at_provider == AtProvider::Later {
                say!("{id} is removed here. The provider has not taken it back yet: the server tries again, for a week at most.");
            } else {
                say!("{id} is removed here. The provider has no way to take it back: tokens that are out live on there.");
            }
            if let Some(page) = page {
                say!("The person can take it back themselves at {page}");
            }
        }
    }
    Ok(())
}
