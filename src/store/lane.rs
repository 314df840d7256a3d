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
//! the common commit; when it fails, everybody in the group is told so.
//!
//! Each statement is a way to the driver's thread and back, which costs more than what is done there. So
//! some are saved: the first of a group has no savepoint (when it is abandoned, nobody else has written
//! anything), and its BEGIN goes with its first statement; a savepoint is released when the next one is
//! opened, or by COMMIT; and what a transaction leaves to be written [`Later`] goes with either.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::any::{Any, AnyArguments, AnyConnectOptions};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Execute, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::base::fault::Fault;

use super::connection::{detached, fault};
use super::measures::Measures;

const WRITER_SETTINGS: [&str; 5] = [
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -32768",
    "PRAGMA temp_store = MEMORY",
];

/// A statement that nobody waits for: what comes of it is known when its transaction is committed.
pub(super) struct Later {
    pub(super) text: &'static str,
    pub(super) arguments: AnyArguments,
}

/// The write connection and the group that is open on it.
struct Writer {
    options: AnyConnectOptions,
    connection: Option<AnyConnection>,
    /// A common transaction is open.
    is_open: bool,
    /// The newest transaction of it has a savepoint.
    has_savepoint: bool,
    /// The newest transaction of it was abandoned and must be rolled back before anything else.
    is_abandoned: bool,
    /// A statement failed so badly that SQLite may have rolled the whole group back.
    is_poisoned: bool,
    /// What the newest finished transaction has left to be written.
    rest: Vec<Later>,
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
    pub(super) async fn open(options: AnyConnectOptions, patience: Duration, measures: Arc<Measures>) -> Result<Self, Fault> {
        let mut writer = Writer {
            options,
            connection: None,
            is_open: false,
            has_savepoint: false,
            is_abandoned: false,
            is_poisoned: false,
            rest: Vec::new(),
            waiting: Vec::new(),
            measures,
        };
        writer.connect().await?;
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
    ///
    /// It runs as a task of its own: a client that hangs up while the savepoint is being opened must
    /// not leave the group in a state that nobody knows.
    pub(super) async fn begin(&self) -> Result<LaneTx, Fault> {
        let (queue, patience) = (Arc::clone(&self.queue), self.patience);
        detached(async move {
            let arrival = queue.arrive();
            let lock = Arc::clone(&queue.writer).lock_owned();
            let mut writer = tokio::time::timeout(patience, lock)
                .await
                .map_err(|_| Fault::Busy("writers of the database"))?;
            drop(arrival);
            writer.tidy().await?;
            let mut is_first = !writer.is_open;
            // What the group breaks of is not the fault of who only joins it: they begin another one.
            if !is_first && writer.enter().await.is_err() {
                writer.tidy().await?;
                is_first = true;
            }
            Ok(LaneTx {
                writer: Some(writer),
                queue,
                has_begun: !is_first,
                later: Vec::new(),
            })
        })
        .await
    }

    /// Commits what is open and closes the connection.
    pub(super) async fn close(&self) {
        let mut writer = self.queue.writer.lock().await;
        writer.finish_group().await;
        if let Some(connection) = writer.connection.take() {
            let _ = connection.close().await;
        }
    }
}

impl Writer {
    async fn connect(&mut self) -> Result<(), Fault> {
        let mut connection = AnyConnection::connect_with(&self.options).await.map_err(fault)?;
        for statement in WRITER_SETTINGS {
            connection.execute(statement).await.map_err(fault)?;
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// Runs what is left to be written, and then a statement.
    async fn run_after_rest(&mut self, statement: &'static str) -> Result<(), Fault> {
        let mut rest = std::mem::take(&mut self.rest);
        let Some(last) = rest.pop() else {
            return self.run(statement).await;
        };
        for Later { text, arguments } in rest {
            self.execute(sqlx::query_with(text, arguments)).await?;
        }
        let text = AssertSqlSafe(format!("{}; {statement}", last.text));
        self.execute(sqlx::query_with(text, last.arguments)).await
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), Fault> {
        self.execute(sqlx::raw_sql(statement)).await
    }

    async fn execute<'q>(&mut self, query: impl Execute<'q, Any> + 'q) -> Result<(), Fault> {
        let connection = self
            .connection
            .as_mut()
            .ok_or_else(|| Fault::Unavailable("the writer is closed".to_owned()))?;
        // Whoever goes away in the middle, with the runtime of a worker that stops, leaves a group that nobody knows.
        let was_poisoned = std::mem::replace(&mut self.is_poisoned, true);
        connection.execute(query).await.map_err(fault)?;
        self.is_poisoned = was_poisoned;
        Ok(())
    }

    /// Begins one more transaction of the group.
    async fn enter(&mut self) -> Result<(), Fault> {
        let statement = if self.has_savepoint {
            "RELEASE work; SAVEPOINT work"
        } else {
            "SAVEPOINT work"
        };
        self.run_after_rest(statement).await?;
        self.has_savepoint = true;
        Ok(())
    }

    /// Makes the connection usable again after an abandoned or broken transaction.
    async fn tidy(&mut self) -> Result<(), Fault> {
        // Without a savepoint it was the only one of its group.
        if self.is_poisoned || self.is_abandoned && !self.has_savepoint {
            self.discard_group().await;
        } else if self.is_abandoned {
            self.is_abandoned = false;
            // The savepoint stays, with nothing in it.
            if self.run("ROLLBACK TO work").await.is_err() {
                self.discard_group().await;
            }
        }
        if self.connection.is_none() {
            self.connect().await?;
        }
        Ok(())
    }

    /// Gives the whole group up: nobody in it is acknowledged.
    async fn discard_group(&mut self) {
        let is_usable = self.run("ROLLBACK").await.is_ok();
        if !is_usable {
            // Either SQLite rolled back by itself, or the connection is beyond use; a new one is
            // certain to have nothing open.
            if let Some(connection) = self.connection.take() {
                let _ = connection.close().await;
            }
        }
        self.is_open = false;
        self.has_savepoint = false;
        self.is_abandoned = false;
        self.is_poisoned = false;
        self.rest.clear();
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(Err("the group it was in failed".to_owned()));
        }
    }

    /// The common commit, if there is something to commit.
    async fn finish_group(&mut self) {
        if !self.is_open {
            return;
        }
        if self.tidy().await.is_err() {
            self.discard_group().await;
        }
        if !self.is_open {
            return;
        }
        if self.run_after_rest("COMMIT").await.is_err() {
            self.discard_group().await;
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

fn broken() -> Fault {
    Fault::Unavailable("a statement of the transaction failed".to_owned())
}

/// One transaction on the lane, as a part of the common transaction.
pub(super) struct LaneTx {
    writer: Option<OwnedMutexGuard<Writer>>,
    queue: Arc<Queue>,
    /// The first of a group begins with its first statement.
    has_begun: bool,
    later: Vec<Later>,
}

impl LaneTx {
    fn writer(&mut self) -> Result<&mut Writer, Fault> {
        self.writer.as_deref_mut().ok_or_else(|| Fault::internal("the transaction is over"))
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// What the next statement must have in front of it.
    pub(super) fn beginning(&mut self) -> Option<&'static str> {
        let writer = self.writer.as_mut().filter(|_| !self.has_begun)?;
        // From now on: whoever goes away meanwhile leaves something to be rolled back.
        self.has_begun = true;
        writer.is_open = true;
        Some("BEGIN IMMEDIATE; ")
    }

    /// Leaves a statement for the end.
    pub(super) fn leave(&mut self, later: Later) {
        self.later.push(later);
    }

    pub(super) fn connection(&mut self) -> Result<&mut AnyConnection, Fault> {
        let writer = self.writer()?;
        if writer.is_poisoned {
            // There may be no transaction any more: the statement would commit by itself.
            return Err(broken());
        }
        writer
            .connection
            .as_mut()
            .ok_or_else(|| Fault::Unavailable("the writer is closed".to_owned()))
    }

    /// Begins without a statement.
    async fn begin_alone(&mut self) -> Result<(), Fault> {
        match self.beginning() {
            Some(beginning) => self.writer()?.run(beginning).await,
            None => Ok(()),
        }
    }

    pub(super) fn poison(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.is_poisoned = true;
        }
    }

    /// Waits for the common commit, or does it; a task of its own, as in [`Lane::begin`].
    pub(super) async fn commit(mut self) -> Result<(), Fault> {
        detached(async move {
            let later = std::mem::take(&mut self.later);
            if !self.has_begun {
                if later.is_empty() {
                    return Ok(());
                }
                self.begin_alone().await?;
            }
            let writer = self.writer()?;
            if writer.is_poisoned {
                return Err(broken());
            }
            writer.rest = later;
            let (tell, told) = oneshot::channel();
            writer.waiting.push(tell);
            if let Some(mut writer) = self.writer.take() {
                if self.queue.is_empty() {
                    writer.finish_group().await;
                } else {
                    queue_committer(&self.queue);
                }
            }
            match told.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(cause)) => Err(Fault::Unavailable(cause)),
                Err(_) => Err(Fault::Unavailable("the writer went away".to_owned())),
            }
        })
        .await
    }
}

impl Drop for LaneTx {
    fn drop(&mut self) {
        if let Some(mut writer) = self.writer.take().filter(|_| self.has_begun) {
            writer.is_abandoned = true;
            queue_committer(&self.queue);
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
        writer.finish_group().await;
    });
}

/// The turn of the committer that is queued. Somebody else queues one when it is over, or the runtime it was for is.
struct Turn(Arc<AtomicBool>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
