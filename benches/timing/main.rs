//! Whether the time of an answer tells what its words do not: is there such a user, such a client, is the beginning of a secret right.
//!
//! Starts the real binary as a process of its own and asks it, on one connection over the loopback, two kinds of questions in random
//! order, one about what there is and one about what there is not. Prints how the two distributions differ: the difference of
//! their medians with a bootstrap interval, and how often an answer of the one kind took longer than one of the other (0.5: one
//! cannot tell). Each table begins with the same question twice, which shows what the machine itself does. It is a benchmark and no
//! test: it fails when an answer is wrong, never for its time. See `benches/README.md`.

mod cases;
mod statistics;
#[allow(dead_code, unused_macros, unused_imports, reason = "each benchmark needs some of it")]
#[path = "../support/mod.rs"]
mod support;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cases::{Case, World};
use statistics::Comparison;
use support::wire::Connection;

/// Whatever goes wrong ends the benchmark.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Questions of each kind, unless `BENCH_SAMPLES` says something else.
const SAMPLES: usize = 1500;
/// Those that are asked before it counts.
const WARM_UP: usize = 50;
/// How long everything may take, unless `BENCH_MINUTES` says something else.
const MINUTES: u64 = 20;

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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let minutes = environment("BENCH_MINUTES").map_or(Ok(MINUTES), |text| text.parse())?;
    runtime.block_on(async {
        tokio::select! {
            outcome = run() => outcome,
            () = tokio::time::sleep(Duration::from_secs(60 * minutes)) => Err("it takes too long; see BENCH_MINUTES".into()),
            _ = tokio::signal::ctrl_c() => Err("it was interrupted".into()),
        }
    })
}

async fn run() -> Outcome<()> {
    let samples = environment("BENCH_SAMPLES").map_or(Ok(SAMPLES), |text| text.parse())?;
    let only = environment("BENCH_ONLY").unwrap_or_default();
    let base = environment("BENCH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = base.join(format!("gatehouse_bench_{}_timing", std::process::id()));
    let world = World::start(&folder).await?;
    say(&format!("{samples} answers of each kind, in random order, on one connection\n"));
    say("| one kind | the other | medians, µs | difference, µs (95 %) | longer | p |");
    say("|---|---|---|---|---|---|");
    for case in World::cases() {
        if case.name.contains(&only) {
            let comparison = compare(&world, &case, samples).await?;
            say(&comparison.row(case.one.0, case.other.0));
        }
    }
    world.stop().await
}

/// Asks both questions of a case, in random order.
async fn compare(world: &World, case: &Case, samples: usize) -> Outcome<Comparison> {
    let samples = samples.min(case.most);
    let mut connection = Connection::open(world.address()).await?;
    let mut order: Vec<bool> = (0..2 * (samples + WARM_UP)).map(|n| n % 2 == 0).collect();
    statistics::shuffle(&mut order[2 * WARM_UP..]);
    let (mut one, mut other) = (Vec::with_capacity(samples), Vec::with_capacity(samples));
    for (n, is_one) in order.into_iter().enumerate() {
        let (what, question) = if is_one { &case.one } else { &case.other };
        let request = question(world, n);
        let begun = Instant::now();
        let answer = connection.ask(&request).await?;
        let took = begun.elapsed();
        answer.must_be(case.status, what)?;
        if n >= 2 * WARM_UP {
            (if is_one { &mut one } else { &mut other }).push(took.as_secs_f64() * 1e6);
        }
    }
    Ok(Comparison::of(one, other))
}
