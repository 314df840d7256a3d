//! `gatehouse resource`

use clap::Subcommand;

use crate::admin::resources::ResourceView;
use crate::app::App;
use crate::model::client::AccessTokenFormat;
use crate::model::resource::ResourceSettings;
use crate::oauth::resources;
use crate::protocol::scope::Scope;

use super::output::say;
use super::{Failure, output};

#[derive(Subcommand)]
pub enum Command {
    /// Register a protected resource: an API or MCP server that tokens are for
    Add {
        /// Its identifier: the URL under which clients reach it
        identifier: String,
        /// What people read on the consent page
        #[arg(long)]
        name: String,
        /// Its own scopes, separated by spaces; tokens for other resources never carry them
        #[arg(long, default_value = "")]
        scope: String,
        /// Form of its access tokens: jwt or opaque; that of the client unless set
        #[arg(long, value_name = "FORMAT")]
        token_format: Option<String>,
        /// Life of its access tokens in seconds; that of the client unless set
        #[arg(long, value_name = "SECONDS")]
        token_lifetime: Option<i64>,
        /// A client that may have tokens for it; repeat for several; every client unless set
        #[arg(long = "client", value_name = "CLIENT_ID")]
        clients: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List protected resources
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a protected resource; no token is issued for it any more
    Delete {
        /// Its identifier
        identifier: String,
    },
}

pub async fn run(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add {
            identifier,
            name,
            scope,
            token_format,
            token_lifetime,
            clients,
            json,
        } => {
            let format = token_format.map(|name| AccessTokenFormat::parse(&name).ok_or("--token-format is jwt or opaque"));
            let settings = ResourceSettings {
                name,
                scope: Scope::parse(&scope).map_err(|refusal| format!("--scope: {}", refusal.description))?,
                access_token_format: format.transpose()?,
                access_token_lifetime: token_lifetime,
                clients: (!clients.is_empty()).then_some(clients),
            };
            let resource = resources::register(app, &identifier, settings).await?;
            if json {
                return output::json(&ResourceView::new(app, resource));
            }
            say!("{} is registered.", resource.identifier);
            Ok(())
        }
        Command::List { json } => list(app, json).await,
        Command::Delete { identifier } => {
            let resources = app.store.read().await?.resources().await?;
            let resource = resources
                .find(&identifier)
                .ok_or_else(|| format!("there is no resource {identifier}; see them with: gatehouse resource list"))?;
            resources::delete(app, resource).await?;
            say!("{} is removed.", resource.identifier);
            Ok(())
        }
    }
}

async fn list(app: &App, json: bool) -> Result<(), Failure> {
    let resources = app.store.read().await?.resources().await?.0;
    if json {
        let shown: Vec<ResourceView> = resources.into_iter().map(|resource| ResourceView::new(app, resource)).collect();
        return output::json(&shown);
    }
    let rows: Vec<Vec<String>> = resources
        .into_iter()
        .map(|resource| {
            let clients = resource
                .clients
                .as_ref()
                .map_or_else(|| "every".to_owned(), |clients| clients.join(" "));
            vec![
                resource.identifier.clone(),
                resource.name.clone(),
                resource.scope.to_string(),
                clients,
            ]
        })
        .collect();
    say!("{}", output::table(&["RESOURCE", "NAME", "SCOPE", "CLIENTS"], &rows));
    Ok(())
}
