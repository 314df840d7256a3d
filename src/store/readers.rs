//! The connections that SQLite is read by.
//!
//! The pool of the servers' connections asks each one that comes back whether it is still alive. A file does not go
//! away, and the question costs as much as most reads: it is a way to the driver's thread and back.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult};
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, Connection as _, Executor};

use crate::base::fault::Fault;

use super::connection::fault;
use super::measures::PoolState;
use super::options::Dialect;

/// Opens connections.
#[derive(Debug)]
pub(super) struct Opener {
    options: AnyConnectOptions,
}

/// A connection that only reads.
pub(super) struct Reader {
    connection: AnyConnection,
    /// Nobody gets it again: a statement is running on it that nobody waits for any more, or something failed that was
    /// not a statement
    is_spoiled: bool,
}

impl Reader {
    /// The connection, on which a statement is about to run. Whoever goes away meanwhile leaves it to its thread.
    pub(super) fn start(&mut self) -> &mut AnyConnection {
        self.is_spoiled = true;
        &mut self.connection
    }

    /// The statement has ended.
    pub(super) fn settle(&mut self, error: Option<&sqlx::Error>) {
        self.is_spoiled = error.is_some_and(|error| error.as_database_error().is_none());
    }
}

/// A connection that comes back when it is dropped.
pub(super) type PooledReader = Object<Opener>;

impl Manager for Opener {
    type Type = Reader;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Reader, sqlx::Error> {
        let mut connection = AnyConnection::connect_with(&self.options).await?;
        for statement in Dialect::Sqlite.reader_settings() {
            connection.execute(*statement).await?;
        }
        Ok(Reader {
            connection,
            is_spoiled: false,
        })
    }

    async fn recycle(&self, reader: &mut Reader, _: &Metrics) -> RecycleResult<sqlx::Error> {
        if reader.is_spoiled {
            return Err(RecycleError::message("the connection is broken, or busy"));
        }
        Ok(())
    }
}

/// The pool of them.
#[derive(Clone)]
pub(super) struct Readers(Pool<Opener>);

impl Readers {
    /// Opens none yet.
    pub(super) fn new(options: AnyConnectOptions, size: u32, patience: Duration) -> Result<Self, Fault> {
        let pool = Pool::builder(Opener { options })
            .max_size(size.try_into().unwrap_or(usize::MAX))
            // Those that were used last know the most of the file.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(patience))
            .create_timeout(Some(patience))
            .runtime(deadpool::Runtime::Tokio1)
            .build();
        pool.map(Self).map_err(Fault::internal)
    }

    pub(super) async fn acquire(&self) -> Result<PooledReader, Fault> {
        self.0.get().await.map_err(|error| match error {
            PoolError::Backend(error) => fault(error),
            PoolError::Timeout(_) => fault(sqlx::Error::PoolTimedOut),
            PoolError::Closed => fault(sqlx::Error::PoolClosed),
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => Fault::internal(error),
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
    pub(super) async fn close(&self) {
        let idle = self.0.retain(|_, _| false).removed;
        self.0.close();
        for reader in idle {
            let _ = reader.connection.close().await;
        }
    }
}
