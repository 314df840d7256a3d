//! An agent that says hello to you, by the name that you have somewhere else: `cargo run --example hello_agent`.
//!
//! ```text
//! settings ──▶ callback (../mcp_client/browser.rs) ──▶ identity.rs ──▶ gateway (../people_gateway/gateway)
//!                                                                        │
//!          ◀── identity.rs: removed ◀── gateway: stopped ◀── hello.rs ◀── sign_in.rs
//! ```
//!
//! Whatever happens in between (an error, Ctrl-C, SIGTERM), the way back is taken. See `README.md`.

#![allow(clippy::print_stdout, reason = "what it prints is for the person who started it")]

#[path = "../mcp_client/browser.rs"]
mod browser;
mod gatehouse;
#[path = "../people_gateway/gateway/mod.rs"]
mod gateway;
mod hello;
mod identity;
mod problem;
mod settings;
#[path = "../shared/mod.rs"]
mod shared;
mod sign_in;
#[path = "../protected_api/tokens.rs"]
#[allow(dead_code, reason = "not everything of it is needed here")]
mod tokens;

use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use browser::Browser;
use gatehouse::Gatehouse;
use gateway::Gateway;
use gateway::problem::{Kind, Problem};
use hello::Agent;
use identity::{Ceiling, Identity};
use problem::{End, Signal};
use settings::Settings;
use shared::error::printable;

/// How long those who have just consented have to get back to a page of this program: Gatehouse says for five seconds
/// that it is done, and sends them on then.
const WAY_BACK: Duration = Duration::from_secs(10);
/// How long that page may take.
const LAST_PAGE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // Before there is a second thread that could read the environment meanwhile.
    let settings = match settings::load() {
        Ok(settings) => settings,
        Err(problem) => return told(&End::Problem(problem)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(&settings)),
        Err(error) => Err(End::Problem(Problem::new(Kind::Configuration, error.to_string()))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(end) => told(&end),
    }
}

fn told(end: &End) -> ExitCode {
    eprintln!("hello_agent: {}: {}", end.name(), printable(end.message()));
    end.status()
}

/// Says hello, and leaves nothing behind.
async fn run(settings: &Settings) -> Result<(), End> {
    let mut signals = Signals::listen()?;
    let gatehouse = Gatehouse::at(&settings.issuer)?;
    // Nobody is bothered before what the agent shows is known to be good.
    gatehouse.token(&settings.agent, "vault").await?;
    let callback = Browser::listen(settings.username.clone(), settings.opens_pages).await;
    let callback = callback.map_err(|problem| Problem::new(Kind::Gateway, problem))?;
    if settings.replaces {
        Identity::remove_left_behind(&gatehouse, &settings.setup, &settings.workload, &settings.agent.id).await?;
    }
    // Not given up half-way: whether it is there must be known. A signal waits until then.
    let ceiling = Ceiling {
        provider: &settings.provider,
        scope: &settings.scope,
    };
    let (owner, return_uri) = (&settings.agent.id, callback.redirect_uri());
    let identity = Identity::create(&gatehouse, &settings.setup, &settings.workload, owner, &ceiling, &return_uri).await?;

    let mut gateway = None;
    let greeted = tokio::select! {
        biased;
        signal = signals.next() => Err(End::Stopped(signal)),
        greeted = greet(settings, &callback, &mut gateway) => greeted.map_err(End::Problem),
    };
    if let Some(gateway) = gateway {
        gateway.stop().await;
    }
    callback.close(LAST_PAGE).await;
    match (greeted, identity.remove().await) {
        (greeted, Ok(())) => greeted,
        (Ok(()), Err(problem)) => Err(End::Problem(problem)),
        (Err(end), Err(problem)) => {
            told(&End::Problem(problem));
            Err(end)
        }
    }
}

/// Starts the gateway, has the person sign in, and says hello.
async fn greet(settings: &Settings, callback: &Browser, gateway: &mut Option<Gateway>) -> Result<(), Problem> {
    let gateway = gateway.insert(Gateway::start(settings.gateway(callback.redirect_uri())).await?);
    let address = gateway.address().to_owned();
    let talk = async {
        let client = sign_in::sign_in(&address, &settings.agent, callback).await?;
        let mut agent = Agent::connect(&address, client, &settings.issuer, settings.is_old).await?;
        let name = agent.name(settings.patience).await;
        let name = name.map(|name| println!("\nHello, {name}!"));
        if agent.leave().await {
            println!("Your browser comes back in a moment. What you gave the agent is taken back then.");
            callback.await_anybody(WAY_BACK).await;
        }
        name
    };
    tokio::select! {
        talked = talk => talked,
        problem = gateway.ended() => Err(problem),
    }
}

/// The signals that end it. From now on none of them ends the process by itself.
struct Signals {
    interrupt: Stream,
    terminate: Stream,
}

impl Signals {
    fn listen() -> Result<Self, Problem> {
        let listen = |kind| signal(kind).map_err(|error| Problem::new(Kind::Configuration, error.to_string()));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}
