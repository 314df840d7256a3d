//! How fast the administration of a large installation answers.
//!
//! Builds a database with 100,000 users, 10,000 clients, 1,000,000 grants and 1,000,000 events, starts the
//! server on it, asks for every list, search and detail page, and prints how long each took. It is a
//! benchmark and no test: it fails when an answer is wrong, never because it is slow. See `benches/README.md`.

mod addresses;
mod data;
mod measure;
#[allow(dead_code, unused_macros, unused_imports, reason = "each benchmark needs some of it")]
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Instant;

use gatehouse::base::clock::Clock;
use gatehouse::base::random::Random;
use gatehouse::config::sources::Sources;
use gatehouse::identity::{admin_token, session};
use gatehouse::{app::App, installation, web};
use secrecy::SecretString;

use addresses::Cookies;
use data::Landmarks;
use measure::Measurement;
use support::database::{Database, Scratch};
use support::{Deadline, Outcome, environment, list, number, say};

/// How long everything may take, unless `BENCH_MINUTES` says something else.
const MINUTES: u64 = 30;
/// The admin token of the server under test, which nobody but this process reaches.
const ADMIN_TOKEN: &str = "the admin token of a benchmark";

/// What the environment asks for.
struct Plan {
    databases: Vec<Database>,
    scale: f64,
    requests: usize,
    is_kept: bool,
    only: String,
}

impl Plan {
    fn read() -> Outcome<Self> {
        Ok(Self {
            databases: Database::all_of(&list("BENCH_DATABASES", "sqlite,postgres"))?,
            scale: number("BENCH_SCALE", 1.0)?,
            requests: number("BENCH_REQUESTS", 50)?,
            is_kept: environment("BENCH_KEEP").is_some(),
            only: environment("BENCH_ONLY").unwrap_or_default(),
        })
    }
}

fn main() -> Outcome<()> {
    actix_runtime(async { Box::pin(Deadline::after(MINUTES)?.bound(run(&Plan::read()?))).await })
}

fn actix_runtime(work: impl Future<Output = Outcome<()>>) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work)
}

async fn run(plan: &Plan) -> Outcome<()> {
    for database in &plan.databases {
        let scratch = Scratch::open(*database, plan.is_kept).await?;
        let outcome = on(&scratch, plan).await;
        scratch.close().await?;
        outcome?;
    }
    Ok(())
}

async fn on(scratch: &Scratch, plan: &Plan) -> Outcome<()> {
    let began = Instant::now();
    let (app, base) = start(scratch).await?;
    let landmarks = data::build(scratch, &app, plan.scale).await?;
    scratch.finish_loading().await?;
    say(&format!("\n{}: {landmarks}, made in {:.0?}", scratch.name(), began.elapsed()));
    let cookies = Cookies {
        administrator: signed_in(&app, &landmarks.administrator).await?,
        person: signed_in(&app, &landmarks.person).await?,
        busy: signed_in(&app, &landmarks.busy_user).await?,
    };
    let measured = measure_all(&base, &landmarks, &cookies, plan).await?;
    say(&measure::table(measured));
    app.store.close().await;
    Ok(())
}

/// Starts the real server on a free port of the loopback, without its jobs: they are not what is measured.
async fn start(scratch: &Scratch) -> Outcome<(App, String)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let base = format!("http://{address}");
    let flags: BTreeMap<String, String> = [
        ("listen", address.to_string()),
        ("issuer", base.clone()),
        ("database_url", scratch.url()),
        ("app_secret", "the secret of a benchmark, of more than 32 characters".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let sources = Sources {
        flags,
        ..Sources::default()
    };
    let config = sources.load().map_err(|error| format!("{error:?}"))?;
    let app = installation::open(config, Clock::system(), Random::system()).await?;
    admin_token::bootstrap(&app, &SecretString::from(ADMIN_TOKEN)).await?;
    listener.set_nonblocking(true)?;
    tokio::spawn(web::server::start(&app, listener, std::future::pending())?);
    Ok((app, base))
}

/// The cookie of a new session of a user.
async fn signed_in(app: &App, user_id: &str) -> Outcome<String> {
    let new = session::new_session(app, user_id, &["pwd"], &session::Origin::default())?;
    let mut tx = app.store.begin().await?;
    tx.insert_session(&new.session).await?;
    tx.commit().await?;
    Ok(new.cookie)
}

async fn measure_all(base: &str, landmarks: &Landmarks, cookies: &Cookies, plan: &Plan) -> Outcome<Vec<Measurement>> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let mut measured = Vec::new();
    for address in addresses::all(landmarks) {
        if address.path.contains(&plan.only) {
            measured.push(measure::measure(&client, base, &address, cookies, plan.requests).await?);
        }
    }
    Ok(measured)
}
