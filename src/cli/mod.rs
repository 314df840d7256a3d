//! The command line: one file per command.
//!
//! Every setting of `config::registry` is a flag of every command. What a command prints for
//! programs (`--json`) goes to standard output; errors and logs of commands go to standard error.

#![allow(clippy::print_stdout, reason = "what a command prints is its answer")]

mod access_key;
mod admin_token;
mod app_secret;
mod apply;
mod audit;
mod backup;
mod client;
mod config;
mod connection;
mod doctor;
mod export;
mod healthcheck;
mod key;
pub mod lines;
mod logging;
mod migrate;
mod notify;
mod output;
mod provider;
mod registration_token;
mod relay;
mod resource;
mod scope;
mod secret;
mod seed;
mod serve;
mod signals;
mod traces;
mod transfer;
mod user;
mod vault;
mod workload;

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::app::App;
use crate::app::reload::Settings;
use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::config::Config;
use crate::config::registry::SETTINGS;
use crate::config::sources::Sources;
use crate::installation;
use crate::model::event::Actor;

use self::lines::Lines;
use self::traces::Traces;

/// What a command fails with: a text for the operator.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Gatehouse: a self-hosted OAuth 2.1 and OpenID Connect server in one binary.
///
/// Without a command it serves. Without any setting it keeps its data in gatehouse.db in the
/// current folder and listens on http://127.0.0.1:8000.
#[derive(Parser)]
#[expect(clippy::doc_markdown, reason = "a help text, shown as it stands")]
#[command(name = "gatehouse", version, about, long_about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// Read settings from this file instead of gatehouse.toml
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (the default)
    Serve,
    /// Serve the callback relay alone: redirects of providers, for programs that cannot receive them themselves
    Relay(relay::Args),
    /// Bring the database schema up to date, and stop
    Migrate,
    /// Copy a SQLite database into a new file while servers run; for the others, say which command does that
    Backup(backup::Args),
    /// Move everything from one database to another: SQLite, PostgreSQL and MySQL, in every direction
    Transfer(transfer::Args),
    /// Show the settings this process is given and where they come from; change those that can change while servers run
    Config(config::Args),
    /// Check database, clock, issuer, TLS and secrets, and say what to do
    Doctor(doctor::Args),
    /// Add, list and change users
    #[command(subcommand)]
    User(user::Command),
    /// Register, list and change client applications
    #[command(subcommand)]
    Client(client::Command),
    /// Make, list and delete initial access tokens, with which programs register clients
    #[command(subcommand)]
    RegistrationToken(registration_token::Command),
    /// Define, list and remove scopes
    #[command(subcommand)]
    Scope(scope::Command),
    /// Register, list and remove protected resources: the APIs and MCP servers that tokens are for
    #[command(subcommand)]
    Resource(resource::Command),
    /// Make settings, scopes, resources, clients, providers, workloads and users as a file declares them
    Apply(apply::Args),
    /// Print settings, scopes, resources, clients, providers, workloads and users as a file that "apply" takes
    Export(export::Args),
    /// Add, list, look at and remove providers, at which people connect their accounts
    #[command(subcommand)]
    Provider(provider::Command),
    /// Add, list and remove workloads: the agents that clients own
    #[command(subcommand)]
    Workload(workload::Command),
    /// List connections and take them back: what people gave agents at providers
    #[command(subcommand)]
    Connection(connection::Command),
    /// List and rotate signing keys
    #[command(subcommand)]
    Key(key::Command),
    /// Let a new `APP_SECRET` take the place of the old one
    #[command(subcommand)]
    Secret(app_secret::Command),
    /// List the keys that the tokens of connections are encrypted with, and encrypt with a newer one
    #[command(subcommand)]
    Vault(vault::Command),
    /// Make, list, disable and remove access keys, with which programs sign requests as those of AWS do
    #[command(subcommand)]
    AccessKey(access_key::Command),
    /// Fill the database with demo users and clients; never in production
    Seed(seed::Args),
    /// Replace the admin token
    #[command(subcommand)]
    AdminToken(admin_token::Command),
    /// Read the audit log, and check that nobody changed it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Ask a running server on this machine whether it lives; for containers
    Healthcheck,
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let matches = command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let sources = Sources {
        flags: flags(&matches),
        environment: Sources::environment(),
        file: cli.config,
    };
    match execute(cli.command.unwrap_or(Command::Serve), &sources) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("gatehouse: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The command line, with a flag for every setting that is not a secret.
#[must_use]
pub fn command() -> clap::Command {
    let mut command = Cli::command();
    for setting in SETTINGS {
        let Some(flag) = setting.flag() else { continue };
        let arg = Arg::new(setting.key)
            .long(flag)
            .value_name(setting.value)
            .help(format!("{} [{}]", setting.help, setting.env))
            .help_heading("Settings")
            .hide_short_help(true)
            .global(true);
        command = command.arg(arg);
    }
    command.after_help("Settings can be given as flags, in the environment, or in gatehouse.toml, in that order of strength.\nThose with a flag are in --help; secrets have none. All of them, with the values in force: gatehouse config")
}

/// The settings that were given as flags, before or after the command.
fn flags(matches: &ArgMatches) -> BTreeMap<String, String> {
    let mut flags = BTreeMap::new();
    let mut level = Some(matches);
    while let Some(matches) = level {
        for setting in SETTINGS.iter().filter(|setting| !setting.is_secret) {
            if matches.value_source(setting.key) == Some(ValueSource::CommandLine)
                && let Some(value) = matches.get_one::<String>(setting.key)
            {
                flags.insert(setting.key.to_owned(), value.clone());
            }
        }
        level = matches.subcommand().map(|(_, matches)| matches);
    }
    flags
}

fn execute(command: Command, sources: &Sources) -> Result<ExitCode, Failure> {
    if matches!(command, Command::Client(client::Command::Add(_))) && sources.flags.contains_key("access_token_lifetime") {
        return Err("--access-token-lifetime is a setting of the server; for one client use --token-lifetime".into());
    }
    if let Command::Relay(args) = &command {
        let sources = args.overlay(sources.clone())?;
        let mut config = sources.load()?;
        config.serves = args.serves();
        return serve(config, sources);
    }
    if matches!(command, Command::Healthcheck) {
        let config = relay::with_variables(sources.clone())?.load()?;
        logging::init(&config, None, &Traces::default())?;
        return healthcheck::run(&config).map(|()| ExitCode::SUCCESS);
    }
    let config = match (sources.load(), &command) {
        (Ok(config), _) => config,
        (Err(error), Command::Doctor(args)) => return doctor::without_settings(args, error),
        (Err(error), _) => return Err(error.into()),
    };
    if matches!(command, Command::Serve) {
        return serve(config, sources.clone());
    }
    logging::init(&config, None, &Traces::default())?;
    let done = |()| ExitCode::SUCCESS;
    match command {
        Command::Config(args) if args.command.is_none() => config::run(&config, &args).map(done),
        command => actix_web::rt::System::new().block_on(async move {
            match command {
                Command::Doctor(args) => Box::pin(doctor::run(config, &args)).await,
                Command::Migrate => migrate::run(&config).await.map(done),
                Command::Backup(args) => backup::run(&config, &args).await.map(done),
                Command::Transfer(args) => Box::pin(transfer::run(&args)).await.map(done),
                command => Box::pin(with_installation(config, command)).await,
            }
        }),
    }
}

/// How long the last lines may take when the server ends.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Serves. However it ends, its last lines are written, if somebody reads them.
fn serve(config: Config, sources: Sources) -> Result<ExitCode, Failure> {
    let lines = Lines::to(std::io::stdout(), lines::ROOM)?;
    let traces = Traces::of(&config.monitoring)?;
    let log_level = logging::init(&config, Some(&lines), &traces)?;
    let settings: Settings = Box::new(move || sources.load().map_err(|error| error.to_string()));
    // Not dropped: it would wait for whatever still runs on a thread of its own, such as asking a name server that is silent.
    let system = ManuallyDrop::new(actix_web::rt::System::new());
    let outcome = system.block_on(serve::run(config, settings, &lines, log_level));
    traces.finish();
    let _ = lines.flush(LAST_LINES);
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Runs a command on the installation. However it ends, what it did is sealed in the audit log.
async fn with_installation(config: Config, command: Command) -> Result<ExitCode, Failure> {
    if let Some(file) = config.database_url.file().filter(|file| !file.exists() && !begins(&command)) {
        return Err(format!("{}; gatehouse migrate makes a new one", no_database(file)).into());
    }
    let app = open(config).await?.acting_as(Actor::Command);
    let done = |()| ExitCode::SUCCESS;
    let outcome = match command {
        Command::User(command) => user::run(&app, command).await.map(done),
        Command::Client(command) => client::run(&app, command).await.map(done),
        Command::RegistrationToken(command) => registration_token::run(&app, command).await.map(done),
        Command::Scope(command) => scope::run(&app, command).await.map(done),
        Command::Resource(command) => resource::run(&app, command).await.map(done),
        Command::Provider(command) => provider::run(&app, command).await,
        Command::Workload(command) => workload::run(&app, command).await.map(done),
        Command::Connection(command) => connection::run(&app, command).await.map(done),
        Command::Key(command) => key::run(&app, command).await.map(done),
        Command::Secret(command) => app_secret::run(&app, command).await,
        Command::Vault(command) => vault::run(&app, command).await,
        Command::AccessKey(command) => access_key::run(&app, command).await.map(done),
        Command::Seed(args) => seed::run(&app, &args).await.map(done),
        Command::AdminToken(command) => admin_token::run(&app, command).await.map(done),
        Command::Audit(command) => audit::run(&app, command).await,
        Command::Apply(args) => apply::run(&app, args).await,
        Command::Export(args) => export::run(&app, args).await.map(done),
        Command::Config(config::Args {
            command: Some(command),
            json,
        }) => config::run_stored(&app, command, json).await.map(done),
        Command::Serve
        | Command::Relay(_)
        | Command::Migrate
        | Command::Backup(_)
        | Command::Transfer(_)
        | Command::Doctor(_)
        | Command::Config(_)
        | Command::Healthcheck => Ok(ExitCode::SUCCESS),
    };
    app.store.close().await;
    outcome
}

/// What to say of a file of SQLite that is not there.
fn no_database(file: &Path) -> String {
    let folder = std::env::current_dir().unwrap_or_default();
    format!(
        "there is no database {} in {}: run this where the server runs, or name the database with --database-url",
        file.display(),
        folder.display()
    )
}

/// Whether a command may be the first one of an installation. The others would look at an empty one that they have just made.
fn begins(command: &Command) -> bool {
    matches!(
        command,
        Command::Apply(_)
            | Command::Seed(_)
            | Command::User(user::Command::Add(_))
            | Command::Client(client::Command::Add(_))
            | Command::Scope(scope::Command::Add { .. })
            | Command::Resource(resource::Command::Add { .. })
            | Command::Provider(provider::Command::Add(_))
            | Command::RegistrationToken(registration_token::Command::Add { .. })
            | Command::Config(config::Args {
                command: Some(config::Command::Set { .. }),
                ..
            })
    )
}

async fn open(config: Config) -> Result<App, Failure> {
    let opening = installation::open(config, Clock::system(), Random::system());
    Ok(Box::pin(opening).await?)
}

/// Arguments of the form NAME=VALUE.
fn pairs(flag: &str, given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut pairs = BTreeMap::new();
    for text in given {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("{flag} {text}: write NAME=VALUE"))?;
        if pairs.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(format!("{flag} {name} is there twice").into());
        }
    }
    Ok(pairs)
}
