//! What the operating system lets this process have.

/// How many files the process may have open, where the system says so.
#[must_use]
pub fn max_files() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
