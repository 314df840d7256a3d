//! What the doctor says of files: whose they are, and where there is none yet.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use crate::base::encoding::base64url;
use crate::base::process;
use crate::base::random::Random;

use super::Report;

/// There is no database yet. Often it is looked for in the wrong folder.
pub(super) fn check_place(file: &Path, report: &mut Report) {
    let place = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    match try_folder(&place) {
        Ok(()) => report.warn(
            "database",
            format!(
                "{} does not exist yet; the first start creates it. If there is one, run this in the folder of the server, or name it with --database-url",
                place.display()
            ),
        ),
        Err(error) => report.error(
            "database",
            format!("{} does not exist yet, and the first start cannot create it: {error}", place.display()),
        ),
    }
}

/// Whether a file can be made where the first start makes it, and the folders above it: only trying tells, with all the ways
/// in which a system forbids it.
fn try_folder(place: &Path) -> io::Result<()> {
    let there = place.ancestors().skip(1).find(|folder| folder.exists());
    let folder = there.ok_or(io::ErrorKind::NotFound)?;
    let trial = folder.join(format!(".gatehouse-doctor-{}", base64url(&Random::system().bytes::<9>())));
    OpenOptions::new().write(true).create_new(true).open(&trial)?;
    std::fs::remove_file(&trial)
}

/// A file of somebody else's: what works here may not work for the server.
pub(super) fn check_owner(check: &'static str, file: &Path, report: &mut Report) {
    if let Some((owner, user)) = process::other_owner(file) {
        report.warn(
            check,
            format!(
                "{} belongs to the user with the number {owner}, and this is the one with the number {user}: what is said here may not be so for the server; run this as its user, with sudo -u",
                file.display()
            ),
        );
        return;
    }
    let folder = process::folder(file);
    let owners = (process::owner(file), process::owner(folder));
    // Root can open everything, and a file that others may open is nobody's alone.
    if let (Some(of_file), Some(of_folder)) = owners
        && of_file != of_folder
        && of_folder != 0
        && is_closed_to_others(file)
    {
        report.warn(
            check,
            format!(
                "{} belongs to the user with the number {of_file}, and its folder to the one with the number {of_folder}, who cannot open it: if the server runs as that one, give it the file, with chown",
                file.display()
            ),
        );
    }
}

/// Whether a file can be read by others than its owner.
#[cfg(unix)]
pub(super) fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

#[cfg(unix)]
fn is_closed_to_others(file: &Path) -> bool {
    !is_open_to_others(file)
}

#[cfg(not(unix))]
fn is_closed_to_others(_: &Path) -> bool {
    false
}
