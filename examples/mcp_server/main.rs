//! An MCP server that is a protected resource: `cargo run --example mcp_server`.
//!
//! ```text
//! request ──▶ guard.rs: whose token is it, and may it do that? ──▶ rmcp ──▶ server.rs ──▶ notes.rs
//!                │ introspection (shared/introspection.rs), or the issuer's keys (../protected_api/tokens.rs)
//! ```
//!
//! `tools.rs` says what each tool takes. See `README.md`.

mod caller;
mod guard;
mod notes;
mod server;
#[path = "../shared/mod.rs"]
mod shared;
#[path = "../protected_api/tokens.rs"]
#[allow(dead_code, reason = "scopes are looked at in guard.rs")]
mod tokens;
mod tools;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use clap::{Parser, ValueEnum};
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;

use caller::Check;
use guard::Guard;
use notes::Notes;
use server::NotesServer;
use shared::flags::{Flags, variable, variable_or};
use shared::introspection::Introspection;
use shared::issuer::Issuer;
use shared::mcp::Resource;
use tokens::Verifier;

/// How the resource and its client come to be.
const HOW: &str = "Where the server runs, with MCP_SERVER_SECRET in the environment:\n  \
                   gatehouse apply -f examples/mcp_server/gatehouse.yaml";

/// An MCP server with notes, for whoever brings an access token of the issuer. With introspection, the secret of
/// its client comes by the variable `MCP_SERVER_SECRET`.
#[derive(Debug, Parser)]
#[command(name = "mcp_server")]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
    /// How access tokens are checked
    #[arg(long, value_enum, default_value_t = CheckBy::Introspection)]
    check: CheckBy,
    /// The client that introspects [variable: `MCP_SERVER_ID`]
    #[arg(long, value_name = "ID", default_value_t = variable_or("MCP_SERVER_ID", "team-notes"))]
    client_id: String,
    /// How many seconds the answer of an introspection is believed, at most 60
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=60))]
    believe: u64,
    /// Say nothing at all without a token, not even which tools there are
    #[arg(long)]
    private: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CheckBy {
    /// The issuer is asked: what was revoked is refused within the seconds of --believe
    Introspection,
    /// By the issuer's keys: nobody is asked, and a token is good until it expires
    Keys,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(CommandLine::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("mcp_server: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(line: CommandLine) -> Result<(), String> {
    let resource = Resource::below(&line.flags.base())?;
    let issuer = Issuer::discover(&line.flags.issuer).await?;
    let metadata = issuer.resource_metadata(resource.identifier()).await;
    let metadata = metadata.map_err(|problem| format!("{problem}. {HOW}"))?;
    let check = match line.check {
        CheckBy::Keys => Check::Keys(Box::new(Verifier::discover(issuer.name(), resource.identifier()).await?)),
        CheckBy::Introspection => Check::Introspection(Box::new(introspection(&issuer, resource.identifier().to_owned(), &line).await?)),
    };
    let guard = Arc::new(Guard::new(check, resource.clone(), line.private));
    let notes = Arc::new(Notes::default());
    let mcp = StreamableHttpService::new(
        move || Ok(NotesServer::new(Arc::clone(&notes))),
        Arc::new(NeverSessionManager::default()),
        resource.transport(),
    );
    let app = Router::new()
        .route_service(resource.path(), mcp)
        .layer(middleware::from_fn_with_state(guard, guard::guard))
        .layer(DefaultBodyLimit::disable())
        .merge(resource.metadata_route(metadata));
    let listener = tokio::net::TcpListener::bind(&line.flags.listen).await.map_err(|error| {
        format!(
            "{} cannot be listened at: {error}. Choose another address, as in --listen localhost:3001",
            line.flags.listen
        )
    })?;
    eprintln!("Team notes: {}   (tokens come from {})", resource.identifier(), line.flags.issuer);
    axum::serve(listener, app).await.map_err(|error| error.to_string())
}

async fn introspection(issuer: &Issuer, resource: String, line: &CommandLine) -> Result<Introspection, String> {
    let secret = variable("MCP_SERVER_SECRET").ok_or("MCP_SERVER_SECRET is not set: see examples/mcp_server/README.md")?;
    let believe = Duration::from_secs(line.believe);
    let introspection = Introspection::new(issuer, resource, &line.client_id, secret, believe)?;
    let checked = introspection.check_registration().await;
    checked.map_err(|problem| format!("{problem}. {HOW}"))?;
    Ok(introspection)
}
