//! A million callbacks that wait: what memory they cost, and what speed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gatehouse::base::clock::Clock;
use gatehouse::base::id::new_id;
use gatehouse::base::random::Random;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _};

use crate::Plan;
use crate::cycle::{self, By, Cycle, Places};
use crate::support::database::Scratch;
use crate::support::machine::{Memory, megabytes};
use crate::support::measure::{self, Row};
use crate::support::nodes::{Installation, Node, Program};
use crate::support::rows::{insert, row};
use crate::support::wire::Connection;
use crate::support::{Outcome, say};

/// Of all rows, as many as this are announced to the server itself.
const ANNOUNCED: i64 = 20_000;
/// Who does so at once, and how many are at it while it is measured.
const AT_ONCE: usize = 16;
/// What all of it may need, in megabytes.
const LIMIT: f64 = 100.0;
/// A day: nothing expires while it is measured.
const LIFETIME: i64 = 86_400;
/// Over this time the rows were made, in milliseconds.
const PAST: u64 = 600_000;
/// What is waited before memory is looked at.
const QUIET: Duration = Duration::from_secs(3);

const COLUMNS: &str = "id, state_hash, client_id, provider, code_challenge, created_at, expires_at";

/// Measures a server with many callbacks, turn and turn about with one that has none.
pub async fn measure(plan: &Plan, full: &Scratch, empty: &Scratch) -> Outcome<()> {
    let rows = plan.scaled(1_000_000);
    let announced = ANNOUNCED.min(rows);
    let (with_many, with_none) = (
        Installation::new(full.url(), &plan.folder("full"))?,
        Installation::new(empty.url(), &plan.folder("empty"))?,
    );
    let (program, other) = (with_many.register("Example Program")?, with_none.register("Example Program")?);
    let begun = Instant::now();
    fill(full, &program, rows - announced).await?;
    full.finish_loading().await?;
    say(&format!(
        "\nC. {rows} callbacks that nobody has brought yet; all but {announced} of them made in {:.0?}",
        begun.elapsed()
    ));
    let (full_node, empty_node) = (with_many.start().await?, with_none.start().await?);
    tokio::time::sleep(QUIET).await;
    say_memory("just started", full_node.memory()?);
    announce(&full_node, &program, announced).await?;
    tokio::time::sleep(QUIET).await;
    say_memory(&format!("after {announced} were announced"), full_node.memory()?);

    let mut rows_of_table = vec![
        Row::new("cycles, no other callbacks", AT_ONCE),
        Row::new("cycles, beside many", AT_ONCE),
    ];
    for _ in 0..plan.rounds {
        for (row, (node, program)) in rows_of_table.iter_mut().zip([(&empty_node, &other), (&full_node, &program)]) {
            let cycles = Cycle::many(AT_ONCE, places(node), program, By::Verifier);
            row.rounds.push(measure::round(cycles, plan.time, &[node.process()]).await?);
        }
    }
    tokio::time::sleep(QUIET).await;
    say_memory("after the rounds", full_node.memory()?);
    say_memory("the one without, after them", empty_node.memory()?);
    say(&measure::table(&rows_of_table, &cycle::STEPS));
    say(&format!(
        "beside many : no others = {:.2}",
        rows_of_table[1].ratio(&rows_of_table[0])
    ));
    let peak = megabytes(full_node.memory()?.peak);
    let verdict = if peak < LIMIT { "below" } else { "NOT below" };
    say(&format!("the most it had was {peak:.0} MB: {verdict} {LIMIT:.0} MB"));
    full_node.stop().await?;
    empty_node.stop().await?;
    measure::must_be_right(&rows_of_table)?;
    must_still_wait(full, rows - announced).await
}

fn places(node: &Node) -> Places {
    Places {
        of_program: node.address,
        of_browser: node.address,
    }
}

fn say_memory(when: &str, memory: Memory) {
    say(&format!(
        "memory, {when}: {:.1} MB resident ({:.1} MB of it anonymous), at most {:.1} MB",
        megabytes(memory.resident),
        megabytes(memory.anonymous),
        megabytes(memory.peak)
    ));
}

/// Writes rows as the server would have, past the server.
async fn fill(scratch: &Scratch, program: &Program, rows: i64) -> Outcome<()> {
    let (system, random) = (Clock::system(), Random::system());
    let (now, count) = (system.now_millis(), rows.unsigned_abs().max(1));
    let millis = Arc::new(AtomicU64::new(now));
    let clock = {
        let millis = Arc::clone(&millis);
        Clock::from_millis(move || millis.load(Ordering::Relaxed))
    };
    let all = (0..rows).map(|at| {
        millis.store(now - PAST + PAST * at.unsigned_abs() / count, Ordering::Relaxed);
        row![
            new_id(&clock, &random),
            random.secret(),
            program.id.as_str(),
            "example",
            random.secret(),
            clock.now(),
            clock.now() + LIFETIME
        ]
    });
    let mut connection = scratch.loader().await?;
    insert(&mut connection, "callbacks", COLUMNS, all).await?;
    Ok(sqlx::Connection::close(connection).await?)
}

/// Lets the server make the last ones itself.
async fn announce(node: &Node, program: &Program, count: i64) -> Outcome<()> {
    let left = Arc::new(AtomicU64::new(count.unsigned_abs()));
    let tasks = (0..AT_ONCE).map(|_| {
        let (left, address, program) = (Arc::clone(&left), node.address, program.clone());
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            while take().is_ok() {
                cycle::announce(&mut connection, &program, Some(&Random::system().secret())).await?;
            }
            Ok::<(), String>(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    Ok(())
}

/// What lives for a day must not have been removed meanwhile.
async fn must_still_wait(scratch: &Scratch, rows: i64) -> Outcome<()> {
    let mut connection = SqliteConnection::connect(&scratch.url()).await?;
    let count = sqlx::query("SELECT COUNT(*) FROM callbacks WHERE received_at IS NULL AND expires_at - created_at = $1")
        .bind(LIFETIME)
        .fetch_one(&mut connection)
        .await?;
    let count: i64 = count.try_get(0)?;
    connection.close().await?;
    if count == rows {
        return Ok(());
    }
    Err(format!("{count} of {rows} callbacks were there at the end").into())
}
