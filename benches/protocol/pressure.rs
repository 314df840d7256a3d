//! How long programs wait while people sign in as fast as the processors allow.

use std::sync::Arc;

use crate::plan::Plan;
use crate::support::measure::{self, Row, round_of};
use crate::support::{Outcome, say};
use crate::target::{Target, Token};
use crate::workload::{Task, Worker};

/// Programs.
const PROGRAMS: usize = 16;
/// People: more than hashes are computed at once.
const PEOPLE: usize = 32;
/// What the 99th hundredth may become, times what it is otherwise.
const AIM: f64 = 3.0;

/// Measures client credentials alone, and beside sign-ins.
pub async fn measure(target: &Arc<Target>, plan: &Plan, server: u32) -> Outcome<()> {
    let mut programs = Worker::many(PROGRAMS, target, Task::ClientCredentials(Token::Es256));
    let mut people = Worker::many(PEOPLE, target, Task::SignIn);
    let mut alone = Row::new("client_credentials, ES256, alone", PROGRAMS);
    let mut beside = Row::new("the same beside 32 who sign in", PROGRAMS);
    let mut sign_ins = Row::new("who sign in", PEOPLE);
    let servers = [server];
    for _ in 0..plan.rounds {
        alone.rounds.push(round_of(&mut programs, plan.time, &servers).await?);
        let both = tokio::join!(
            round_of(&mut programs, plan.time, &servers),
            round_of(&mut people, plan.time, &servers)
        );
        beside.rounds.push(both.0?);
        sign_ins.rounds.push(both.1?);
    }
    let p99 = |row: &Row| row.median(|round| round.p99);
    let ratio = p99(&beside) / p99(&alone);
    let rows = [alone, beside, sign_ins];
    say(&format!("\n{}", measure::table(&rows, &[])));
    say(&format!(
        "p99 beside sign-ins : alone = {ratio:.2} (aim: {AIM}): {}",
        if ratio <= AIM { "reached" } else { "MISSED" }
    ));
    measure::must_be_right(&rows)
}
