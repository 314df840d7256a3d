//! A connection to SQLite's file. Statements run where they are asked for.
//!
//! What a statement does to a few rows of a file that is in memory takes some microseconds; the way to another thread and
//! back takes several times as long. So only what may take longer goes there: commits (which wait for the disk), lists, and
//! statements that are marked so ([`super::connection::Statement::aside`]).

use std::path::Path;

use rusqlite::types::Value as Cell;
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

use crate::base::fault::Fault;

use super::row::Row;
use super::value::Value;

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 128;

/// A connection.
pub(super) struct File(Connection);

/// All columns of some rows.
pub(super) type Table = Vec<Vec<Cell>>;

impl File {
    /// Opens a file that is there, and sets the connection up.
    pub(super) fn open(path: &Path, settings: &[&str]) -> rusqlite::Result<Self> {
        // One thread at a time uses it, which the types see to.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        for setting in settings {
            connection.execute_batch(setting)?;
        }
        Ok(Self(connection))
    }

    /// Runs statements without parameters and rows.
    pub(super) fn batch(&self, statements: &str) -> rusqlite::Result<()> {
        self.0.execute_batch(statements)
    }

    /// Runs a statement; how many rows it matched.
    pub(super) fn execute(&self, text: &str, values: &[Value]) -> rusqlite::Result<u64> {
        let mut statement = self.0.prepare_cached(text)?;
        let matched = statement.execute(params_from_iter(values))?;
        Ok(u64::try_from(matched).unwrap_or_default())
    }

    /// Runs a question; what is read of its first row.
    pub(super) fn optional<T>(
        &self,
        text: &str,
        values: &[Value],
        read: impl FnOnce(Row<'_>) -> Result<T, Fault>,
    ) -> rusqlite::Result<Option<Result<T, Fault>>> {
        let mut statement = self.0.prepare_cached(text)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let row = rows.next()?;
        Ok(row.map(|row| read(Row::of_file(row))))
    }

    /// Runs a question; all of its rows.
    pub(super) fn table(&self, text: &str, values: &[Value]) -> rusqlite::Result<Table> {
        let mut statement = self.0.prepare_cached(text)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(values))?;
        let mut table = Vec::new();
        while let Some(row) = rows.next()? {
            let cells = (0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Cell>>>()?;
            table.push(cells);
        }
        Ok(table)
    }

    /// Whether no transaction is open: SQLite ends one by itself when a statement fails badly.
    pub(super) fn is_idle(&self) -> bool {
        self.0.is_autocommit()
    }
}

/// Whether somebody else writes.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
