//! The connections that SQLite is read by.

use std::path::PathBuf;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult};

use crate::base::fault::Fault;

use super::error::Error;
use super::file::{File, LIMIT, Table};
use super::measures::PoolState;
use super::options::Dialect;
use super::value::Value;

/// Opens connections.
#[derive(Debug)]
pub(super) struct Opener {
    path: PathBuf,
}

/// A connection that only reads. It has none while a statement runs aside, and when whoever waited for that went away.
pub(super) struct Reader(Option<File>);

impl Reader {
    /// The connection.
    pub(super) fn file(&self) -> Result<&File, Error> {
        self.0.as_ref().ok_or(Error::Closed)
    }

    /// Runs a question on a thread where it may take its time. When whoever waits for it goes away, it is given up: their place
    /// in the pool is somebody else's then.
    pub(super) async fn table_aside(&mut self, text: &'static str, values: Vec<Value>) -> Result<Table, Error> {
        let file = self.0.take().ok_or(Error::Closed)?;
        let leash = file.leash();
        let work = move || {
            let table = file.table(text, &values);
            (file, table)
        };
        let (file, table) = tokio::task::spawn_blocking(work).await.map_err(|_| Error::Closed)?;
        leash.release();
        self.0 = Some(file);
        Ok(table?)
    }

    /// Says how a statement ended: nobody gets a connection again on which something else failed than a statement.
    pub(super) fn settle(&mut self, error: Option<&Error>) {
        if error.is_some_and(|error| !error.is_of_statement()) {
            self.0 = None;
        }
    }
}

/// A connection that comes back when it is dropped.
pub(super) type PooledReader = Object<Opener>;

impl Manager for Opener {
    type Type = Reader;
    type Error = Error;

    async fn create(&self) -> Result<Reader, Error> {
        let path = self.path.clone();
        let open = move || File::open(&path, Dialect::Sqlite.reader_settings(), LIMIT);
        let opened = tokio::task::spawn_blocking(open).await.map_err(|_| Error::Closed)?;
        Ok(Reader(Some(opened?)))
    }

    async fn recycle(&self, reader: &mut Reader, _: &Metrics) -> RecycleResult<Error> {
        reader.file().map(drop).map_err(|_| RecycleError::message("the connection is gone"))
    }
}

/// The pool of them.
#[derive(Clone)]
pub(super) struct Readers(Pool<Opener>);

impl Readers {
    /// Opens none yet.
    pub(super) fn new(path: PathBuf, size: u32, patience: Duration) -> Result<Self, Fault> {
        let pool = Pool::builder(Opener { path })
            .max_size(size.try_into().unwrap_or(usize::MAX))
            // Those that were used last know the most of the file.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(patience))
            .create_timeout(Some(patience))
            .runtime(deadpool::Runtime::Tokio1)
            .build();
        pool.map(Self).map_err(Fault::internal)
    }

    pub(super) async fn acquire(&self) -> Result<PooledReader, Error> {
        self.0.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(_) => Error::Server(sqlx::Error::PoolTimedOut),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => Error::Closed,
        })
    }

    /// How many there are.
    pub(super) fn state(&self) -> PoolState {
        let status = self.0.status();
        // Not yet opened ones count as available there.
        let idle = status.available.min(status.size);
        PoolState {
            in_use: status.size - idle,
            idle,
            most: status.max_size,
        }
    }

    /// Closes those that nobody uses, and lets nobody have one any more.
    pub(super) fn close(&self) {
        self.0.retain(|_, _| false);
        self.0.close();
    }
}
