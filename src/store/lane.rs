//! SQLite's one writer, shared by group commit.
//!
//! SQLite has a single writer, and what costs is the commit (one fsync), not the statements. So all
//! write transactions run one after the other on one connection, each in its own savepoint inside a
//! common transaction, and whoever comes last commits for all of them:
//!
//! ```text
//! A: lock, savepoint, …, release, unlock ─┐
//! B:   lock, savepoint, …, release, unlock┼─ committer: lock, COMMIT, tell A, B and C
//! C:     lock, savepoint, …, release, unlock
//! ```
//!
//! The lock is fair. The first to finish queues the committer behind everybody who already waits,
//! so a group is as large as the load and a lone writer waits for nobody. Nobody is answered before
//! the common commit; when it fails, everybody in the group is told so.

use std::sync::Arc;
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, Connection as _, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::base::fault::Fault;

use super::connection::{detached, fault};

const WRITER_SETTINGS: [&str; 5] = [
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -65536",
    "PRAGMA temp_store = MEMORY",
];

/// The write connection and the group that is open on it.
struct Writer {
    options: AnyConnectOptions,
    connection: Option<AnyConnection>,
    /// A common transaction is open.
    is_open: bool,
    /// A savepoint was abandoned and must be rolled back before anything else.
    is_abandoned: bool,
    /// A statement failed so badly that SQLite may have rolled the whole group back.
    is_poisoned: bool,
    /// A committer is queued.
    is_committing: bool,
    /// Finished transactions that wait for the common commit.
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
}

/// The queue in front of the writer.
pub(super) struct Lane {
    writer: Arc<Mutex<Writer>>,
    patience: Duration,
}

impl Lane {
    pub(super) async fn open(options: AnyConnectOptions, patience: Duration) -> Result<Self, Fault> {
        let mut writer = Writer {
            options,
            connection: None,
            is_open: false,
            is_abandoned: false,
            is_poisoned: false,
            is_committing: false,
            waiting: Vec::new(),
        };
        writer.connect().await?;
        Ok(Self {
            writer: Arc::new(Mutex::new(writer)),
            patience,
        })
    }

    /// Waits for the writer and opens a savepoint.
    ///
    /// It runs as a task of its own: a client that hangs up while the savepoint is being opened must
    /// not leave the group in a state that nobody knows.
    pub(super) async fn begin(&self) -> Result<LaneTx, Fault> {
        let (lane, patience) = (Arc::clone(&self.writer), self.patience);
        detached(async move {
            let lock = Arc::clone(&lane).lock_owned();
            let mut writer = tokio::time::timeout(patience, lock)
                .await
                .map_err(|_| Fault::Busy("writers of the database"))?;
            writer.tidy().await?;
            if !writer.is_open {
                writer.run("BEGIN IMMEDIATE").await?;
                writer.is_open = true;
            }
            writer.run("SAVEPOINT work").await?;
            Ok(LaneTx {
                writer: Some(writer),
                lane,
            })
        })
        .await
    }

    /// Commits what is open and closes the connection.
    pub(super) async fn close(&self) {
        let mut writer = self.writer.lock().await;
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

    async fn run(&mut self, statement: &'static str) -> Result<(), Fault> {
        let connection = self
            .connection
            .as_mut()
            .ok_or_else(|| Fault::Unavailable("the writer is closed".to_owned()))?;
        connection.execute(statement).await.map(drop).map_err(|error| {
            self.is_poisoned = true;
            fault(error)
        })
    }

    /// Makes the connection usable again after an abandoned or broken transaction.
    async fn tidy(&mut self) -> Result<(), Fault> {
        if self.is_poisoned {
            self.discard_group().await;
        } else if self.is_abandoned {
            self.is_abandoned = false;
            if self.run("ROLLBACK TO work").await.is_err() || self.run("RELEASE work").await.is_err() {
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
        self.is_abandoned = false;
        self.is_poisoned = false;
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(Err("the group it was in failed".to_owned()));
        }
    }

    /// The common commit.
    async fn finish_group(&mut self) {
        self.is_committing = false;
        if self.tidy().await.is_err() || !self.is_open {
            self.discard_group().await;
            return;
        }
        if self.run("COMMIT").await.is_err() {
            self.discard_group().await;
            return;
        }
        self.is_open = false;
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(Ok(()));
        }
    }
}

/// One transaction on the lane: a savepoint in the common transaction.
pub(super) struct LaneTx {
    writer: Option<OwnedMutexGuard<Writer>>,
    lane: Arc<Mutex<Writer>>,
}

impl LaneTx {
    fn writer(&mut self) -> Result<&mut Writer, Fault> {
        self.writer.as_deref_mut().ok_or_else(|| Fault::internal("the transaction is over"))
    }

    pub(super) fn connection(&mut self) -> Result<&mut AnyConnection, Fault> {
        self.writer()?
            .connection
            .as_mut()
            .ok_or_else(|| Fault::Unavailable("the writer is closed".to_owned()))
    }

    pub(super) fn poison(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.is_poisoned = true;
        }
    }

    /// Releases the savepoint and waits for the common commit; a task of its own, as in [`Lane::begin`].
    pub(super) async fn commit(mut self) -> Result<(), Fault> {
        detached(async move {
            let writer = self.writer()?;
            if writer.is_poisoned {
                return Err(Fault::Unavailable("a statement of the transaction failed".to_owned()));
            }
            writer.run("RELEASE work").await?;
            let (tell, told) = oneshot::channel();
            writer.waiting.push(tell);
            if let Some(mut writer) = self.writer.take() {
                queue_committer(&self.lane, &mut writer);
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
        if let Some(mut writer) = self.writer.take() {
            writer.is_abandoned = true;
            queue_committer(&self.lane, &mut writer);
        }
    }
}

/// Queues the committer behind everybody who waits for the writer now. It is a task of its own, so
/// that a client that hangs up cannot take the group's commit with it.
fn queue_committer(lane: &Arc<Mutex<Writer>>, writer: &mut Writer) {
    if writer.is_committing {
        return;
    }
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    writer.is_committing = true;
    let lane = Arc::clone(lane);
    runtime.spawn(async move {
        lane.lock_owned().await.finish_group().await;
    });
}
