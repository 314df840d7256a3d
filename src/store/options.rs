//! Which database, and how to reach it.

use std::fmt;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::any::AnyConnectOptions;
use url::Url;

use crate::base::fault::Fault;

use super::wording::words;

/// The databases that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite, embedded.
    Sqlite,
    /// PostgreSQL, and what speaks its protocol.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
}

impl Dialect {
    /// What each connection is told when it is made.
    pub(super) fn reader_settings(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &["PRAGMA busy_timeout = 250", "PRAGMA query_only = ON", "PRAGMA cache_size = -2048"],
            // Compare-and-swap by row counts is all we need of isolation, whatever is usual there: gap locks and conflicts of
            // serializable transactions would only make some of those fail who come at the same moment.
            Self::Postgres => &[
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
                "SET lock_timeout = '5s'",
                "SET statement_timeout = '15s'",
            ],
            Self::MySql => &[
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                "SET SESSION innodb_lock_wait_timeout = 5",
                "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')",
            ],
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
        })
    }
}

/// A validated `DATABASE_URL`. `Debug` and `Display` hide the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    dialect: Dialect,
    url: Url,
    file: Option<PathBuf>,
}

impl DatabaseUrl {
    /// Reads `sqlite://FILE`, `postgres://…` (or `postgresql://`) or `mysql://…` (or `mariadb://`).
    ///
    /// # Errors
    /// A sentence that says what is wrong with it; it never repeats the password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scheme = text.split(':').next().unwrap_or_default();
        match scheme {
            "sqlite" => {
                let path = text
                    .strip_prefix("sqlite://")
                    .or_else(|| text.strip_prefix("sqlite:"))
                    .unwrap_or_default();
                let path = path.split('?').next().unwrap_or_default();
                if path.is_empty() || path == ":memory:" {
                    return Err("name a file, as in sqlite://gatehouse.db: an in-memory database would forget everything".to_owned());
                }
                let url = Url::parse(&format!("sqlite://{}?mode=rw", encode_path(path))).map_err(|error| error.to_string())?;
                Ok(Self {
                    dialect: Dialect::Sqlite,
                    url,
                    file: Some(PathBuf::from(path)),
                })
            }
            "postgres" | "postgresql" | "mysql" | "mariadb" => {
                let url = Url::parse(text).map_err(|error| format!("not a URL ({error})"))?;
                if url.path().trim_start_matches('/').is_empty() {
                    return Err("the URL names no database".to_owned());
                }
                let dialect = if scheme.starts_with("postgres") {
                    Dialect::Postgres
                } else {
                    Dialect::MySql
                };
                Ok(Self { dialect, url, file: None })
            }
            _ => Err("must begin with sqlite://, postgres:// or mysql://".to_owned()),
        }
    }

    /// `gatehouse.db` in the working directory.
    ///
    /// # Panics
    /// Never: the URL is well-formed.
    #[must_use]
    pub fn default_file() -> Self {
        match Self::parse("sqlite://gatehouse.db") {
            Ok(url) => url,
            Err(problem) => unreachable!("{problem}"),
        }
    }

    /// Which database this is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The file, where it is SQLite.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// What to do when a server says with this error that it does not have the database, or that it does not let this user in.
    pub(super) fn refused(&self, error: &sqlx::Error) -> Option<Fault> {
        let said = error.as_database_error()?;
        let code = said.code();
        let code = code.as_deref().unwrap_or_default();
        let message = said.message();
        if code == "3D000" || message.starts_with("Unknown database") {
            return Some(self.missing());
        }
        // SQLSTATE class 28 is "invalid authorization". MySQL has another one where the user may not have this database.
        let is_kept_out = (code.len() == 5 && code.starts_with("28")) || message.starts_with("Access denied");
        is_kept_out.then(|| {
            Fault::Unavailable(format!(
                "the database server does not let this user in ({}): correct user and password in DATABASE_URL, with special characters percent-encoded, or the rights of the user",
                words(error)
            ))
        })
    }

    fn missing(&self) -> Fault {
        let name = percent_decode_str(self.url.path().trim_start_matches('/')).decode_utf8_lossy();
        let collation = match self.dialect {
            Dialect::MySql => " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            Dialect::Sqlite | Dialect::Postgres => "",
        };
        Fault::Unavailable(format!(
            "the server has no database {name}: make it first, with CREATE DATABASE {name}{collation}, or correct DATABASE_URL"
        ))
    }

    /// As the drivers read it.
    pub(super) fn as_url(&self) -> &Url {
        &self.url
    }

    /// Creates the SQLite file, readable by its owner only, and the folder it is in. Where it is a link to a file that is not
    /// there yet, that is made.
    pub(super) fn create_file(&self) -> Result<(), Fault> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let unusable = |error: std::io::Error| Fault::database(format_args!("{}: {error}", file.display()));
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(unusable)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(file) {
            Ok(_) => Ok(()),
            // A link that leads nowhere. What is there is not opened: SQLite's locks of a file are gone when another handle of
            // it is closed.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && !file.exists() => {
                options.create_new(false).create(true).open(file).map(drop).map_err(unusable)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(unusable(error)),
        }
    }

    pub(super) fn connect_options(&self) -> Result<AnyConnectOptions, Fault> {
        use sqlx::ConnectOptions;
        let options = AnyConnectOptions::from_url(&self.url).map_err(Fault::internal)?;
        // Statements carry no secrets (they are parameters), but they would drown the log.
        Ok(options.disable_statement_logging())
    }
}

/// Percent-encodes what a URL path cannot hold.
fn encode_path(path: &str) -> String {
    const KEPT: AsciiSet = NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');
    utf8_percent_encode(path, &KEPT).to_string()
}

/// The query of a URL without the value of `password`, which the drivers also read from there.
fn without_password(query: &str) -> String {
    let hide = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") || name.contains('%') => format!("{name}=REDACTED"),
        _ => pair.to_owned(),
    };
    query.split('&').map(hide).collect::<Vec<_>>().join("&")
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            return write!(f, "sqlite://{}", file.display());
        }
        let mut shown = self.url.clone();
        if shown.password().is_some() && shown.set_password(Some("REDACTED")).is_err() {
            return f.write_str("(a database URL)");
        }
        if let Some(query) = self.url.query() {
            shown.set_query(Some(&without_password(query)));
        }
        f.write_str(shown.as_str())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How to open the store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Where it is.
    pub url: DatabaseUrl,
    /// The most connections at once.
    pub pool_size: u32,
    /// How long work may wait for one.
    pub acquire_timeout: Duration,
}
