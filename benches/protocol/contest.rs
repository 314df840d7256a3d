//! The same work at several servers, turn and turn about.

use std::sync::Arc;

use crate::plan::Plan;
use crate::support::machine::Memory;
use crate::support::measure::{self, Row, round_of};
use crate::support::{Outcome, say};
use crate::target::Target;
use crate::workload::{ALL, Worker};

/// What the processor time of an operation may become in a large database, times what it is in a small one.
const AIM: f64 = 1.3;

/// A server that is measured.
pub struct Contender {
    name: String,
    target: Arc<Target>,
    process: u32,
    idle: Memory,
    rows: Vec<Row>,
}

impl Contender {
    /// One that has nothing to do yet.
    pub fn new(name: &str, target: Target, process: u32) -> Outcome<Self> {
        Ok(Self {
            name: name.to_owned(),
            target: Arc::new(target),
            process,
            idle: Memory::of(process)?,
            rows: Vec::new(),
        })
    }

    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// When it had nothing to do yet.
    pub fn idle(&self) -> Memory {
        self.idle
    }

    pub fn memory(&self) -> Outcome<Memory> {
        Memory::of(self.process)
    }
}

/// Measures everything at all of them.
pub async fn hold(contenders: &mut [Contender], plan: &Plan) -> Outcome<()> {
    for &at_once in &plan.at_once {
        let mut measured = Vec::new();
        for (what, task) in ALL.iter().filter(|(what, _)| plan.has(what)) {
            for (number, contender) in contenders.iter().enumerate() {
                if !contender.target.lacks.contains(task) {
                    let workers = Worker::many(at_once, &contender.target, *task);
                    measured.push((number, contender.process, Row::new(what, at_once), workers));
                }
            }
        }
        for _ in 0..plan.rounds {
            for (_, process, row, workers) in &mut measured {
                row.rounds.push(round_of(workers, plan.time, &[*process]).await?);
            }
        }
        for (number, _, row, _) in measured {
            contenders[number].rows.push(row);
        }
    }
    for contender in contenders {
        say(&format!("\n{}; {} rounds of {:?}", contender.name, plan.rounds, plan.time));
        say(&measure::table(&contender.rows, &[]));
        measure::must_be_right(&contender.rows)?;
    }
    Ok(())
}

/// Of each operation, what it costs the second times what it costs the first.
pub fn say_ratios(first: &Contender, second: &Contender, is_larger: bool) {
    say(&format!(
        "\n{:34} {:>7} {:>12} {:>12} {:>12}",
        format!("{} : {}", second.name, first.name),
        "at once",
        "server CPU",
        "rate",
        "p50"
    ));
    for row in &first.rows {
        let same = |other: &&Row| other.what == row.what && other.at_once == row.at_once;
        let Some(other) = second.rows.iter().find(same) else { continue };
        let cost = other.median(|round| round.servers) / row.median(|round| round.servers);
        let verdict = match is_larger {
            true if cost <= AIM => "reached",
            true => "MISSED",
            false => "",
        };
        say(&format!(
            "{:34} {:7} {cost:12.2} {:12.2} {:12.2} {verdict}",
            row.what,
            row.at_once,
            other.ratio(row),
            other.median(|round| round.median) / row.median(|round| round.median)
        ));
    }
}
