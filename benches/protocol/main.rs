//! What the endpoints of the protocol cost, beside what the machine allows.
//!
//! Starts the real binary and does what applications, browsers and resource servers do, again and again. It is a
//! benchmark and no test: it fails when an answer is wrong, never because it is slow. See `benches/README.md`.

mod browser;
mod floor;
mod limits;
mod page;
mod peer;
mod pressure;
mod start;
#[allow(dead_code, unused_macros, unused_imports, reason = "each benchmark needs some of it")]
#[path = "../support/mod.rs"]
mod support;
mod target;
mod targets;
mod workload;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use floor::Floor;
use gatehouse::seed::large::Sizes;
use limits::Limits;
use peer::Peer;
use support::database::{Database, Scratch};
use support::machine::{Memory, megabytes};
use support::measure::{self, Row, round_of};
use support::nodes::Installation;
use support::{Deadline, Outcome, base_folder, environment, list, machine, number, say};
use target::{Target, Unstarted};
use workload::Worker;

/// How long everything may take, unless `BENCH_MINUTES` says something else.
const MINUTES: u64 = 120;
/// Seconds of a round, unless `BENCH_SECONDS` says something else.
const SECONDS: f64 = 3.0;
/// Times that everything is measured, unless `BENCH_ROUNDS` says something else.
const ROUNDS: usize = 3;

/// What is in a small database.
const SMALL: Sizes = Sizes {
    users: 1000,
    clients: 100,
    grants: 50_000,
};
/// Memory of each hash that is computed at the same time.
const ARGON2_BYTES: u64 = 19_456 * 1024;

/// What the environment asks for.
struct Plan {
    databases: Vec<Database>,
    at_once: Vec<usize>,
    rounds: usize,
    time: Duration,
    only: Vec<String>,
    peer: bool,
    is_kept: bool,
    deadline: Deadline,
    base: PathBuf,
}

impl Plan {
    fn read() -> Outcome<Self> {
        let at_once = list("BENCH_AT_ONCE", "1,16,64");
        Ok(Self {
            databases: Database::all_of(&list("BENCH_DATABASES", "sqlite"))?,
            at_once: at_once.iter().map(|number| Ok(number.parse()?)).collect::<Outcome<_>>()?,
            rounds: number("BENCH_ROUNDS", ROUNDS)?,
            time: Duration::from_secs_f64(number("BENCH_SECONDS", SECONDS)?),
            only: list("BENCH_ONLY", ""),
            peer: environment("BENCH_PEER").is_none_or(|text| text != "no"),
            is_kept: environment("BENCH_KEEP").is_some(),
            deadline: Deadline::after(MINUTES)?,
            base: base_folder(),
        })
    }

    /// A folder for the processes of this benchmark.
    fn folder(&self, name: &str) -> PathBuf {
        self.base.join(format!("gatehouse_bench_{}_{name}", std::process::id()))
    }

    fn has(&self, what: &str) -> bool {
        self.only.iter().any(|text| what.contains(text.as_str()))
    }
}

fn main() -> Outcome<()> {
    if floor::serve_if_asked()? {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let plan = Plan::read()?;
        let limits = Limits::measure(&plan.base).await?;
        limits.say();
        let floor = Floor::measure(plan.time).await?;
        say(&format!(
            "        actix-web alone: {:.1} µs for a GET, {:.1} µs for a form and JSON (processor time, 16 at once)",
            floor.handler, floor.form
        ));
        if plan.peer {
            plan.deadline.bound(beside(&plan)).await?;
        }
        for database in &plan.databases {
            let scratch = Scratch::open(*database, plan.is_kept).await?;
            let outcome = plan.deadline.bound(on(&scratch, &plan, &limits, floor)).await;
            scratch.close().await?;
            outcome?;
        }
        Ok(())
    })
}

/// Everything that is measured on a database.
async fn on(scratch: &Scratch, plan: &Plan, limits: &Limits, floor: Floor) -> Outcome<()> {
    let installation = Installation::new(scratch.url(), &plan.folder("protocol"))?;
    let everybody = Unstarted::seed(&installation, SMALL)?;
    if plan.has("start") {
        let (warm, first) = (start::warm(&installation).await?, start::first(scratch.database(), plan).await?);
        say(&format!("\n{}", scratch.name()));
        targets::say_starts(warm, first);
    }
    let node = installation.start().await?;
    let target = Arc::new(everybody.at(node.address)?);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = node.memory()?;
    say(&format!("\n{}; {} rounds of {:?}", scratch.name(), plan.rounds, plan.time));
    let rows = measure_all(&target, plan, node.process()).await?;
    say(&measure::table(&rows, &[]));
    measure::must_be_right(&rows)?;
    targets::say_table(&rows, limits, floor);
    let permits = std::thread::available_parallelism()?.get();
    let of_argon2 = megabytes(ARGON2_BYTES) * machine::precise(permits as u64);
    targets::say_memory(megabytes(idle.resident), megabytes(node.memory()?.peak), of_argon2);
    if plan.has("pressure") {
        pressure::measure(&target, plan, node.process()).await?;
    }
    node.stop().await
}

/// The same work at the peer.
async fn beside(plan: &Plan) -> Outcome<()> {
    let Some(peer) = Peer::start().await? else { return Ok(()) };
    let idle = Memory::of(peer.process())?;
    let rows = measure_all(&Arc::new(peer.target()), plan, peer.process()).await?;
    say(&format!(
        "\npeer: npm oidc-provider, in memory; {} rounds of {:?}",
        plan.rounds, plan.time
    ));
    say(&measure::table(&rows, &[]));
    say(&format!(
        "memory of the peer: {:.1} MB when it was idle, at most {:.1} MB",
        megabytes(idle.resident),
        megabytes(Memory::of(peer.process())?.peak)
    ));
    measure::must_be_right(&rows)
}

/// Turn and turn about.
async fn measure_all(target: &Arc<Target>, plan: &Plan, server: u32) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for &at_once in &plan.at_once {
        let tasks = workload::ALL
            .iter()
            .filter(|(what, task)| plan.has(what) && !target.lacks.contains(task));
        let mut measured: Vec<_> = tasks
            .map(|(what, task)| (Row::new(what, at_once), Worker::many(at_once, target, *task)))
            .collect();
        for _ in 0..plan.rounds {
            for (row, workers) in &mut measured {
                row.rounds.push(round_of(workers, plan.time, &[server]).await?);
            }
        }
        rows.extend(measured.into_iter().map(|(row, _)| row));
    }
    Ok(rows)
}
