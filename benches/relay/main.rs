//! How fast the callback relay is, and what memory it needs.
//!
//! Starts the real binary, lets programs announce redirects, browsers bring them and programs collect them, and prints
//! rates, processor time and memory beside what a durable row costs in the same minutes. It is a benchmark and no test:
//! it fails when an answer is wrong, never because it is slow. See `benches/README.md`.

mod compare;
mod cycle;
mod many;
mod plain;
#[allow(dead_code, unused_macros, unused_imports, reason = "each benchmark needs some of it")]
#[path = "../support/mod.rs"]
mod support;
mod waiting;

use std::path::PathBuf;
use std::time::Duration;

use compare::Bases;
use support::database::{Database, Scratch};
use support::{Deadline, Outcome, base_folder, environment, list, machine, number, say};

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
    deadline: Deadline,
    base: PathBuf,
    /// How often everything is measured
    pub rounds: usize,
    /// How long each time
    pub time: Duration,
}

impl Plan {
    fn read() -> Outcome<Self> {
        let parts = environment("BENCH_ONLY").unwrap_or_else(|| "ABCD".to_owned()).to_uppercase();
        if parts.chars().any(|part| !"ABCD, ".contains(part)) {
            return Err(format!("BENCH_ONLY: {parts} are not some of A, B, C and D").into());
        }
        Ok(Self {
            databases: Database::all_of(&list("BENCH_DATABASES", "sqlite"))?,
            parts,
            scale: number("BENCH_SCALE", 1.0)?,
            is_kept: environment("BENCH_KEEP").is_some(),
            deadline: Deadline::after(MINUTES)?,
            base: base_folder(),
            rounds: ROUNDS,
            time: Duration::from_secs(number("BENCH_SECONDS", SECONDS)?),
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
}

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let plan = Plan::read()?;
        check_open_files(&plan)?;
        say(&format!(
            "{}: {}",
            plan.base.display(),
            machine::Disk::measure(&plan.base)?.describe()
        ));
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
    let outcome = plan.deadline.bound(work(std::array::from_fn(|at| &scratches[at]))).await;
    for scratch in scratches {
        scratch.close().await?;
    }
    outcome
}
