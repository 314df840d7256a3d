//! A connection to SQLite's file. Statements run where they are asked for.
//!
//! What a statement does to a few rows of a file that is in memory takes some microseconds; the way to another thread and
//! back takes several times as long. So only what may take longer goes there: commits (which wait for the disk), lists, and
//! statements that are marked so ([`super::connection::Statement::aside`]). None of them runs for ever: one that takes too
//! long is given up, and so is a question when nobody waits for its answer any more ([`Watch`]).

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::types::Value as Cell;
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

use crate::base::fault::Fault;

use super::row::Row;
use super::value::Value;

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 128;
/// How long a statement may run, as on PostgreSQL.
pub(super) const LIMIT: Duration = Duration::from_secs(15);
/// Time between two looks whether a statement is to go on, in steps of SQLite's machine: some ten microseconds.
const STEPS: i32 = 2000;

/// A connection.
pub(super) struct File {
    connection: Connection,
    watch: Arc<Watch>,
}

/// All columns of some rows.
pub(super) type Table = Vec<Vec<Cell>>;

/// Until when the statement of a connection may run.
struct Watch {
    opened: Instant,
    /// How long a statement may run, in milliseconds
    limit: u64,
    /// In milliseconds after `opened`
    until: AtomicU64,
    is_given_up: AtomicBool,
}

impl Watch {
    /// A statement begins.
    fn begin(&self) {
        self.until.store(self.now().saturating_add(self.limit), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_over(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed) || self.now() > self.until.load(Ordering::Relaxed)
    }
}

/// Gives up what runs on a connection when this is dropped, and whatever would run on it later.
pub(super) struct Leash(Option<Arc<Watch>>);

impl Leash {
    /// It has ended in its own time.
    pub(super) fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if let Some(watch) = &self.0 {
            watch.is_given_up.store(true, Ordering::Relaxed);
        }
    }
}

impl File {
    /// Opens a file that is there, and sets the connection up. No statement may run for longer than `limit`.
    pub(super) fn open(path: &Path, settings: &[&str], limit: Duration) -> rusqlite::Result<Self> {
        // One thread at a time uses it, which the types see to.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let watch = Arc::new(Watch {
            opened: Instant::now(),
            limit: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            until: AtomicU64::new(u64::MAX),
            is_given_up: AtomicBool::new(false),
        });
        let watched = Arc::clone(&watch);
        connection.progress_handler(STEPS, Some(move || watched.is_over()))?;
        let file = Self { connection, watch };
        for setting in settings {
            file.batch(setting)?;
        }
        Ok(file)
    }

    /// For whoever waits for what runs on another thread.
    pub(super) fn leash(&self) -> Leash {
        Leash(Some(Arc::clone(&self.watch)))
    }

    /// Runs statements without parameters and rows. A commit is not given up: what is in it is not known to be undone.
    pub(super) fn batch(&self, statements: &str) -> rusqlite::Result<()> {
        self.watch.until.store(u64::MAX, Ordering::Relaxed);
        self.connection.execute_batch(statements)
    }

    /// Runs a statement; how many rows it matched.
    pub(super) fn execute(&self, text: &str, values: &[Value]) -> rusqlite::Result<u64> {
        self.watch.begin();
        let mut statement = self.connection.prepare_cached(text)?;
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
        self.watch.begin();
        let mut statement = self.connection.prepare_cached(text)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let row = rows.next()?;
        Ok(row.map(|row| read(Row::of_file(row))))
    }

    /// Runs a question; all of its rows.
    pub(super) fn table(&self, text: &str, values: &[Value]) -> rusqlite::Result<Table> {
        self.watch.begin();
        let mut statement = self.connection.prepare_cached(text)?;
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
        self.connection.is_autocommit()
    }
}

/// Whether somebody else writes.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rusqlite::ErrorCode;

    use super::File;

    /// A question whose answer nobody lives to see.
    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n";

    fn file(folder: &tempfile::TempDir, limit: Duration) -> File {
        let path = folder.path().join("some.db");
        if !path.exists() {
            std::fs::write(&path, "").unwrap();
        }
        File::open(&path, &["PRAGMA journal_mode = WAL"], limit).unwrap()
    }

    fn is_given_up(outcome: rusqlite::Result<super::Table>) -> bool {
        outcome.is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted))
    }

    #[test]
    fn what_takes_too_long_is_given_up_and_what_follows_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder, Duration::from_millis(200));
        let begun = Instant::now();
        assert!(is_given_up(file.table(ENDLESS, &[])));
        assert!(begun.elapsed() >= Duration::from_millis(200));
        assert_eq!(file.table("SELECT 1", &[]).unwrap().len(), 1);
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let kept = file(&folder, Duration::MAX);
        kept.leash().release();
        assert_eq!(kept.table("SELECT 1", &[]).unwrap().len(), 1);
        // Before it begins, and while it runs.
        let left = file(&folder, Duration::MAX);
        drop(left.leash());
        assert!(is_given_up(left.table(ENDLESS, &[])));
        let left = file(&folder, Duration::MAX);
        let leash = left.leash();
        let runs = std::thread::spawn(move || is_given_up(left.table(ENDLESS, &[])));
        std::thread::sleep(Duration::from_millis(100));
        drop(leash);
        assert!(runs.join().unwrap());
    }

    #[test]
    fn a_file_that_is_gone_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone.db");
        assert!(File::open(&path, &[], Duration::MAX).is_err());
        assert!(!path.exists());
    }
}
