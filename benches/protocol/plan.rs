//! What the environment asks for.

use std::path::PathBuf;
use std::time::Duration;

use gatehouse::seed::large::Sizes;

use crate::support::database::Database;
use crate::support::machine::precise;
use crate::support::{Deadline, Outcome, base_folder, environment, list, number};

/// How long everything may take, unless `BENCH_MINUTES` says something else.
const MINUTES: u64 = 120;
/// Seconds of a round, unless `BENCH_SECONDS` says something else.
const SECONDS: f64 = 3.0;
/// Times that everything is measured, unless `BENCH_ROUNDS` says something else.
const ROUNDS: usize = 3;

/// What is in a small database.
pub const SMALL: Sizes = Sizes {
    users: 1000,
    clients: 100,
    grants: 50_000,
};
/// What is in a large one, times `BENCH_LARGE`.
const LARGE: Sizes = Sizes {
    users: 1_000_000,
    clients: 10_000,
    grants: 10_000_000,
};

/// What is measured, where, and for how long.
pub struct Plan {
    pub databases: Vec<Database>,
    pub at_once: Vec<usize>,
    pub rounds: usize,
    pub time: Duration,
    only: Vec<String>,
    /// Of a second database, which is measured beside the small one
    pub large: Option<Sizes>,
    pub has_peer: bool,
    pub is_kept: bool,
    pub deadline: Deadline,
    pub base: PathBuf,
}

impl Plan {
    pub fn read() -> Outcome<Self> {
        let at_once = list("BENCH_AT_ONCE", "1,16,64");
        let large = environment("BENCH_LARGE").filter(|text| text != "no");
        Ok(Self {
            databases: Database::all_of(&list("BENCH_DATABASES", "sqlite"))?,
            at_once: at_once.iter().map(|number| Ok(number.parse()?)).collect::<Outcome<_>>()?,
            rounds: number("BENCH_ROUNDS", ROUNDS)?,
            time: Duration::from_secs_f64(number("BENCH_SECONDS", SECONDS)?),
            only: list("BENCH_ONLY", ""),
            large: large.map(|_| Outcome::Ok(scaled(number("BENCH_LARGE", 1.0)?))).transpose()?,
            has_peer: environment("BENCH_PEER").is_none_or(|text| text != "no"),
            is_kept: environment("BENCH_KEEP").is_some(),
            deadline: Deadline::after(MINUTES)?,
            base: base_folder(),
        })
    }

    /// A folder for the processes of this benchmark.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.base.join(format!("gatehouse_bench_{}_{name}", std::process::id()))
    }

    /// Whether something of this name is to be measured.
    pub fn has(&self, what: &str) -> bool {
        self.only.iter().any(|text| what.contains(text.as_str()))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some millions")]
fn scaled(scale: f64) -> Sizes {
    let times = |size: u64| (precise(size) * scale) as u64;
    Sizes {
        users: times(LARGE.users).max(SMALL.users),
        clients: times(LARGE.clients).max(SMALL.clients),
        grants: times(LARGE.grants).max(SMALL.grants),
    }
}
