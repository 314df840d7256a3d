//! What the operating system lets this process have, and whose files are.

use std::path::Path;

/// How many files the process may have open, where the system says so.
#[must_use]
pub fn max_files() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The number of the user that this process acts as, where the system says so.
#[must_use]
pub fn user() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    // The real one, the effective one, and others.
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The number of the user that a file belongs to, where files have an owner.
#[cfg(unix)]
#[must_use]
pub fn owner(file: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(file).ok().map(|found| found.uid())
}

/// The number of the user that a file belongs to, where files have an owner.
#[cfg(not(unix))]
#[must_use]
pub fn owner(_: &Path) -> Option<u32> {
    None
}

/// The owner of a file and the user of this process, where these are two.
#[must_use]
pub fn other_owner(file: &Path) -> Option<(u32, u32)> {
    let (owner, user) = (owner(file)?, user()?);
    (owner != user).then_some((owner, user))
}

/// The folder that a file is in.
#[must_use]
pub fn folder(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
