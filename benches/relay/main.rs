//! How fast the callback relay is, and what memory it needs.
//!
//! Starts the real binary, lets programs announce redirects, browsers bring them and programs collect them, and prints
//! rates, processor time and memory beside what a durable row costs in the same minutes. It is a benchmark and no test:
//! it fails when an answer is wrong, never because it is slow. See `benches/README.md`.

mod compare;
mod cycle;
#[path = "../administration/database.rs"]
mod database;
mod machine;
mod many;
mod measure;
mod nodes;
mod plain;
#[path = "../administration/rows.rs"]
mod rows;
mod waiting;
mod wire;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use compare::Bases;
use database::{Database, Scratch};

/// Whatever goes wrong ends the benchmark.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long everything may take, unless `BENCH_MINUTES` says something else.
const MINUTES: u64 = 30;
/// Seconds of a round, unless `BENCH_SECONDS` says something else.
const SECONDS: u64 = 5;
/// Times that everything is measured.
const ROUNDS: usize = 3;
/// Files that are open besides the connections of those who wait.
const OTHER_FILES: u64 = 500;

/// What the environment asks for.
pub struct Plan {
    databases: Vec<Database>,
    parts: String,
    scale: f64,
    is_kept: bool,
    minutes: u64,
    deadline: Instant,
    base: PathBuf,
    /// How often everything is measured
    pub rounds: usize,
    /// How long each time
    pub time: Duration,
}

impl Plan {
    fn read() -> Outcome<Self> {
        let databases = environment("BENCH_DATABASES").unwrap_or_else(|| "sqlite".to_owned());
        let minutes = environment("BENCH_MINUTES").map_or(Ok(MINUTES), |text| text.parse())?;
        let parts = environment("BENCH_ONLY").unwrap_or_else(|| "ABCD".to_owned()).to_uppercase();
        if parts.chars().any(|part| !"ABCD, ".contains(part)) {
            return Err(format!("BENCH_ONLY: {parts} are not some of A, B, C and D").into());
        }
        Ok(Self {
            databases: databases.split(',').map(Database::parse).collect::<Outcome<_>>()?,
            parts,
            scale: environment("BENCH_SCALE").map_or(Ok(1.0), |text| text.parse())?,
            is_kept: environment("BENCH_KEEP").is_some(),
            minutes,
            deadline: Instant::now() + Duration::from_secs(60 * minutes),
            base: environment("BENCH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from),
            rounds: ROUNDS,
            time: Duration::from_secs(environment("BENCH_SECONDS").map_or(Ok(SECONDS), |text| text.parse())?),
        })
    }

    fn has(&self, part: char) -> bool {
        self.parts.contains(part)
    }

    /// So many times `BENCH_SCALE`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a million or so")]
    #[must_use]
    pub fn scaled(&self, number: i64) -> i64 {
        ((number as f64 * self.scale) as i64).max(1)
    }

    /// A folder for the processes of this benchmark.
    #[must_use]
    pub fn folder(&self, name: &str) -> PathBuf {
        self.base.join(format!("gatehouse_bench_{}_{name}", std::process::id()))
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
        check_open_files(&plan)?;
        say(&format!("{}: {}", plan.base.display(), machine::describe_disk(&plan.base)?));
        for database in &plan.databases {
            on(*database, &plan).await?;
        }
        Ok(())
    })
}

/// Those who wait have a connection each, at both ends.
fn check_open_files(plan: &Plan) -> Outcome<()> {
    let (limit, needed) = (machine::open_files()?, plan.scaled(waiting::WAITS).unsigned_abs() + OTHER_FILES);
    if plan.has('D') && limit < needed {
        let advice = "run \"ulimit -n 65536\" in this shell first, or leave D out with BENCH_ONLY=ABC";
        return Err(format!("D needs {needed} open files, and only {limit} are allowed: {advice}").into());
    }
    Ok(())
}

/// Everything that is measured on a database.
async fn on(database: Database, plan: &Plan) -> Outcome<()> {
    // Where there can be several nodes, there are two.
    let has_other = database != Database::Sqlite;
    if plan.has('B') && !has_other {
        with_scratches(database, plan, async |[served, plain, grouped]: [&Scratch; 3]| {
            compare::measure(plan, served, false, Some(Bases { plain, grouped })).await
        })
        .await?;
    } else if plan.has('A') {
        with_scratches(database, plan, async |[served]: [&Scratch; 1]| {
            compare::measure(plan, served, has_other, None).await
        })
        .await?;
    }
    if plan.has('C') && !has_other {
        with_scratches(database, plan, async |[full, empty]: [&Scratch; 2]| {
            many::measure(plan, full, empty).await
        })
        .await?;
    }
    if plan.has('D') {
        with_scratches(database, plan, async |[served]: [&Scratch; 1]| {
            waiting::measure(plan, served, has_other).await
        })
        .await?;
    }
    Ok(())
}

/// Does `work` with databases of its own, until the time is over, and removes them whatever comes of it.
async fn with_scratches<const N: usize>(
    database: Database,
    plan: &Plan,
    work: impl AsyncFnOnce([&Scratch; N]) -> Outcome<()>,
) -> Outcome<()> {
    let mut scratches = Vec::with_capacity(N);
    for _ in 0..N {
        scratches.push(Scratch::open(database, plan.is_kept).await?);
    }
    let outcome = tokio::select! {
        outcome = work(std::array::from_fn(|at| &scratches[at])) => outcome,
        reason = plan.is_over() => Err(reason.into()),
    };
    for scratch in scratches {
        scratch.close().await?;
    }
    outcome
}
