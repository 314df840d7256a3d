//! What the agent has to know: by a flag, else by a variable of the environment, else by the file `.env` of this folder.
//! Secrets are never flags, because everybody on a machine can see those.

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use secrecy::SecretString;

use crate::gatehouse::Credentials;
use crate::gateway;
use crate::gateway::problem::{Kind, Problem};
use crate::shared::flags::{Flags, variable, variable_or};

/// Where the settings are, besides the environment.
const FILE: &str = ".env";

/// Says hello to you, by the name that you have at another provider. You sign in at Gatehouse, and allow access to your
/// account there; afterwards nothing of that is left.
///
/// The secrets of its two clients come by variables, or in the file .env of this folder: AGENT_SECRET and SETUP_SECRET.
///
/// It ends with 0 after the greeting, with 2 when a setting is wrong, 3 when an id or a secret is, 4 when somebody did
/// not sign in or did not consent, 5 when the gateway or the API fails, 6 when the identity cannot be made or removed,
/// and with 130 or 143 when it is stopped.
#[derive(Debug, Parser)]
#[command(name = "hello_agent")]
#[allow(clippy::doc_markdown, reason = "it is shown in a terminal")]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
    /// The client of the agent: people sign in to it, and it owns the workload [variable: `AGENT_ID`]
    #[arg(long, value_name = "ID", default_value_t = variable_or("AGENT_ID", "hello-agent"))]
    agent_id: String,
    /// The client that makes and removes the workload [variable: `SETUP_ID`]
    #[arg(long, value_name = "ID", default_value_t = variable_or("SETUP_ID", "hello-agent-setup"))]
    setup_id: String,
    /// The workload that is made for this run [variable: `WORKLOAD`]
    #[arg(long, value_name = "NAME", default_value_t = variable_or("WORKLOAD", "hello-agent"))]
    workload: String,
    /// The provider, by its id at Gatehouse [variable: `PROVIDER`]
    #[arg(long, value_name = "ID", default_value_t = variable_or("PROVIDER", "people"))]
    provider: String,
    /// What the agent may have there, and nothing more [variable: `PROVIDER_SCOPE`]
    #[arg(long, value_name = "SCOPE", default_value_t = variable_or("PROVIDER_SCOPE", "openid profile"))]
    scope: String,
    /// The People API there [variable: `PEOPLE_API`]
    #[arg(long, value_name = "URL", default_value_t = variable_or("PEOPLE_API", "http://localhost:3002"))]
    people_api: String,
    /// How many seconds you have to allow access
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: u64,
    /// Remove a workload of this name first that an earlier run left behind
    #[arg(long)]
    replace: bool,
    /// Speak MCP as of 2025-11-25 and not the newest revision
    #[arg(long)]
    old_protocol: bool,
    /// Who is to sign in; asks for the password although somebody is signed in
    #[arg(long = "as", value_name = "USERNAME")]
    username: Option<String>,
    /// Only print the page to sign in at
    #[arg(long)]
    no_browser: bool,
}

/// Everything, as it is for this run.
pub struct Settings {
    /// Gatehouse
    pub issuer: String,
    /// The client of the agent
    pub agent: Credentials,
    /// The client that makes and removes the workload
    pub setup: Credentials,
    /// The workload
    pub workload: String,
    /// The provider
    pub provider: String,
    /// What the agent may have there
    pub scope: String,
    /// How long a person may take to consent
    pub patience: Duration,
    /// Whether a workload that was left behind goes first
    pub replaces: bool,
    /// Whether MCP is spoken as of 2025-11-25
    pub is_old: bool,
    /// Who is to sign in
    pub username: Option<String>,
    /// Whether the page to sign in at is opened
    pub opens_pages: bool,
    listen: String,
    base: String,
    people_api: String,
}

/// Reads them.
///
/// # Errors
/// What is missing or wrong.
pub fn load() -> Result<Settings, Problem> {
    read_file(Path::new(FILE))?;
    let line = CommandLine::parse();
    let is_a_name = |name: &str| name.len() <= 255 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !is_a_name(&line.workload) {
        return Err(configuration(
            "the name of a workload has letters, digits, dots, dashes and underscores only",
        ));
    }
    Ok(Settings {
        agent: Credentials {
            secret: secret("AGENT_SECRET")?,
            id: line.agent_id,
        },
        setup: Credentials {
            secret: secret("SETUP_SECRET")?,
            id: line.setup_id,
        },
        base: line.flags.base(),
        issuer: line.flags.issuer,
        workload: line.workload,
        provider: line.provider,
        scope: line.scope,
        patience: Duration::from_secs(line.patience),
        replaces: line.replace,
        is_old: line.old_protocol,
        username: line.username,
        opens_pages: !line.no_browser,
        listen: line.flags.listen,
        people_api: line.people_api,
    })
}

impl Settings {
    /// What the gateway has to know.
    pub fn gateway(&self, return_uri: String) -> gateway::Settings {
        gateway::Settings {
            issuer: self.issuer.clone(),
            listen: self.listen.clone(),
            base: self.base.clone(),
            client_id: self.agent.id.clone(),
            client_secret: self.agent.secret.clone(),
            workload: self.workload.clone(),
            provider: self.provider.clone(),
            scope: self.scope.clone(),
            people_api: self.people_api.clone(),
            return_uri: Some(return_uri),
        }
    }
}

/// Puts what the file says into the environment, unless it is there already.
fn read_file(path: &Path) -> Result<(), Problem> {
    if !path.exists() {
        return Ok(());
    }
    warn_of_readers(path);
    // The error would quote the line, in which a secret may be.
    dotenvy::from_path(path).map_err(|_| configuration(&format!("{} has a line that is not NAME=VALUE", path.display())))
}

fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let is_open = path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if is_open {
        eprintln!("hello_agent: others can read {}: chmod 600 {}", path.display(), path.display());
    }
}

fn secret(name: &str) -> Result<SecretString, Problem> {
    let secret = variable(name).map(SecretString::from);
    secret.ok_or_else(|| configuration(&format!("{name} is not set: see examples/hello_agent/README.md")))
}

fn configuration(problem: &str) -> Problem {
    Problem::new(Kind::Configuration, problem)
}
