//! What the operating system knows of this process, under the names that all programs use for it. On systems
//! without `/proc` most of it is missing.

use std::fs;

use crate::app::App;
use crate::base::process::max_files;

use super::family::{Family, float};

/// How many ticks of processor time a second has: Linux tells the world of 100, whatever it counts in itself.
const TICKS: f64 = 100.0;
/// Where in `/proc/self/stat` the times in user and in system mode are, counted after the name of the program.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

pub fn families(app: &App) -> Vec<Family> {
    let started = app.measures.started_at.value().and_then(|at| u64::try_from(at).ok());
    let gauge = |name, help, value: Option<u64>| Family::gauge(name, help).maybe(Vec::new(), value.map(float));
    vec![
        Family::counter("process_cpu_seconds", "Processor time of this process, in user and system mode.").maybe(Vec::new(), cpu_seconds()),
        gauge(
            "process_resident_memory_bytes",
            "Memory of this process that is in RAM.",
            status("VmRSS:"),
        ),
        gauge(
            "process_virtual_memory_bytes",
            "Addresses that this process has reserved.",
            status("VmSize:"),
        ),
        gauge("process_open_fds", "Open files and connections of this process.", open_files()),
        gauge("process_max_fds", "The most of these that it may have.", max_files()),
        gauge(
            "process_start_time_seconds",
            "When this process began, in seconds since 1970.",
            started,
        ),
    ]
}

/// A line of `/proc/self/status` in kB, as bytes.
fn status(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name may hold anything, brackets, too.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let time = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(float(time(USER_TIME)? + time(SYSTEM_TIME)?) / TICKS)
}

fn open_files() -> Option<u64> {
    // One of them is the folder that is being read.
    let count = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u64::try_from(count).ok()
}
