//! What every benchmark needs: databases that are removed again, the real binary as a process, a load generator, and
//! what the machine says meanwhile.

pub mod asking;
pub mod database;
pub mod machine;
pub mod measure;
pub mod nodes;
pub mod rows;
pub mod wire;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Whatever goes wrong ends the benchmark.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A variable of the environment; an empty one counts as none.
#[expect(clippy::disallowed_methods, reason = "a benchmark has no configuration but its environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A number of the environment, or another one.
pub fn number<T: FromStr>(name: &str, unless_given: T) -> Outcome<T> {
    match environment(name) {
        None => Ok(unless_given),
        Some(text) => text.parse().map_err(|_| format!("{name}: {text} is not a number").into()),
    }
}

/// A list of the environment, separated by commas.
pub fn list(name: &str, unless_given: &str) -> Vec<String> {
    let text = environment(name).unwrap_or_else(|| unless_given.to_owned());
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

/// Where the benchmark may write.
pub fn base_folder() -> PathBuf {
    environment("BENCH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from)
}

/// Writes a line to standard output.
pub fn say(line: &str) {
    // Nobody is left to be told when it cannot be written.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// When a benchmark gives up.
pub struct Deadline {
    minutes: u64,
    at: Instant,
}

impl Deadline {
    /// After so many minutes, unless `BENCH_MINUTES` says something else.
    pub fn after(minutes: u64) -> Outcome<Self> {
        let minutes = number("BENCH_MINUTES", minutes)?;
        Ok(Self {
            minutes,
            at: Instant::now() + Duration::from_secs(60 * minutes),
        })
    }

    /// Does the work, unless the time is over before, or somebody does not want to wait.
    pub async fn bound<T>(&self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        tokio::select! {
            outcome = work => outcome,
            () = tokio::time::sleep_until(self.at.into()) =>
                Err(format!("it took longer than {} minutes; see BENCH_MINUTES", self.minutes).into()),
            _ = tokio::signal::ctrl_c() => Err("it was interrupted".into()),
        }
    }
}
