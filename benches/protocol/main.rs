//! What the endpoints of the protocol cost, beside what the machine allows, beside a peer, and in a large database.
//!
//! Starts the real binary and does what applications, browsers and resource servers do, again and again. It is a
//! benchmark and no test: it fails when an answer is wrong, never because it is slow. See `benches/README.md`.

mod browser;
mod contest;
mod floor;
mod limits;
mod page;
mod peer;
mod plan;
mod pressure;
mod start;
#[allow(dead_code, unused_macros, unused_imports, reason = "each benchmark needs some of it")]
#[path = "../support/mod.rs"]
mod support;
mod target;
mod targets;
mod workload;

use std::time::{Duration, Instant};

use contest::Contender;
use floor::Floor;
use gatehouse::seed::large::Sizes;
use limits::Limits;
use peer::Peer;
use plan::{Plan, SMALL};
use support::database::Scratch;
use support::machine::{self, megabytes};
use support::nodes::{Installation, Node};
use support::{Outcome, say};
use target::Unstarted;

/// Memory of each hash that is computed at the same time.
const ARGON2_BYTES: u64 = 19_456 * 1024;
/// What is waited before memory is looked at.
const QUIET: Duration = Duration::from_secs(2);

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
        floor.say();
        for (at, database) in plan.databases.iter().enumerate() {
            let small = Scratch::open(*database, plan.is_kept).await?;
            let large = match plan.large {
                Some(sizes) => Some((Scratch::open(*database, plan.is_kept).await?, sizes)),
                None => None,
            };
            let with_peer = plan.has_peer && at == 0;
            let work = on(&small, large.as_ref(), with_peer, &plan, &limits, floor);
            let outcome = plan.deadline.bound(work).await;
            small.close().await?;
            if let Some((large, _)) = large {
                large.close().await?;
            }
            outcome?;
        }
        Ok(())
    })
}

/// Everything that is measured on a database.
async fn on(small: &Scratch, large: Option<&(Scratch, Sizes)>, with_peer: bool, plan: &Plan, limits: &Limits, floor: Floor) -> Outcome<()> {
    let name = small.name();
    let installation = Installation::new(small.url(), &plan.folder("small"))?;
    let everybody = seed(&installation, SMALL, name)?;
    if plan.has("start") {
        let (warm, first) = (start::warm(&installation).await?, start::first(small.database(), plan).await?);
        targets::say_starts(warm, first);
    }
    let node = installation.start().await?;
    let mut contenders = vec![contender(name, &everybody, &node).await?];
    // Both are kept until the end: they take their folder and their process with them.
    let beside = match large {
        Some((scratch, sizes)) => {
            let installation = Installation::new(scratch.url(), &plan.folder("large"))?;
            let everybody = seed(&installation, *sizes, name)?;
            let node = installation.start().await?;
            contenders.push(contender("large", &everybody, &node).await?);
            Some((installation, node))
        }
        None => None,
    };
    let peer = if with_peer { Peer::start().await? } else { None };
    if let Some(peer) = &peer {
        contenders.push(Contender::new("peer", peer.target(), peer.process())?);
    }
    contest::hold(&mut contenders, plan).await?;
    let (own, others) = contenders.split_first().ok_or("nothing was measured")?;
    for (other, is_larger) in others.iter().zip([beside.is_some(), false]) {
        contest::say_ratios(own, other, is_larger);
    }
    if let Some(peer) = contenders.get(1 + usize::from(beside.is_some())) {
        say(&format!(
            "memory of the peer: {:.1} MB when idle, at most {:.1} MB",
            megabytes(peer.idle().resident),
            megabytes(peer.memory()?.peak)
        ));
    }
    targets::say_table(own.rows(), limits, floor);
    let permits = std::thread::available_parallelism()?.get();
    let of_argon2 = megabytes(ARGON2_BYTES) * machine::precise(permits as u64);
    targets::say_memory(megabytes(own.idle().resident), megabytes(own.memory()?.peak), of_argon2);
    if plan.has("pressure") {
        pressure::measure(own.target(), plan, node.process()).await?;
    }
    if let Some((_installation, node)) = beside {
        node.stop().await?;
    }
    node.stop().await
}

/// Fills a database, and says how long it took.
fn seed(installation: &Installation, sizes: Sizes, name: &str) -> Outcome<Unstarted> {
    let begun = Instant::now();
    let everybody = Unstarted::seed(installation, sizes)?;
    let Sizes { users, clients, grants } = sizes;
    say(&format!(
        "\n{name}: {users} users, {clients} clients, {grants} grants, made in {:.1?}",
        begun.elapsed()
    ));
    Ok(everybody)
}

async fn contender(name: &str, everybody: &Unstarted, node: &Node) -> Outcome<Contender> {
    tokio::time::sleep(QUIET).await;
    Contender::new(name, everybody.at(node.address)?, node.process())
}
