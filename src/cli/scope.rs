//! `gatehouse scope`

use clap::Subcommand;

use crate::admin::scopes::ScopeView;
use crate::app::App;
use crate::model::scope::ScopeSettings;
use crate::oauth::scopes;

use super::output::say;
use super::{Failure, output};

#[derive(Subcommand)]
pub enum Command {
    /// Define a scope
    Add {
        /// Name, as clients ask for it
        name: String,
        /// What it means, in words for the person who is asked
        #[arg(long)]
        description: String,
        /// A claim that it releases; repeat for several
        #[arg(long = "claim", value_name = "CLAIM")]
        claims: Vec<String>,
        /// A request that names no scope gets it
        #[arg(long)]
        default: bool,
        /// Only users with this role may hand it on; repeat for several
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// List scopes
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a scope; no token is issued with it any more
    Delete {
        /// Name
        name: String,
    },
}

pub async fn run(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add {
            name,
            description,
            claims,
            default,
            roles,
        } => {
            let settings = ScopeSettings {
                description,
                claims,
                is_default: default,
                roles,
            };
            let scope = scopes::define(app, &name, settings).await?;
            say!("{} is defined.", scope.name);
            Ok(())
        }
        Command::List { json } => list(app, json).await,
        Command::Delete { name } => {
            let scope = app.store.read().await?.scope(&name).await?;
            let scope = scope.ok_or_else(|| format!("there is no scope {name}; see them with: gatehouse scope list"))?;
            scopes::delete(app, &scope).await?;
            say!("{name} is removed.");
            Ok(())
        }
    }
}

async fn list(app: &App, json: bool) -> Result<(), Failure> {
    let scopes = app.store.read().await?.scopes().await?.0;
    if json {
        let shown: Vec<ScopeView> = scopes.into_iter().map(ScopeView::from).collect();
        return output::json(&shown);
    }
    let rows: Vec<Vec<String>> = scopes
        .into_iter()
        .map(|scope| {
            let default = if scope.is_default { "yes" } else { "no" }.to_owned();
            let roles = if scope.roles.is_empty() {
                "any".to_owned()
            } else {
                scope.roles.join(" ")
            };
            vec![scope.name, default, roles, scope.settings.description]
        })
        .collect();
    say!("{}", output::table(&["SCOPE", "DEFAULT", "ROLES", "DESCRIPTION"], &rows));
    Ok(())
}
