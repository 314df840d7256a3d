//! How many redirects a second go their whole way, beside the least that a durable relay can do.

use crate::Plan;
use crate::cycle::{self, By, Cycle, Places};
use crate::plain::{Grouped, Plain, Written};
use crate::support::database::Scratch;
use crate::support::measure::{self, Row, round};
use crate::support::nodes::{Installation, Node};
use crate::support::{Outcome, say};

/// Who is at it at the same time.
const AT_ONCE: [usize; 3] = [1, 16, 64];

const VERIFIER: &str = "cycles, collected by verifier";
const SECRET: &str = "cycles, collected by secret";

/// What the cycles are compared with.
pub struct Bases<'s> {
    pub plain: &'s Scratch,
    pub grouped: &'s Scratch,
}

/// Measures cycles on one node, or with another one that browsers reach; and, turn and turn about, what they are
/// compared with.
pub async fn measure(plan: &Plan, scratch: &Scratch, has_other: bool, bases: Option<Bases<'_>>) -> Outcome<()> {
    let installation = Installation::new(scratch.url(), &plan.folder("cycles"))?;
    let program = installation.register("Example Program")?;
    let first = installation.start().await?;
    let other = if has_other { Some(installation.start().await?) } else { None };
    let places = Places {
        of_program: first.address,
        of_browser: other.as_ref().unwrap_or(&first).address,
    };
    let processes: Vec<u32> = [Some(&first), other.as_ref()].into_iter().flatten().map(Node::process).collect();
    let place = if has_other {
        "two nodes: browsers reach the other one"
    } else {
        "one node"
    };
    say(&format!(
        "\nA. create, receive, collect on {}, {place}; {} rounds of {:?}",
        scratch.name(),
        plan.rounds,
        plan.time
    ));
    let bases = match bases {
        Some(bases) => Some((Plain::open(&bases.plain.url()).await?, Grouped::open(&bases.grouped.url()).await?)),
        None => None,
    };
    let mut rows = Vec::new();
    for at_once in AT_ONCE {
        let (mut verifier, mut secret) = (Row::new(VERIFIER, at_once), Row::new(SECRET, at_once));
        let mut single = Row::new("B. insert + update, plain", at_once);
        let mut grouped = Row::new("B. insert + update, group commit", at_once);
        let mut written = Row::new("B. writes of a cycle, group commit", at_once);
        for _ in 0..plan.rounds {
            for (row, by) in [(&mut verifier, By::Verifier), (&mut secret, By::Secret)] {
                let cycles = Cycle::many(at_once, places, &program, by);
                row.rounds.push(round(cycles, plan.time, &processes).await?);
            }
            if let Some((one, group)) = &bases {
                single.rounds.push(round(vec![one.clone(); at_once], plan.time, &[]).await?);
                grouped.rounds.push(round(vec![group.clone(); at_once], plan.time, &[]).await?);
                let writers = vec![Written(group.clone()); at_once];
                written.rounds.push(round(writers, plan.time, &[]).await?);
            }
        }
        rows.extend(
            [verifier, secret, single, grouped, written]
                .into_iter()
                .filter(|row| !row.rounds.is_empty()),
        );
    }
    say(&measure::table(&rows, &cycle::STEPS));
    if let Some((_, grouped)) = bases {
        say_ratios(&rows);
        grouped.close().await;
    }
    first.stop().await?;
    if let Some(other) = other {
        other.stop().await?;
    }
    measure::must_be_right(&rows)
}

/// Five rows for each number of workers, as they were measured.
fn say_ratios(rows: &[Row]) {
    say("\ncycles : B        at once   verifier : plain   verifier : grouped   secret : plain   secret : grouped   verifier : writes");
    for of_one in rows.chunks_exact(5) {
        let [verifier, secret, single, grouped, written] = of_one else {
            continue;
        };
        say(&format!(
            "{:>25} {:18.2} {:20.2} {:16.2} {:18.2} {:19.2}",
            verifier.at_once,
            verifier.ratio(single),
            verifier.ratio(grouped),
            secret.ratio(single),
            secret.ratio(grouped),
            verifier.ratio(written)
        ));
    }
}
