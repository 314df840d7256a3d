//! An MCP server that acts for people at another provider, with tokens of the vault: `cargo run --example people_gateway`.
//!
//! Everything is in `gateway/`, because `../hello_agent` starts it, too. See `README.md`.

mod gateway;
#[path = "../shared/mod.rs"]
mod shared;
#[path = "../protected_api/tokens.rs"]
#[allow(dead_code, reason = "not everything of it is needed here")]
mod tokens;

use std::process::ExitCode;

use clap::Parser;
use secrecy::SecretString;

use gateway::problem::{Kind, Problem};
use gateway::{Gateway, Settings};
use shared::flags::{Flags, variable, variable_or};

/// An MCP server with a tool that tells people who they are at another provider. The secret of its client comes by the
/// variable `GATEWAY_SECRET`.
#[derive(Debug, Parser)]
#[command(name = "people_gateway")]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
    /// The client that owns the workload [variable: `GATEWAY_ID`]
    #[arg(long, value_name = "ID", default_value_t = variable_or("GATEWAY_ID", "people-gateway"))]
    client_id: String,
    /// The workload [variable: `WORKLOAD`]
    #[arg(long, value_name = "NAME", default_value_t = variable_or("WORKLOAD", "people-gateway"))]
    workload: String,
    /// The provider, by its id at Gatehouse [variable: `PROVIDER`]
    #[arg(long, value_name = "ID", default_value_t = variable_or("PROVIDER", "people"))]
    provider: String,
    /// What tokens of people there have to be good for [variable: `PROVIDER_SCOPE`]
    #[arg(long, value_name = "SCOPE", default_value_t = variable_or("PROVIDER_SCOPE", "openid profile"))]
    scope: String,
    /// The People API there [variable: `PEOPLE_API`]
    #[arg(long, value_name = "URL", default_value_t = variable_or("PEOPLE_API", "http://localhost:3002"))]
    people_api: String,
    /// Where people go after they were asked; one of the workload's `return_uris`
    #[arg(long, value_name = "URL")]
    return_uri: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(CommandLine::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("people_gateway: {}", problem.message);
            ExitCode::FAILURE
        }
    }
}

async fn run(line: CommandLine) -> Result<(), Problem> {
    let missing = "GATEWAY_SECRET is not set: see examples/people_gateway/README.md";
    let secret = variable("GATEWAY_SECRET").ok_or_else(|| Problem::new(Kind::Configuration, missing))?;
    let settings = Settings {
        base: line.flags.base(),
        issuer: line.flags.issuer.clone(),
        listen: line.flags.listen,
        client_id: line.client_id,
        client_secret: SecretString::from(secret),
        workload: line.workload,
        provider: line.provider,
        scope: line.scope,
        people_api: line.people_api,
        return_uri: line.return_uri,
    };
    let mut gateway = Gateway::start(settings).await?;
    eprintln!("People gateway: {}   (tokens come from {})", gateway.address(), line.flags.issuer);
    tokio::select! {
        problem = gateway.ended() => return Err(problem),
        _ = tokio::signal::ctrl_c() => {}
    }
    gateway.stop().await;
    Ok(())
}
