//! An MCP client that finds its way by itself: `cargo run --example mcp_client`.
//!
//! ```text
//! server.rs: ask ──▶ 401 with a challenge ──▶ access.rs: discover, register, authorize ──▶ ask again
//!                    403 insufficient_scope ──▶ access.rs: authorize for more          ──▶ ask again
//! ```
//!
//! The crate `rmcp` speaks MCP and OAuth; `browser.rs` is where a person comes in. See `README.md`.

#![allow(clippy::print_stdout, reason = "what it prints is for the person who started it")]

mod access;
#[allow(dead_code, reason = "other examples use the rest")]
mod browser;
#[path = "../shared/error.rs"]
#[allow(dead_code, reason = "other examples use the rest")]
mod error;
mod report;
mod server;

use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;

use access::Access;
use browser::Browser;
use error::printable;
use report::{Outcome, Report};
use server::{Reception, Server};

/// Calls every tool of an MCP server, as the person who signs in may, and shows which of them answer.
#[derive(Debug, Parser)]
#[command(name = "mcp_client")]
struct CommandLine {
    /// The MCP server
    #[arg(long, value_name = "URL", default_value = "http://localhost:3000/mcp")]
    server: String,
    /// Who is to sign in; asks for the password although somebody is signed in
    #[arg(long = "as", value_name = "USERNAME")]
    username: Option<String>,
    /// Only print the address that a person has to open
    #[arg(long)]
    no_browser: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(CommandLine::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("mcp_client: {}", printable(&problem));
            ExitCode::FAILURE
        }
    }
}

async fn run(line: CommandLine) -> Result<(), String> {
    let challenge = match Server::connect(&line.server).await? {
        Reception::Open(server) => look_around(&server).await?,
        Reception::NeedsToken { challenge } => {
            println!("\nWithout a token nothing is told.");
            Some(challenge)
        }
    };
    let Some(challenge) = challenge else {
        return Ok(());
    };

    let browser = Browser::listen(line.username, !line.no_browser).await?;
    let access = Access::request(&line.server, &challenge, browser).await?;
    let server = Server::connect_with(&line.server, access.client()).await?;
    let tools = server.tools().await?;
    let mut report = Report::new("With a token");
    for tool in &tools {
        let mut outcome = server.call(tool).await?;
        if let Outcome::NeedsScope { scope } = &outcome {
            // More is asked for when it is needed, and what was granted before is kept.
            match access.ask_for_more(scope).await {
                Ok(()) => outcome = server.call(tool).await?,
                Err(problem) => println!("{}", printable(&problem)),
            }
        }
        report.add(tool, outcome);
    }
    report.print();
    println!("The token permits: {}", printable(&access.scopes().await.join(" ")));

    access.refresh().await?;
    let mut report = Report::new("With the token of a refresh");
    if let Some(tool) = tools.iter().find(|tool| *tool == "get_user_profile") {
        report.add(tool, server.call(tool).await?);
    }
    report.print();
    Ok(())
}

/// Calls every tool without a token. From the refusals a stranger learns where to get one: the challenge to go on
/// with, if anything was refused.
async fn look_around(server: &Server) -> Result<Option<String>, String> {
    let mut report = Report::new("Without a token");
    let mut challenges = Vec::new();
    for tool in server.tools().await? {
        let outcome = server.call(&tool).await?;
        if let Outcome::NeedsToken { challenge } = &outcome {
            challenges.push(challenge.clone());
        }
        report.add(&tool, outcome);
    }
    report.print();
    // One that names a scope leads to a token for just that; others lead to one for all that there is.
    let narrow = challenges.iter().find(|challenge| challenge.contains("scope="));
    Ok(narrow.or(challenges.first()).cloned())
}

/// What the tools of the example server are called with.
fn arguments(tool: &str) -> Value {
    match tool {
        "write_data" => serde_json::json!({ "title": "Hello", "text": "Written by mcp_client" }),
        "admin_operation" => serde_json::json!({ "operation": "count" }),
        _ => serde_json::json!({}),
    }
}
