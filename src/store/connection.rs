//! Connections, transactions and statements, the same for all three databases.

use std::fmt;
use std::io::{self, ErrorKind};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::any::{Any, AnyArguments};
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::{AnyConnection, Transaction};
use tracing::{Instrument, Span};

use crate::base::fault::Fault;
use crate::base::request;
use crate::base::spans;

use super::audit::{Audit, HeldLane};
use super::cache::Changes;
use super::error::{Error, fault};
use super::file::Table;
use super::lane::LaneTx;
use super::measures::Measures;
use super::options::Dialect;
use super::readers::PooledReader;
use super::row::Row;
use super::sql::{Hold, Sql};
use super::value::{Value, arguments};

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
    is_counted: bool,
    /// Whether a statement has changed a row
    has_written: bool,
}

impl Connection {
    pub(super) fn new(dialect: Dialect, source: Source, measures: Arc<Measures>) -> Self {
        Self {
            dialect,
            source,
            measures,
            is_counted: true,
            has_written: false,
        }
    }

    /// The same, for statements that are not counted.
    pub(super) fn uncounted(self) -> Self {
        Self { is_counted: false, ..self }
    }

    pub(super) fn query(&mut self, sql: Sql) -> Statement<'_> {
        if self.is_counted {
            self.measures.statements.one_more();
        }
        let text = match self.dialect {
            Dialect::Sqlite | Dialect::Postgres => sql.numbered,
            Dialect::MySql => sql.positional,
        };
        Statement {
            connection: self,
            text,
            values: Vec::new(),
            is_planned_anew: false,
            is_aside: false,
        }
    }

    /// A statement that holds one row, which [`Statement::held`] runs.
    pub(super) fn hold(&mut self, hold: Hold) -> Statement<'_> {
        let sql = if self.dialect == Dialect::Sqlite { hold.look } else { hold.lock };
        self.query(sql)
    }

    async fn commit(self) -> Result<(), Fault> {
        let begun = Instant::now();
        let span = tracing::info_span!(target: spans::TARGET, "commit", otel.kind = "client", db.system.name = %self.dialect);
        let committed = match self.source {
            Source::Transaction(transaction) => {
                let committed = limited(transaction.commit()).instrument(span).await.map_err(Error::from);
                self.measures.ended(committed.as_ref().err());
                committed.map_err(fault)
            }
            Source::Lane(lane) => lane.commit().instrument(span).await,
            Source::Reader(_) | Source::Pooled(_) => Err(Fault::internal("a read connection was committed")),
        };
        self.measures.committing.took(begun.elapsed());
        // Only of what was undone it is certain that nothing is there.
        if self.has_written && !matches!(committed, Err(Fault::Undone(_))) {
            request::note_settled();
        }
        committed
    }

    /// Tells where the connection comes from how a statement ended: in SQLite it may have undone more than itself.
    fn settle(&mut self, error: Option<&Error>) {
        match &mut self.source {
            Source::Lane(lane) => lane.settle(error),
            Source::Reader(reader) => reader.settle(error),
            Source::Pooled(_) | Source::Transaction(_) => self.measures.ended(error),
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
    values: Vec<Value>,
    is_planned_anew: bool,
    is_aside: bool,
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

    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Lets PostgreSQL plan it anew for these values. It keeps a statement that is used often with one plan for
    /// every value, which walks a whole table where a value is rare and most are not.
    pub(super) fn planned_for_its_values(mut self) -> Self {
        self.is_planned_anew = true;
        self
    }

    /// Says that it may look at many rows, or change them: with SQLite it runs where that keeps nobody waiting. Outside of
    /// transactions lists of rows always do; in one, where the next writer waits anyway, short ones run in place.
    pub(super) fn aside(mut self) -> Self {
        self.is_aside = true;
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
        self.run().await.map_err(fault)
    }

    /// Runs an insertion that may meet a row with the same key; whether it was inserted.
    pub(super) async fn insert_if_absent(self) -> Result<bool, Fault> {
        match self.run().await {
            Ok(matched) => Ok(matched == 1),
            Err(error) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(fault(error)),
        }
    }

    async fn run(self) -> Result<u64, Error> {
        let span = self.span();
        let Self {
            connection,
            text,
            values,
            is_aside,
            ..
        } = self;
        let run = async {
            match &mut connection.source {
                Source::Reader(reader) => reader.file().and_then(|file| Ok(file.execute(text, &values)?)),
                Source::Lane(lane) if is_aside => lane.execute_aside(text, values).await,
                Source::Lane(lane) => lane.file().and_then(|file| Ok(file.execute(text, &values)?)),
                Source::Pooled(pooled) => execute(pooled, text, values).await,
                Source::Transaction(transaction) => execute(transaction, text, values).await,
            }
        };
        let matched = run.instrument(span).await;
        connection.has_written |= matched.as_ref().is_ok_and(|matched| *matched > 0);
        connection.settle(matched.as_ref().err());
        matched
    }

    /// The first row, if any.
    pub(super) async fn optional<T>(self, read: impl Fn(Row<'_>) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        let span = self.span();
        let Self {
            connection,
            text,
            values,
            is_planned_anew,
            is_aside,
        } = self;
        let find = async {
            match &mut connection.source {
                Source::Reader(reader) if is_aside => {
                    let table = reader.table_aside(text, values).await;
                    table.map(|table| table.first().map(|row| read(Row::of_table(row))))
                }
                Source::Lane(lane) if is_aside => {
                    let table = lane.table_aside(text, values).await;
                    table.map(|table| table.first().map(|row| read(Row::of_table(row))))
                }
                Source::Reader(reader) => reader.file().and_then(|file| Ok(file.optional(text, &values, read)?)),
                Source::Lane(lane) => lane.file().and_then(|file| Ok(file.optional(text, &values, read)?)),
                Source::Pooled(pooled) => optional(pooled, text, values, is_planned_anew, read).await,
                Source::Transaction(transaction) => optional(transaction, text, values, is_planned_anew, read).await,
            }
        };
        let found = find.instrument(span).await;
        connection.settle(found.as_ref().err());
        found.map_err(fault)?.transpose()
    }

    /// Whether there was a row to be held ([`Connection::hold`]).
    pub(super) async fn held(self) -> Result<bool, Fault> {
        match self.connection.dialect {
            Dialect::Sqlite => Ok(self.optional(|_| Ok(())).await?.is_some()),
            Dialect::Postgres | Dialect::MySql => Ok(self.execute().await? == 1),
        }
    }

    /// All rows.
    pub(super) async fn all<T>(self, read: impl Fn(Row<'_>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
        let span = self.span();
        let Self {
            connection,
            text,
            values,
            is_planned_anew,
            is_aside,
        } = self;
        let find = async {
            let of_table = |table: Table| table.iter().map(|row| read(Row::of_table(row))).collect();
            match &mut connection.source {
                Source::Reader(reader) => reader.table_aside(text, values).await.map(of_table),
                Source::Lane(lane) if is_aside => lane.table_aside(text, values).await.map(of_table),
                Source::Lane(lane) => lane.file().and_then(|file| Ok(file.table(text, &values)?)).map(of_table),
                Source::Pooled(pooled) => all(pooled, text, values, is_planned_anew, read).await,
                Source::Transaction(transaction) => all(transaction, text, values, is_planned_anew, read).await,
            }
        };
        let all = find.instrument(span).await;
        connection.settle(all.as_ref().err());
        all.map_err(fault)?
    }
}

/// A statement for a server.
fn query(text: &'static str, values: Vec<Value>) -> Result<Query<'static, Any, AnyArguments>, sqlx::Error> {
    Ok(sqlx::query_with(text, arguments(values)?))
}

async fn execute(connection: &mut AnyConnection, text: &'static str, values: Vec<Value>) -> Result<u64, Error> {
    let done = limited(query(text, values)?.execute(connection)).await?;
    Ok(done.rows_affected())
}

async fn optional<T>(
    connection: &mut AnyConnection,
    text: &'static str,
    values: Vec<Value>,
    is_planned_anew: bool,
    read: impl Fn(Row<'_>) -> Result<T, Fault>,
) -> Result<Option<Result<T, Fault>>, Error> {
    let query = query(text, values)?.persistent(!is_planned_anew);
    let row = limited(query.fetch_optional(connection)).await?;
    Ok(row.as_ref().map(|row| read(Row::of_server(row))))
}

async fn all<T>(
    connection: &mut AnyConnection,
    text: &'static str,
    values: Vec<Value>,
    is_planned_anew: bool,
    read: impl Fn(Row<'_>) -> Result<T, Fault>,
) -> Result<Result<Vec<T>, Fault>, Error> {
    let query = query(text, values)?.persistent(!is_planned_anew);
    let rows = limited(query.fetch_all(connection)).await?;
    Ok(rows.iter().map(|row| read(Row::of_server(row))).collect())
}

/// A transaction. Dropping it without [`Tx::commit`] undoes everything.
pub struct Tx {
    /// Before the lane: what was written goes before somebody else can take the lane.
    connection: Connection,
    /// Where it records events, once it has
    pub(super) lane: Option<HeldLane>,
    pub(super) audit: Arc<Audit>,
    /// What this node must read anew when it is over
    pub(super) changes: Changes,
}

impl Tx {
    pub(super) fn new(connection: Connection, audit: Arc<Audit>, changes: Changes) -> Self {
        Self {
            connection,
            lane: None,
            audit,
            changes,
        }
    }

    /// Makes it durable. When this returns, the changes survive a crash.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the outcome is not known to be durable; nothing may be
    /// acknowledged then.
    pub async fn commit(self) -> Result<(), Fault> {
        let Self {
            connection, lane, changes, ..
        } = self;
        let Some(mut lane) = lane else {
            connection.commit().await?;
            drop(changes);
            return Ok(());
        };
        // A client that hangs up now must not keep anybody from learning what came of it.
        detached(async move {
            lane.doubt();
            if let Err(fault) = connection.commit().await {
                // Then it is known that nothing was written.
                if matches!(fault, Fault::Undone(_)) {
                    lane.trust();
                }
                return Err(fault);
            }
            drop(changes);
            lane.committed();
            Ok(())
        })
        .await
    }
}

/// Runs work to its end even when whoever waits for it goes away.
pub(crate) async fn detached<T: Send + 'static>(work: impl Future<Output = Result<T, Fault>> + Send + 'static) -> Result<T, Fault> {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::operation;
    use crate::base::request::{self, Request};
    use crate::store::{DatabaseUrl, Setting, Store, StoreOptions};

    #[tokio::test]
    async fn a_request_knows_whether_something_of_it_was_committed() {
        let folder = tempfile::TempDir::new().unwrap();
        let url = DatabaseUrl::parse(&format!("sqlite://{}", folder.path().join("gatehouse.db").display())).unwrap();
        let options = StoreOptions {
            url,
            pool_size: 1,
            acquire_timeout: Duration::from_secs(5),
        };
        let store = Store::open(&options).await.unwrap();
        store.migrate().await.unwrap();
        let work = async {
            store.begin().await.unwrap().commit().await.unwrap();
            assert_eq!(request::settled(), Some(0), "nothing was written");
            let mut tx = store.begin().await.unwrap();
            tx.put_setting(Setting::SweptAt, "1", 1).await.unwrap();
            drop(tx);
            assert_eq!(request::settled(), Some(0), "it was not committed");
            let mut tx = store.begin().await.unwrap();
            tx.put_setting(Setting::SweptAt, "1", 1).await.unwrap();
            assert_eq!(request::settled(), Some(0), "not yet");
            tx.commit().await.unwrap();
            assert_eq!(request::settled(), Some(1));
        };
        request::within(Arc::new(Request::new("one".to_owned(), None, false)), work).await;
        store.close().await;
    }

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
