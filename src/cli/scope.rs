//! `gatehouse scope`

use clap::Subcommand;
use serde_json::{Value, json};

use crate::app::App;
use crate::model::event::EventKind;
use crate::model::scope::ScopeDefinition;
use crate::protocol::scope::is_scope_token;

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
            if !is_scope_token(&name) {
                return Err("a scope has 1 to 128 printable characters, without spaces, \" and \\".into());
            }
            let now = app.now();
            let scope = ScopeDefinition {
                name,
                description,
                claims,
                is_default: default,
                roles,
                created_at: now,
                updated_at: now,
            };
            let mut tx = app.store.begin().await?;
            if !tx.insert_scope(&scope).await? {
                return Err(format!("the scope {} is defined already", scope.name).into());
            }
            let event = app.event(EventKind::ScopeCreated).target(&scope.name);
            tx.record(event.detail("after", audited(&scope))).await?;
            tx.commit().await?;
            say!("{} is defined.", scope.name);
            Ok(())
        }
        Command::List { json } => list(app, json).await,
        Command::Delete { name } => {
            let mut tx = app.store.begin().await?;
            let before = tx.scopes().await?.definition(&name).map(audited);
            if !tx.delete_scope(&name).await? {
                return Err(format!("there is no scope {name}; see them with: gatehouse scope list").into());
            }
            let event = app.event(EventKind::ScopeDeleted).target(&name);
            tx.record(event.detail("before", before)).await?;
            tx.commit().await?;
            say!("{name} is removed.");
            Ok(())
        }
    }
}

/// What the audit log keeps of a scope.
fn audited(scope: &ScopeDefinition) -> Value {
    json!({
        "description": scope.description,
        "claims": scope.claims,
        "default": scope.is_default,
        "roles": scope.roles,
    })
}

async fn list(app: &App, json: bool) -> Result<(), Failure> {
    let scopes = app.store.read().await?.scopes().await?.0;
    if json {
        let shown: Vec<_> = scopes
            .iter()
            .map(|scope| {
                json!({
                    "name": scope.name,
                    "description": scope.description,
                    "claims": scope.claims,
                    "default": scope.is_default,
                    "roles": scope.roles,
                })
            })
            .collect();
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
            vec![scope.name, default, roles, scope.description]
        })
        .collect();
    say!("{}", output::table(&["SCOPE", "DEFAULT", "ROLES", "DESCRIPTION"], &rows));
    Ok(())
}
