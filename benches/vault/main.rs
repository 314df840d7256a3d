//! How fast the vault gives a token that is still good, beside how fast the server introspects one.
//!
//! Starts the real binary over a database with one connection, and with a hundred thousand, and asks for tokens of the
//! vault and for introspection, turn and turn about. It is a benchmark and no test: it fails when an answer is wrong,
//! never because it is slow. See `benches/README.md`.

mod asking;
#[path = "../administration/database.rs"]
mod database;
#[path = "../relay/machine.rs"]
#[allow(dead_code, reason = "the relay looks at memory, too")]
mod machine;
#[path = "../relay/measure.rs"]
#[allow(dead_code, reason = "the relay measures more")]
mod measure;
#[path = "../relay/nodes.rs"]
#[allow(dead_code, reason = "the programs of the relay are not here")]
mod nodes;
#[path = "../administration/rows.rs"]
mod rows;
mod seed;
#[path = "../relay/wire.rs"]
mod wire;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use asking::Asking;
use database::{Database, Scratch};
use measure::{Row, round};
use nodes::Installation;
use seed::{Requests, Seeded};

/// Whatever goes wrong ends the benchmark.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

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
    minutes: u64,
    deadline: Instant,
    base: PathBuf,
    time: Duration,
}

impl Plan {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a million or so")]
    fn read() -> Outcome<Self> {
        let databases = environment("BENCH_DATABASES").unwrap_or_else(|| "sqlite".to_owned());
        let minutes = environment("BENCH_MINUTES").map_or(Ok(MINUTES), |text| text.parse())?;
        let scale: f64 = environment("BENCH_SCALE").map_or(Ok(1.0), |text| text.parse())?;
        Ok(Self {
            databases: databases.split(',').map(Database::parse).collect::<Outcome<_>>()?,
            many: (MANY as f64 * scale) as i64,
            is_kept: environment("BENCH_KEEP").is_some(),
            minutes,
            deadline: Instant::now() + Duration::from_secs(60 * minutes),
            base: environment("BENCH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from),
            time: Duration::from_secs(environment("BENCH_SECONDS").map_or(Ok(SECONDS), |text| text.parse())?),
        })
    }

    /// Ends when the time is over, or somebody does not want to wait.
    async fn is_over(&self) -> String {
        tokio::select! {
            () = tokio::time::sleep_until(self.deadline.into()) =>
                format!("it took longer than {} minutes; see BENCH_MINUTES", self.minutes),
            _ = tokio::signal::ctrl_c() => "it was interrupted".to_owned(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark has no configuration but its environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Writes a line to standard output.
fn say(line: &str) {
    // Nobody is left to be told when it cannot be written.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let plan = Plan::read()?;
        for database in &plan.databases {
            let scratch = Scratch::open(*database, plan.is_kept).await?;
            let outcome = tokio::select! {
                outcome = on(&scratch, &plan) => outcome,
                reason = plan.is_over() => Err(reason.into()),
            };
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
