//! What goes wrong at a database, and whose fault it is.

use std::fmt;

use rusqlite::ErrorCode;
use sqlx::error::DatabaseError;

use crate::base::fault::Fault;

use super::wording::{words, words_of_file};

/// What a driver says.
#[derive(Debug)]
pub(super) enum Error {
    /// The one of PostgreSQL and MySQL
    Server(sqlx::Error),
    /// The one of SQLite
    File(rusqlite::Error),
    /// There is no connection any more
    Closed,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Server(error)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::File(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => f.write_str(&words(error)),
            Self::File(error) => f.write_str(&words_of_file(error)),
            Self::Closed => f.write_str("the connection is closed"),
        }
    }
}

impl std::error::Error for Error {}

/// SQLite's codes of a row that is there already: UNIQUE, PRIMARYKEY, ROWID.
const TAKEN: [i32; 3] = [2067, 1555, 2579];

impl Error {
    /// Whether a row was there already.
    pub(super) fn is_unique_violation(&self) -> bool {
        match self {
            Self::Server(error) => error.as_database_error().is_some_and(DatabaseError::is_unique_violation),
            Self::File(rusqlite::Error::SqliteFailure(error, _)) => TAKEN.contains(&error.extended_code),
            Self::File(_) | Self::Closed => false,
        }
    }

    /// Whether the database has answered, and only the statement is at fault.
    pub(super) fn is_of_statement(&self) -> bool {
        match self {
            Self::Server(error) => error.as_database_error().is_some(),
            Self::File(rusqlite::Error::SqliteFailure(error, _)) => error.code == ErrorCode::ConstraintViolation,
            Self::File(_) | Self::Closed => false,
        }
    }

    /// Whether the database has undone the transaction: a deadlock, a serialization failure, or a group of nodes that has
    /// certified another one first.
    pub(super) fn is_undone(&self) -> bool {
        match self {
            Self::Server(sqlx::Error::Database(error)) => error.code().is_some_and(|code| matches!(&*code, "40001" | "40P01")),
            Self::Server(_) | Self::File(_) | Self::Closed => false,
        }
    }

    /// Whether it may be better a moment later.
    fn is_passing(&self) -> bool {
        use sqlx::Error;
        match self {
            Self::Server(
                Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed | Error::Protocol(_),
            )
            | Self::Closed => true,
            Self::Server(Error::Database(database)) => database.code().is_some_and(|code| is_passing_code(&code)),
            Self::Server(_) => false,
            Self::File(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::ReadOnly
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::DiskFull
                        | ErrorCode::CannotOpen
                        | ErrorCode::OperationInterrupted
                )
            ),
        }
    }
}

/// Sorts an error: the database is away (try again), has preferred another transaction (begin again), or we are wrong.
pub(super) fn fault(error: impl Into<Error>) -> Fault {
    let error = error.into();
    if error.is_undone() {
        Fault::Undone(error.to_string())
    } else if error.is_passing() {
        Fault::database(error)
    } else {
        Fault::internal(error)
    }
}

/// Codes that say "not now": connection trouble, shutdown, deadlock, lock time-out, too many
/// connections, disk full, read-only standby.
fn is_passing_code(code: &str) -> bool {
    // SQLSTATE classes of PostgreSQL and MySQL: 08 connection, 40 rollback, 53 resources, 55 locks,
    // 57 operator intervention, 25006 read-only, 58 system, 70100 killed.
    let state = code.len() == 5
        && (["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class)) || matches!(code, "25006" | "70100"));
    // SQLite's primary codes, from its migrator: 5 busy, 6 locked, 8 read-only, 10 I/O, 13 full, 14 cannot open.
    let sqlite = code
        .parse::<u32>()
        .is_ok_and(|code| code < 10_000 && matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14));
    state || sqlite
}
