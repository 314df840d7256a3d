//! SQLite's one writer, shared by group commit.
//!
//! SQLite has a single writer, and what costs is the commit (one fsync), not the statements. So all
//! write transactions run one after the other on one connection, inside a common transaction, and
//! whoever comes last commits for all of them:
//!
//! ```text
//! A: lock, BEGIN, …, unlock ──────────────┐
//! B:   lock, SAVEPOINT, …, unlock ────────┼─ committer: lock, COMMIT, tell A, B and C
//! C:     lock, RELEASE + SAVEPOINT, …, unlock
//! ```
//!
//! The lock is fair. The first to finish queues the committer behind everybody who already waits,
//! so a group is as large as the load; when nobody waits, it commits itself. Nobody is answered before
//! the common commit; when it fails, everybody in the group is told so, and why.
//!
//! Statements run where they are asked for ([`super::file`]), and the commit where it may wait for the disk. The first of a
//! group has no savepoint: when it is abandoned, nobody else has written anything. A statement that runs aside goes on when
//! whoever waits for it goes away: SQLite undoes the whole group with a statement that is given up. So that happens only when
//! it takes too long ([`super::file::LIMIT`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::base::fault::Fault;

use super::error::{Error, fault};
use super::file::{File, LIMIT, Table, is_busy};
use super::measures::Measures;
use super::value::Value;

/// The last of them: another process that writes is waited for without keeping a thread from its work.
const WRITER_SETTINGS: [&str; 6] = [
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -32768",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA busy_timeout = 0",
];

/// How long another process may write.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);
/// Time between two looks whether it still does.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// The write connection and the group that is open on it.
struct Writer {
    path: PathBuf,
    file: Option<File>,
    /// A common transaction is open.
    is_open: bool,
    /// The newest transaction of it has a savepoint.
    has_savepoint: bool,
    /// The newest transaction of it was left in the middle of a statement and must be rolled back before anything else.
    is_abandoned: bool,
    /// The failure with which SQLite has undone the whole group.
    undone_by: Option<String>,
    /// Finished transactions that wait for the common commit.
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
    measures: Arc<Measures>,
}

/// The queue in front of the writer.
pub(super) struct Lane {
    queue: Arc<Queue>,
    patience: Duration,
}

struct Queue {
    writer: Arc<Mutex<Writer>>,
    /// How many wait for the writer to begin a transaction.
    arrivals: AtomicUsize,
    /// A committer is queued.
    is_committing: Arc<AtomicBool>,
}

/// One of those who wait.
struct Arrival<'q>(&'q Queue);

impl Queue {
    fn arrive(&self) -> Arrival<'_> {
        self.arrivals.fetch_add(1, Ordering::Relaxed);
        Arrival(self)
    }

    /// Whether nobody waits to begin. It is a hint: who comes a moment later is in the next group.
    fn is_empty(&self) -> bool {
        self.arrivals.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.0.arrivals.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lane {
    pub(super) fn open(path: PathBuf, patience: Duration, measures: Arc<Measures>) -> Result<Self, Error> {
        let file = File::open(&path, &WRITER_SETTINGS, LIMIT)?;
        let writer = Writer {
            path,
            file: Some(file),
            is_open: false,
            has_savepoint: false,
            is_abandoned: false,
            undone_by: None,
            waiting: Vec::new(),
            measures,
        };
        let queue = Queue {
            writer: Arc::new(Mutex::new(writer)),
            arrivals: AtomicUsize::new(0),
            is_committing: Arc::default(),
        };
        Ok(Self {
            queue: Arc::new(queue),
            patience,
        })
    }

    /// Waits for the writer and begins, in a group or as the first of one.
    pub(super) async fn begin(&self) -> Result<LaneTx, Fault> {
        let arrival = self.queue.arrive();
        let lock = Arc::clone(&self.queue.writer).lock_owned();
        let mut writer = tokio::time::timeout(self.patience, lock)
            .await
            .map_err(|_| Fault::Busy("writers of the database"))?;
        drop(arrival);
        writer.enter().await?;
        Ok(LaneTx {
            writer: Some(writer),
            queue: Arc::clone(&self.queue),
            is_broken: false,
        })
    }

    /// Commits what is open and closes the connection.
    pub(super) async fn close(&self) {
        let mut writer = Arc::clone(&self.queue.writer).lock_owned().await;
        let last = move || {
            writer.finish_group();
            writer.file = None;
        };
        // The last connection to a file tidies it up.
        let _ = tokio::task::spawn_blocking(last).await;
    }
}

impl Writer {
    /// Connects if there is no connection any more.
    async fn connect(&mut self) -> Result<(), Fault> {
        if self.file.is_some() {
            return Ok(());
        }
        let path = self.path.clone();
        let open = move || File::open(&path, &WRITER_SETTINGS, LIMIT);
        let opened = tokio::task::spawn_blocking(open).await.map_err(Fault::internal)?;
        self.file = Some(opened.map_err(fault)?);
        Ok(())
    }

    fn file(&self) -> Result<&File, Error> {
        self.file.as_ref().ok_or(Error::Closed)
    }

    fn batch(&self, statements: &str) -> Result<(), Error> {
        Ok(self.file()?.batch(statements)?)
    }

    /// Begins one more transaction of the group, or the group.
    async fn enter(&mut self) -> Result<(), Fault> {
        self.tidy();
        if self.is_open {
            let statements = if self.has_savepoint {
                "RELEASE work; SAVEPOINT work"
            } else {
                "SAVEPOINT work"
            };
            match self.batch(statements) {
                Ok(()) => {
                    self.has_savepoint = true;
                    return Ok(());
                }
                // What the group breaks of is not the fault of who only joins it: they begin another one.
                Err(error) => self.discard_group(&error.to_string()),
            }
        }
        self.connect().await?;
        let began = Instant::now();
        loop {
            match self.batch("BEGIN IMMEDIATE") {
                Ok(()) => break,
                Err(Error::File(error)) if is_busy(&error) && began.elapsed() < BUSY_PATIENCE => tokio::time::sleep(BUSY_PAUSE).await,
                Err(error) => return Err(fault(error)),
            }
        }
        self.is_open = true;
        Ok(())
    }

    /// Keeps the failure of a statement for everybody in the group, if SQLite has undone all of it.
    fn note(&mut self, error: Option<&Error>) {
        if let Some(error) = error
            && self.file().is_ok_and(File::is_idle)
        {
            self.undone_by = Some(error.to_string());
        }
    }

    /// Undoes the newest transaction of the group.
    fn roll_back(&mut self) {
        // Without a savepoint it was the only one of its group. Otherwise the savepoint stays, with nothing in it.
        if !self.has_savepoint {
            self.discard_group("its only transaction was undone");
        } else if let Err(error) = self.batch("ROLLBACK TO work") {
            self.discard_group(&error.to_string());
        }
    }

    /// Ends what was left in the middle.
    fn tidy(&mut self) {
        if std::mem::take(&mut self.is_abandoned) {
            self.roll_back();
        }
        if self.is_open && self.file().is_ok_and(File::is_idle) {
            self.discard_group("SQLite has undone it");
        }
    }

    /// Gives the whole group up, for this reason unless a better one is known: nobody in it is acknowledged.
    fn discard_group(&mut self, cause: &str) {
        let cause = self.undone_by.take().unwrap_or_else(|| cause.to_owned());
        let is_usable = self.file().is_ok_and(|file| file.is_idle() || file.batch("ROLLBACK").is_ok());
        if !is_usable {
            // A new one is certain to have nothing open.
            self.file = None;
        }
        self.is_open = false;
        self.has_savepoint = false;
        self.is_abandoned = false;
        if self.waiting.is_empty() {
            return;
        }
        let transactions = self.waiting.len();
        tracing::error!(event = "commit_failed", transactions, "a common commit of SQLite failed: {cause}");
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(Err(format!("the group it was in failed: {cause}")));
        }
    }

    /// The common commit, if there is something to commit.
    fn finish_group(&mut self) {
        self.tidy();
        if !self.is_open {
            return;
        }
        if let Err(error) = self.batch("COMMIT") {
            self.discard_group(&error.to_string());
            return;
        }
        self.is_open = false;
        self.has_savepoint = false;
        self.measures.groups.see(self.waiting.len() as u64);
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(Ok(()));
        }
    }
}

/// One transaction on the lane, as a part of the common transaction.
pub(super) struct LaneTx {
    writer: Option<OwnedMutexGuard<Writer>>,
    queue: Arc<Queue>,
    /// A statement of it failed: it cannot be committed.
    is_broken: bool,
}

impl LaneTx {
    /// The connection.
    pub(super) fn file(&self) -> Result<&File, Error> {
        if self.is_broken {
            // There may be no transaction any more: the statement would commit by itself.
            return Err(Error::Closed);
        }
        self.writer.as_ref().ok_or(Error::Closed)?.file()
    }

    /// Runs a statement on a thread where it may take its time.
    pub(super) async fn execute_aside(&mut self, text: &'static str, values: Vec<Value>) -> Result<u64, Error> {
        self.aside(move |file| file.execute(text, &values)).await
    }

    /// Runs a question there.
    pub(super) async fn table_aside(&mut self, text: &'static str, values: Vec<Value>) -> Result<Table, Error> {
        self.aside(move |file| file.table(text, &values)).await
    }

    async fn aside<T: Send + 'static>(&mut self, run: impl FnOnce(&File) -> rusqlite::Result<T> + Send + 'static) -> Result<T, Error> {
        self.file()?;
        let mut writer = self.writer.take().ok_or(Error::Closed)?;
        // Whoever goes away meanwhile leaves something to be rolled back.
        writer.is_abandoned = true;
        let queue = Arc::clone(&self.queue);
        let work = move || {
            let outcome = writer.file().and_then(|file| Ok(run(file)?));
            writer.note(outcome.as_ref().err());
            (writer, outcome)
        };
        let (mut writer, outcome) = tokio::spawn(async move {
            let done = tokio::task::spawn_blocking(work).await;
            // Those of the group who have finished already must not wait for ever.
            queue_committer(&queue);
            done
        })
        .await
        .map_err(|_| Error::Closed)?
        .map_err(|_| Error::Closed)?;
        writer.is_abandoned = false;
        self.writer = Some(writer);
        outcome
    }

    /// Says how a statement ended.
    pub(super) fn settle(&mut self, error: Option<&Error>) {
        let Some(error) = error.filter(|error| !error.is_unique_violation()) else {
            return;
        };
        if let Some(writer) = self.writer.as_mut().filter(|_| !self.is_broken) {
            writer.note(Some(error));
        }
        self.is_broken = true;
    }

    /// Waits for the common commit, or has it done.
    pub(super) async fn commit(mut self) -> Result<(), Fault> {
        let mut writer = match self.writer.take() {
            Some(writer) if !self.is_broken => writer,
            // Dropping it rolls back.
            writer => {
                self.writer = writer;
                return Err(Fault::database("a statement of the transaction failed"));
            }
        };
        let (tell, told) = oneshot::channel();
        writer.waiting.push(tell);
        if self.queue.is_empty() {
            tokio::task::spawn_blocking(move || writer.finish_group());
        } else {
            drop(writer);
            queue_committer(&self.queue);
        }
        match told.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(cause)) => Err(Fault::database(cause)),
            Err(_) => Err(Fault::database("the writer went away")),
        }
    }
}

impl Drop for LaneTx {
    fn drop(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            writer.roll_back();
            if writer.is_open {
                drop(writer);
                queue_committer(&self.queue);
            }
        }
    }
}

/// Queues the committer behind everybody who waits for the writer now. It is a task of its own, so
/// that a client that hangs up cannot take the group's commit with it.
fn queue_committer(queue: &Queue) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    if queue.is_committing.swap(true, Ordering::Relaxed) {
        return;
    }
    let (turn, lock) = (Turn(Arc::clone(&queue.is_committing)), Arc::clone(&queue.writer).lock_owned());
    runtime.spawn(async move {
        let mut writer = lock.await;
        drop(turn);
        tokio::task::spawn_blocking(move || writer.finish_group());
    });
}

/// The turn of the committer that is queued. Somebody else queues one when it is over, or the runtime it was for is.
struct Turn(Arc<AtomicBool>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
