//! How fast the vault gives a token that is still good, beside how fast the server introspects one.
//!
//! Starts the real binary over a database with one connection, and with a hundred thousand, and asks for tokens of the
//! vault and for introspection, turn and turn about. It is a benchmark and no test: it fails when an answer is wrong,
//! never because it is slow. See `benches/README.md`.

mod seed;
#[allow(dead_code, unused_macros, unused_imports, reason = "each benchmark needs some of it")]
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::time::Duration;

use seed::{Requests, Seeded};
use support::asking::Asking;
use support::database::{Database, Scratch};
use support::measure::{self, Row, round};
use support::nodes::Installation;
use support::{Deadline, Outcome, base_folder, environment, list, number, say};

/// How long everything may take, unless `BENCH_MINUTES` says something else.
const MINUTES: u64 = 30;
/// Seconds of a round, unless `BENCH_SECONDS` says something else.
const SECONDS: u64 = 3;
/// Times that everything is measured.
const ROUNDS: usize = 3;
/// Who is at it at the same time.
const AT_ONCE: [usize; 3] = [1, 16, 64];
/// Connections of a large installation.
const MANY: i64 = 100_000;

/// What the environment asks for.
struct Plan {
    databases: Vec<Database>,
    many: i64,
    is_kept: bool,
    deadline: Deadline,
    base: PathBuf,
    time: Duration,
}

impl Plan {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a million or so")]
    fn read() -> Outcome<Self> {
        Ok(Self {
            databases: Database::all_of(&list("BENCH_DATABASES", "sqlite"))?,
            many: (MANY as f64 * number("BENCH_SCALE", 1.0)?) as i64,
            is_kept: environment("BENCH_KEEP").is_some(),
            deadline: Deadline::after(MINUTES)?,
            base: base_folder(),
            time: Duration::from_secs(number("BENCH_SECONDS", SECONDS)?),
        })
    }
}

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let plan = Plan::read()?;
        for database in &plan.databases {
            let scratch = Scratch::open(*database, plan.is_kept).await?;
            let outcome = plan.deadline.bound(on(&scratch, &plan)).await;
            scratch.close().await?;
            outcome?;
        }
        Ok(())
    })
}

/// Everything that is measured on a database.
async fn on(scratch: &Scratch, plan: &Plan) -> Outcome<()> {
    let seeded = Box::pin(Seeded::new(scratch)).await?;
    let folder = plan.base.join(format!("gatehouse_bench_{}_vault", std::process::id()));
    let installation = Installation::new(scratch.url(), &folder)?;
    let few = seeded.requests(1).await?;
    measure(scratch, plan, &installation, "one connection", &few).await?;
    seeded.fill(scratch, plan.many).await?;
    // With people of whom there are many, so that it is not always the same row.
    let many = seeded.requests(seed::PEOPLE).await?;
    scratch.finish_loading().await?;
    seeded.close().await;
    measure(scratch, plan, &installation, &format!("{} connections", plan.many), &many).await
}

const GIVEN: &str = "a token of the vault";
const OPAQUE: &str = "introspection, opaque";
const JWT: &str = "introspection, JWT";

/// Starts a server and measures, turn and turn about.
async fn measure(scratch: &Scratch, plan: &Plan, installation: &Installation, what: &str, requests: &Requests) -> Outcome<()> {
    let node = installation.start().await?;
    say(&format!(
        "\n{}, {what}, {} people; {ROUNDS} rounds of {:?}",
        scratch.name(),
        requests.given.len(),
        plan.time
    ));
    let mut rows = Vec::new();
    for at_once in AT_ONCE {
        let mut of_one = [GIVEN, OPAQUE, JWT].map(|what| Row::new(what, at_once));
        for _ in 0..ROUNDS {
            for (row, requests) in of_one.iter_mut().zip([&requests.given, &requests.opaque, &requests.jwt]) {
                let asking = Asking::many(at_once, node.address, requests);
                row.rounds.push(round(asking, plan.time, &[node.process()]).await?);
            }
        }
        rows.extend(of_one);
    }
    say(&measure::table(&rows, &[]));
    say_ratios(&rows);
    node.stop().await?;
    measure::must_be_right(&rows)
}

/// Three rows for each number of workers, as they were measured.
fn say_ratios(rows: &[Row]) {
    say("\na token of the vault : introspection   at once   rate : opaque   rate : JWT   server CPU : opaque   server CPU : JWT");
    for of_one in rows.chunks_exact(3) {
        let [given, opaque, jwt] = of_one else { continue };
        let effort = |row: &Row| row.median(|round| round.servers);
        say(&format!(
            "{:>46} {:15.2} {:12.2} {:21.2} {:18.2}",
            given.at_once,
            given.ratio(opaque),
            given.ratio(jwt),
            effort(given) / effort(opaque),
            effort(given) / effort(jwt)
        ));
    }
}
