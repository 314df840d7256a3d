//! The gateway, to be started by itself (`../main.rs`) or inside an agent (`../../hello_agent`).
//!
//! ```text
//! request ──▶ guard.rs: whose token? ──▶ rmcp ──▶ server.rs ──▶ profile.rs ──▶ vault.rs   the person's token, or a question
//!                └ ticket.rs: what can the client do?                     ├──▶ people.rs  the person's profile
//!                                                                         └──▶ questions.rs
//! ```

pub mod guard;
mod people;
pub mod problem;
mod profile;
mod questions;
pub mod server;
mod ticket;
mod vault;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::shared::issuer::Issuer;
use crate::shared::mcp::Resource;
use crate::tokens::Verifier;
use guard::Guard;
use people::People;
use problem::{Kind, Problem};
use profile::Profiles;
use server::PeopleServer;
use ticket::Tickets;
use vault::Vault;

/// How long those who are being answered have when it stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a gateway has to know.
pub struct Settings {
    /// Gatehouse: where access tokens come from, and where the vault is
    pub issuer: String,
    /// Where to listen
    pub listen: String,
    /// Where clients find it, without the path of MCP
    pub base: String,
    /// The client that owns the workload
    pub client_id: String,
    /// Its secret
    pub client_secret: SecretString,
    /// The workload
    pub workload: String,
    /// The provider, by its id at Gatehouse
    pub provider: String,
    /// What tokens of people there have to be good for
    pub scope: String,
    /// The API, such as `https://people.googleapis.com/v1`
    pub people_api: String,
    /// Where people go after they were asked; one of the workload's `return_uris`
    pub return_uri: Option<String>,
}

/// A running gateway. It ends with the value.
pub struct Gateway {
    resource: Resource,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Gateway {
    /// Starts it.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn start(settings: Settings) -> Result<Self, Problem> {
        let configuration = |problem: String| Problem::new(Kind::Configuration, problem);
        let resource = Resource::below(&settings.base).map_err(configuration)?;
        let people = People::at(&settings.people_api).map_err(configuration)?;
        let issuer = Issuer::discover(&settings.issuer).await.map_err(configuration)?;
        let metadata = issuer.resource_metadata(resource.identifier()).await.map_err(configuration)?;
        let verifier = Verifier::discover(issuer.name(), resource.identifier())
            .await
            .map_err(configuration)?;
        let guard = Arc::new(Guard {
            verifier,
            tickets: Tickets::new(),
            resource: resource.clone(),
        });
        let provider = settings.provider.clone();
        let vault = Vault {
            http: issuer.http().clone(),
            issuer: settings.issuer,
            client_id: settings.client_id,
            client_secret: settings.client_secret,
            workload: settings.workload,
            provider: settings.provider,
            scope: settings.scope,
            return_uri: settings.return_uri,
        };
        let profiles = Arc::new(Profiles::new(vault, people));
        let mcp = StreamableHttpService::new(
            move || Ok(PeopleServer::new(Arc::clone(&profiles), provider.clone())),
            Arc::new(NeverSessionManager::default()),
            resource.transport(),
        );
        let app = Router::new()
            .route_service(resource.path(), mcp)
            .layer(middleware::from_fn_with_state(guard, guard::guard))
            .layer(DefaultBodyLimit::disable())
            .merge(resource.metadata_route(metadata));
        let listener = TcpListener::bind(&settings.listen).await.map_err(|error| {
            let problem = format!("{} cannot be listened at: {error}. Choose another address", settings.listen);
            Problem::new(Kind::Gateway, problem)
        })?;
        let (stop, stopped) = oneshot::channel();
        let server = axum::serve(listener, app).with_graceful_shutdown(async move {
            let _ = stopped.await;
        });
        let task = tokio::spawn(async move { server.await });
        Ok(Self { resource, stop, task })
    }

    /// Where clients find it.
    pub fn address(&self) -> &str {
        self.resource.identifier()
    }

    /// Waits until it ends by itself, which it does when it fails only.
    pub async fn ended(&mut self) -> Problem {
        let problem = match (&mut self.task).await {
            Ok(Ok(())) => "it has ended".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Problem::new(Kind::Gateway, format!("the gateway does not run any more: {problem}"))
    }

    /// Stops it.
    pub async fn stop(mut self) {
        let _ = self.stop.send(());
        if tokio::time::timeout(LAST_WORDS, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}
