//! Connections, transactions and statements, the same for all three databases.

use std::fmt;
use std::io::{self, ErrorKind};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sqlx::any::{Any, AnyArguments, AnyRow};
use sqlx::error::DatabaseError;
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::{AnyConnection, AssertSqlSafe, Either, Encode, Execute, Executor, Transaction, Type};
use tracing::{Instrument, Span};

use crate::base::fault::Fault;
use crate::base::request;
use crate::base::spans;

use super::audit::{Audit, HeldLane};
use super::lane::{LaneTx, Later};
use super::measures::Measures;
use super::options::Dialect;
use super::readers::PooledReader;
use super::row::Row;
use super::sql::Sql;
use super::wording::words;

/// How long an answer may take: longer than the databases' own limits, for the case that nothing
/// comes back at all, from a machine that hangs or through a firewall that forgot the connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// Gives up what takes longer than [`PATIENCE`], so that the request is answered with 503.
pub(super) async fn limited<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let silence = |_| Err(sqlx::Error::Io(io::Error::from(ErrorKind::TimedOut)));
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(silence)
}

/// Where a connection comes from.
pub(super) enum Source {
    Reader(PooledReader),
    Pooled(PoolConnection<Any>),
    Transaction(Transaction<'static, Any>),
    Lane(LaneTx),
}

/// Something that statements run on.
pub struct Connection {
    dialect: Dialect,
    source: Source,
    measures: Arc<Measures>,
}

impl Connection {
    pub(super) fn new(dialect: Dialect, source: Source, measures: Arc<Measures>) -> Self {
        Self { dialect, source, measures }
    }

    fn raw(&mut self) -> Result<&mut AnyConnection, Fault> {
        match &mut self.source {
            Source::Reader(reader) => Ok(reader.start()),
            Source::Pooled(pooled) => Ok(pooled),
            Source::Transaction(transaction) => Ok(transaction),
            Source::Lane(lane) => lane.connection(),
        }
    }

    pub(super) fn query(&mut self, sql: Sql) -> Statement<'_> {
        self.measures.statements.one_more();
        let text = match self.dialect {
            Dialect::Sqlite | Dialect::Postgres => sql.numbered,
            Dialect::MySql => sql.positional,
        };
        Statement {
            connection: self,
            text,
            query: sqlx::query(text),
        }
    }

    /// Whether the transaction has begun; the first statement begins it where it has not.
    fn is_begun(&self) -> bool {
        match &self.source {
            Source::Lane(lane) => lane.has_begun(),
            Source::Reader(_) | Source::Pooled(_) | Source::Transaction(_) => true,
        }
    }

    /// What the next statement must have in front of it.
    fn beginning(&mut self) -> Option<&'static str> {
        match &mut self.source {
            Source::Lane(lane) => lane.beginning(),
            Source::Reader(_) | Source::Pooled(_) | Source::Transaction(_) => None,
        }
    }

    async fn commit(self) -> Result<(), Fault> {
        let begun = Instant::now();
        let span = tracing::info_span!(target: spans::TARGET, "commit", otel.kind = "client", db.system.name = %self.dialect);
        let committed = match self.source {
            Source::Transaction(transaction) => limited(transaction.commit()).instrument(span).await.map_err(fault),
            Source::Lane(lane) => lane.commit().instrument(span).await,
            Source::Reader(_) | Source::Pooled(_) => Err(Fault::internal("a read connection was committed")),
        };
        self.measures.committing.took(begun.elapsed());
        committed
    }

    /// Tells where the connection comes from how a statement ended: on the lane, it may have undone more than itself.
    fn settle(&mut self, error: Option<&sqlx::Error>) {
        match &mut self.source {
            Source::Lane(lane) => {
                let is_harmless = |error: &sqlx::Error| error.as_database_error().is_some_and(DatabaseError::is_unique_violation);
                if !error.is_none_or(is_harmless) {
                    lane.poison();
                }
            }
            Source::Reader(reader) => reader.settle(error),
            Source::Pooled(_) | Source::Transaction(_) => {}
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.dialect)
    }
}

/// A statement with its parameters, about to run.
pub(super) struct Statement<'c> {
    connection: &'c mut Connection,
    text: &'static str,
    query: Query<'static, Any, AnyArguments>,
}

/// What a statement came to.
#[derive(Default)]
struct Ran {
    matched: u64,
    rows: Vec<AnyRow>,
}

impl Statement<'_> {
    /// A span for it, with its text, in which there are no values.
    fn span(&self) -> Span {
        tracing::info_span!(
            target: spans::TARGET,
            "statement",
            otel.name = operation(self.text),
            otel.kind = "client",
            db.system.name = %self.connection.dialect,
            db.query.text = self.text,
        )
    }

    /// Runs it, with the beginning of its transaction where that is still to come.
    async fn run(self) -> Result<Result<Ran, sqlx::Error>, Fault> {
        let span = self.span();
        self.run_here().instrument(span).await
    }

    async fn run_here(mut self) -> Result<Result<Ran, sqlx::Error>, Fault> {
        if !self.connection.is_begun() {
            let arguments = self.query.take_arguments().map_err(Fault::internal)?;
            let beginning = self.connection.beginning().unwrap_or_default();
            let text = AssertSqlSafe(format!("{beginning}{}", self.text));
            self.query = sqlx::query_with(text, arguments.unwrap_or_default());
        }
        let mut steps = self.connection.raw()?.fetch_many(self.query);
        let ran = limited(async {
            let mut ran = Ran::default();
            while let Some(step) = steps.try_next().await? {
                match step {
                    // The last one counts: the beginning matches nothing.
                    Either::Left(done) => ran.matched = done.rows_affected(),
                    Either::Right(row) => ran.rows.push(row),
                }
            }
            Ok(ran)
        })
        .await;
        drop(steps);
        self.connection.settle(ran.as_ref().err());
        Ok(ran)
    }

    pub(super) fn bind<T>(mut self, value: T) -> Self
    where
        T: 'static + Send + Encode<'static, Any> + Type<Any>,
    {
        self.query = self.query.bind(value);
        self
    }

    /// Lets PostgreSQL plan it anew for these values. It keeps a statement that is used often with one plan for
    /// every value, which walks a whole table where a value is rare and most are not.
    pub(super) fn planned_for_its_values(mut self) -> Self {
        if self.connection.dialect == Dialect::Postgres {
            self.query = self.query.persistent(false);
        }
        self
    }

    /// Binds a copy of a text.
    pub(super) fn text(self, value: &str) -> Self {
        self.bind(value.to_owned())
    }

    /// Binds a copy of a text, or NULL.
    pub(super) fn maybe_text(self, value: Option<&str>) -> Self {
        self.bind(value.map(str::to_owned))
    }

    /// Binds a boolean as 0 or 1.
    pub(super) fn flag(self, value: bool) -> Self {
        self.bind(i16::from(value))
    }

    /// Runs it; how many rows it matched.
    pub(super) async fn execute(self) -> Result<u64, Fault> {
        Ok(self.run().await?.map_err(fault)?.matched)
    }

    /// Runs it before the transaction is committed, at the latest. When it fails, the commit does. Only in a transaction,
    /// and only what no other statement of it looks at.
    pub(super) async fn execute_later(mut self) -> Result<(), Fault> {
        let Source::Lane(lane) = &mut self.connection.source else {
            return self.execute().await.map(drop);
        };
        let arguments = self.query.take_arguments().map_err(Fault::internal)?;
        lane.leave(Later {
            text: self.text,
            arguments: arguments.unwrap_or_default(),
        });
        Ok(())
    }

    /// Runs an insertion that may meet a row with the same key; whether it was inserted.
    pub(super) async fn insert_if_absent(self) -> Result<bool, Fault> {
        match self.run().await? {
            Ok(ran) => Ok(ran.matched == 1),
            Err(error) if error.as_database_error().is_some_and(DatabaseError::is_unique_violation) => Ok(false),
            Err(error) => Err(fault(error)),
        }
    }

    /// The first row, if any.
    pub(super) async fn optional<T>(self, read: impl Fn(Row<'_>) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        let found = if self.connection.is_begun() {
            let span = self.span();
            let found = limited(self.query.fetch_optional(self.connection.raw()?)).instrument(span).await;
            self.connection.settle(found.as_ref().err());
            found
        } else {
            self.run().await?.map(|ran| ran.rows.into_iter().next())
        };
        found.map_err(fault)?.as_ref().map(|row| read(Row::new(row))).transpose()
    }

    /// All rows.
    pub(super) async fn all<T>(self, read: impl Fn(Row<'_>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
        let ran = self.run().await?.map_err(fault)?;
        ran.rows.iter().map(|row| read(Row::new(row))).collect()
    }
}

/// A transaction. Dropping it without [`Tx::commit`] undoes everything.
pub struct Tx {
    /// Before the lane: what was written goes before somebody else can take the lane.
    connection: Connection,
    /// Where it records events, once it has
    pub(super) lane: Option<HeldLane>,
    pub(super) audit: Arc<Audit>,
}

impl Tx {
    pub(super) fn new(connection: Connection, audit: Arc<Audit>) -> Self {
        Self {
            connection,
            lane: None,
            audit,
        }
    }

    /// Makes it durable. When this returns, the changes survive a crash.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the outcome is not known to be durable; nothing may be
    /// acknowledged then.
    pub async fn commit(self) -> Result<(), Fault> {
        let Self { connection, lane, .. } = self;
        let Some(mut lane) = lane else {
            return connection.commit().await;
        };
        // A client that hangs up now must not keep anybody from learning what came of it.
        detached(async move {
            lane.doubt();
            connection.commit().await?;
            lane.committed();
            Ok(())
        })
        .await
    }
}

/// Runs work to its end even when whoever waits for it goes away.
pub(super) async fn detached<T: Send + 'static>(work: impl Future<Output = Result<T, Fault>> + Send + 'static) -> Result<T, Fault> {
    let work = request::carried(work).in_current_span();
    tokio::spawn(work).await.unwrap_or_else(|error| Err(Fault::internal(error)))
}

impl Deref for Tx {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tx({:?})", self.connection)
    }
}

/// What a statement does to which table, for people: `SELECT grants`.
fn operation(text: &str) -> String {
    let verb = text.split_whitespace().next().unwrap_or_default();
    let mut rest = text
        .split_whitespace()
        .skip_while(|word| !matches!(*word, "FROM" | "INTO" | "UPDATE"))
        .skip(1);
    match rest.next() {
        Some(table) => format!("{verb} {}", table.trim_matches(|c: char| !c.is_alphanumeric())),
        None => verb.to_owned(),
    }
}

/// Sorts an error of sqlx: the database is away (try again), or we are wrong.
pub(super) fn fault(error: sqlx::Error) -> Fault {
    use sqlx::Error;
    let away = match &error {
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed | Error::Protocol(_) => true,
        Error::Database(database) => database.code().is_some_and(|code| is_passing(&code)),
        _ => false,
    };
    if away {
        Fault::Unavailable(words(&error))
    } else {
        Fault::Internal(words(&error))
    }
}

/// Codes that say "not now": connection trouble, shutdown, deadlock, lock time-out, too many
/// connections, disk full, read-only standby.
fn is_passing(code: &str) -> bool {
    // SQLSTATE classes of PostgreSQL and MySQL: 08 connection, 40 rollback, 53 resources, 55 locks,
    // 57 operator intervention, 25006 read-only, 58 system, 70100 killed.
    let state = code.len() == 5
        && (["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class)) || matches!(code, "25006" | "70100"));
    // SQLite's primary codes: 5 busy, 6 locked, 8 read-only, 10 I/O, 13 full, 14 cannot open.
    let sqlite = code
        .parse::<u32>()
        .is_ok_and(|code| code < 10_000 && matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14));
    state || sqlite
}

#[cfg(test)]
mod tests {
    use super::operation;

    #[test]
    fn an_operation_is_verb_and_table() {
        for (text, name) in [
            ("SELECT a, b FROM grants WHERE id = $1", "SELECT grants"),
            ("INSERT INTO users (id) VALUES ($1)", "INSERT users"),
            ("UPDATE sessions SET a = $1", "UPDATE sessions"),
            ("DELETE FROM throttles WHERE a IN (SELECT b FROM c)", "DELETE throttles"),
            ("SELECT 1", "SELECT"),
        ] {
            assert_eq!(operation(text), name);
        }
    }
}
