//! What the machine says about processes, files and itself: `/proc`, and the programs that every Linux has.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Outcome;

/// Times that something is written to find out what a durable write costs.
const WRITES: usize = 200;
/// Bytes of such a write: a page.
const PAGE: usize = 4096;

/// Processor time that has been used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// By the servers under test
    pub servers: Duration,
    /// By this process
    pub bench: Duration,
    /// By everybody, these included
    pub all: Duration,
}

impl Usage {
    pub fn read(servers: &[u32]) -> Outcome<Self> {
        let tick = tick()?;
        let mut used = Duration::ZERO;
        for process in servers {
            used += of_process(&process.to_string(), tick)?;
        }
        Ok(Self {
            servers: used,
            bench: of_process("self", tick)?,
            all: of_all(tick)?,
        })
    }

    /// What was used since an earlier reading.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            servers: self.servers.saturating_sub(earlier.servers),
            bench: self.bench.saturating_sub(earlier.bench),
            all: self.all.saturating_sub(earlier.all),
        }
    }

    /// By whoever has nothing to do with the benchmark.
    pub fn others(&self) -> Duration {
        self.all.saturating_sub(self.servers + self.bench)
    }
}

/// The unit of times in `/proc`.
fn tick() -> Outcome<Duration> {
    static TICK: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    let known = match TICK.get() {
        Some(known) => *known,
        None => {
            let asked = Command::new("getconf").arg("CLK_TCK").output()?;
            let a_second: u32 = String::from_utf8(asked.stdout)?.trim().parse()?;
            *TICK.get_or_init(|| a_second)
        }
    };
    Ok(Duration::from_secs(1) / known)
}

/// User and system time of a process.
fn of_process(process: &str, tick: Duration) -> Outcome<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, can hold anything; `utime` and `stime` are the 12th and 13th field behind it.
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/PID/stat is not as it should be")?;
    let ticks = fields.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u32>);
    let ticks: u32 = ticks.sum::<Result<u32, _>>()?;
    Ok(tick * ticks)
}

/// Processor time of this thread so far.
pub fn own_thread() -> Outcome<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = stat.split_ascii_whitespace().next().ok_or("/proc/thread-self/schedstat is empty")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

/// All time that the processors were not idle.
fn of_all(tick: Duration) -> Outcome<Duration> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().ok_or("/proc/stat is empty")?;
    let fields = line.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let fields: Vec<u64> = fields.collect::<Result<_, _>>()?;
    // user, nice, system, idle, iowait, irq, softirq
    let busy: u64 = [0, 1, 2, 5, 6].iter().filter_map(|at| fields.get(*at)).sum();
    Ok(tick.mul_f64(precise(busy)))
}

/// A number that is far below 2⁵².
#[expect(clippy::cast_precision_loss, reason = "what is counted here has fewer digits")]
pub fn precise(number: u64) -> f64 {
    number as f64
}

/// The memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// What it has now
    pub resident: u64,
    /// Of that, what is no page of a file
    pub anonymous: u64,
    /// The most it had
    pub peak: u64,
}

impl Memory {
    pub fn of(process: u32) -> Outcome<Self> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let field = |name: &str| -> Outcome<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let text = line.ok_or_else(|| format!("/proc/PID/status has no {name}"))?;
            Ok(text.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
        };
        Ok(Self {
            resident: field("VmRSS:")?,
            anonymous: field("RssAnon:")?,
            peak: field("VmHWM:")?,
        })
    }
}

/// Bytes in the unit that people compare them in.
pub fn megabytes(bytes: u64) -> f64 {
    precise(bytes) / 1e6
}

/// How many files this process and its children may have open.
pub fn open_files() -> Outcome<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_ascii_whitespace().next());
    match soft.ok_or("/proc/self/limits says nothing about open files")? {
        "unlimited" => Ok(u64::MAX),
        number => Ok(number.parse()?),
    }
}

/// A file system, and what a durable write of [`PAGE`] bytes costs there.
#[derive(Clone, Debug)]
pub struct Disk {
    pub kind: String,
    /// In milliseconds
    pub median: f64,
    pub p99: f64,
    /// A second, one after the other
    pub rate: f64,
}

impl Disk {
    /// That of a folder.
    pub fn measure(folder: &Path) -> Outcome<Self> {
        let kind = Command::new("df").arg("--output=fstype").arg(folder).output()?;
        let kind = String::from_utf8(kind.stdout)?;
        let place = folder.join("durable");
        let mut file = std::fs::File::create(&place)?;
        let mut taken = Vec::with_capacity(WRITES);
        for _ in 0..WRITES {
            let begun = Instant::now();
            file.write_all(&[7; PAGE])?;
            file.sync_data()?;
            taken.push(begun.elapsed());
        }
        drop(file);
        std::fs::remove_file(place)?;
        let all: Duration = taken.iter().sum();
        taken.sort();
        let at = |hundredths: usize| taken[(taken.len() * hundredths / 100).min(taken.len() - 1)].as_secs_f64() * 1000.0;
        Ok(Self {
            kind: kind.lines().last().unwrap_or("an unknown file system").trim().to_owned(),
            median: at(50),
            p99: at(99),
            rate: precise(taken.len() as u64) / all.as_secs_f64(),
        })
    }

    /// As a sentence has it.
    pub fn describe(&self) -> String {
        format!(
            "{}, on which a durable write of {PAGE} bytes takes {:.2} ms (median; p99 {:.2} ms)",
            self.kind, self.median, self.p99
        )
    }
}
