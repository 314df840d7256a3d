//! A copy of a SQLite database, taken while servers write.
//!
//! `VACUUM INTO` reads one snapshot, so whoever writes meanwhile neither waits nor is seen. The copy appears whole or not at
//! all: it is written under another name, checked, made durable, and only then linked. PostgreSQL and MySQL bring programs of
//! their own for this; here it is only said how they are called.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rusqlite::types::Value as Cell;

use crate::base::encoding::base64url;
use crate::base::fault::Fault;
use crate::base::random::Random;

use super::error::{Error, fault};
use super::file::{File, Table};
use super::options::{DatabaseUrl, Dialect};
use super::value::Value;

/// Why there is no backup.
#[derive(Debug)]
pub enum BackupError {
    /// The operator must do something; the text says what
    Refused(String),
    /// The database failed
    Fault(Fault),
}

impl std::fmt::Display for BackupError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(text) => f.write_str(text),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for BackupError {}

impl From<Fault> for BackupError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Writes a copy of the database to a new file, readable by its owner only; its size in bytes. Everything is in it that was
/// committed before this was called. Whoever stops waiting for it gets no file.
///
/// # Errors
/// [`BackupError::Refused`] when it is not SQLite, the database is not there, the file is there already or cannot be written,
/// or the copy is not sound; then there is no file.
pub async fn backup(url: &DatabaseUrl, to: &Path, random: &Random) -> Result<u64, BackupError> {
    let Some(database) = url.file() else {
        return Err(BackupError::Refused(format!(
            "{} has a program for this, whose file is for your eyes only: umask 077 && {}",
            url.dialect(),
            dump_command(url, to)
        )));
    };
    if !database.exists() {
        return Err(BackupError::Refused(format!("there is no database {}", database.display())));
    }
    let failed = |error: io::Error| {
        BackupError::Refused(match error.kind() {
            ErrorKind::AlreadyExists => format!("{} is there already, and stays as it is: choose another name", to.display()),
            _ => format!("cannot write {}: {error}", to.display()),
        })
    };
    if to.symlink_metadata().is_ok() {
        return Err(failed(io::Error::from(ErrorKind::AlreadyExists)));
    }
    let draft = Draft::create(to, random).map_err(failed)?;
    copy(database, &draft.0).await?;
    let size = draft.publish(to).map_err(failed)?;
    Ok(size)
}

/// The file while it is being written; removed when this is dropped.
struct Draft(PathBuf);

impl Draft {
    fn create(to: &Path, random: &Random) -> io::Result<Self> {
        let mut name = to
            .file_name()
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "it names no file"))?
            .to_owned();
        name.push(format!(".part-{}", base64url(&random.bytes::<9>())));
        let path = to.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).map(|_| Self(path))
    }

    /// Gives it its name, unless somebody else has that now.
    fn publish(self, to: &Path) -> io::Result<u64> {
        let file = std::fs::File::open(&self.0)?;
        file.sync_all()?;
        match std::fs::hard_link(&self.0, to) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
            // Not every file system has links. What is renamed over is the empty file that was just made here.
            Err(_) => {
                OpenOptions::new().write(true).create_new(true).open(to)?;
                std::fs::rename(&self.0, to)?;
            }
        }
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        let size = file.metadata()?.len();
        let synced = std::fs::File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        match synced {
            Ok(()) => Ok(size),
            Err(error) => {
                let _ = std::fs::remove_file(to);
                Err(error)
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Copies the database into the draft, and looks whether that is sound.
async fn copy(database: &Path, draft: &Path) -> Result<(), BackupError> {
    let path = draft
        .to_str()
        .ok_or_else(|| BackupError::Refused(format!("{} is not UTF-8", draft.display())))?;
    let values = vec![Value::from(path.to_owned())];
    aside(database, move |file| file.execute("VACUUM INTO $1", &values))
        .await?
        .map_err(|error| BackupError::Refused(format!("{} was not copied: {}", database.display(), Error::from(error))))?;
    let checked = aside(draft, |file| file.table("PRAGMA integrity_check", &[])).await?;
    let said = lines(checked.map_err(fault)?);
    if said == ["ok"] {
        return Ok(());
    }
    Err(BackupError::Refused(format!(
        "{} is damaged, and so would the copy be: {}",
        database.display(),
        said.join("; ")
    )))
}

/// Runs something on a file, however long it takes, unless nobody waits for it any more.
async fn aside<T: Send + 'static>(
    path: &Path,
    run: impl FnOnce(&File) -> rusqlite::Result<T> + Send + 'static,
) -> Result<rusqlite::Result<T>, Fault> {
    let path = path.to_owned();
    let open = move || File::open(&path, &["PRAGMA busy_timeout = 10000"], Duration::MAX);
    let file = tokio::task::spawn_blocking(open).await.map_err(Fault::internal)?.map_err(fault)?;
    let leash = file.leash();
    let outcome = tokio::task::spawn_blocking(move || run(&file)).await.map_err(Fault::internal)?;
    leash.release();
    Ok(outcome)
}

/// The first column.
fn lines(table: Table) -> Vec<String> {
    let line = |row: Vec<Cell>| match row.into_iter().next() {
        Some(Cell::Text(text)) => text,
        other => format!("{other:?}"),
    };
    table.into_iter().map(line).collect()
}

/// The command that makes a backup of a server's database. It asks for the password, which is not in it.
fn dump_command(url: &DatabaseUrl, to: &Path) -> String {
    let address = url.as_url();
    let (program, user) = match url.dialect() {
        Dialect::Postgres => ("pg_dump --format=custom", "username"),
        Dialect::MySql | Dialect::Sqlite => ("mysqldump --single-transaction --quick --password", "user"),
    };
    let file = match url.dialect() {
        Dialect::Postgres => "file",
        Dialect::MySql | Dialect::Sqlite => "result-file",
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut words = vec![program.to_owned()];
    let mut option = |name: &str, value: &str| words.push(format!("--{name}={}", quoted(value)));
    if let Some(host) = address.host_str() {
        option("host", host);
    }
    if let Some(port) = address.port() {
        option("port", &port.to_string());
    }
    if !address.username().is_empty() {
        option(user, &decoded(address.username()));
    }
    option(file, &to.to_string_lossy());
    words.push(quoted(&decoded(address.path().trim_start_matches('/'))));
    words.join(" ")
}

/// A word as a shell takes it literally.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
