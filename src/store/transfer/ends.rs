//! The two ends of a transfer: how a database is kept from changing, and how another takes everything or nothing.
//!
//! | | nobody else is at the source | nobody else can write to it | nobody else can write to the target |
//! |---|---|---|---|
//! | SQLite | an exclusive lock of the file, which no other connection has open then | the same lock | `BEGIN IMMEDIATE` |
//! | PostgreSQL | `pg_stat_activity` has no other client of this database | `LOCK TABLE … IN SHARE MODE`, and a snapshot taken after it | `LOCK TABLE … IN EXCLUSIVE MODE` |
//! | MySQL | `processlist` has no other client of this database, as far as this user sees them | `LOCK TABLES … READ` | `LOCK TABLES … WRITE` |

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor, Row as _};

use crate::base::fault::Fault;
use crate::store::error::fault;
use crate::store::options::{DatabaseUrl, Dialect};
use crate::store::wording::words;

use super::TransferError;
use super::catalog::{self, Table};
use super::rows::{self, Row, Sum};

/// How often it is looked whether those that have just been stopped are gone.
const LOOKS: u32 = 20;
/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Limits of time that are set for everybody, or for this user, and that a transfer of hours would run into: while rows are
/// read at one end nothing is asked at the other. None of these is in every version, and a transfer can do without.
fn no_limits(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Sqlite => &[],
        Dialect::Postgres => &["SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN \
             ('statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')"],
        Dialect::MySql => &[
            // The most that it takes on every platform: 24 days.
            "SET SESSION wait_timeout = 2147483",
            "SET SESSION max_execution_time = 0",
            "SET SESSION max_statement_time = 0",
            "SET SESSION idle_transaction_timeout = 0",
            "SET SESSION idle_readonly_transaction_timeout = 0",
            "SET SESSION idle_write_transaction_timeout = 0",
        ],
    }
}

/// Where rows are read.
pub(super) struct Source {
    url: DatabaseUrl,
    /// Database users whose sessions do not count
    bystanders: BTreeSet<String>,
    connection: AnyConnection,
}

/// Where rows are written.
pub(super) struct Target {
    url: DatabaseUrl,
    connection: AnyConnection,
}

async fn run(connection: &mut AnyConnection, text: String) -> Result<(), sqlx::Error> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(drop)
}

async fn connect(url: &DatabaseUrl, settings: &[&str]) -> Result<AnyConnection, Fault> {
    let mut connection = AnyConnection::connect_with(&url.connect_options()?).await.map_err(fault)?;
    for setting in settings {
        run(&mut connection, (*setting).to_owned()).await.map_err(fault)?;
    }
    for setting in no_limits(url.dialect()) {
        match run(&mut connection, (*setting).to_owned()).await {
            Err(error) if error.as_database_error().is_none() => return Err(fault(error)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(connection)
}

/// The names of tables, each with something after it.
fn list(tables: &[Table], after: &str) -> String {
    let names: Vec<String> = tables.iter().map(|table| format!("{}{after}", table.name)).collect();
    names.join(", ")
}

/// Somebody else has what would have to be held.
fn is_held(url: &DatabaseUrl, reason: &str) -> TransferError {
    TransferError::Refused(format!("{url} cannot be kept from changing: {reason}; nothing was transferred"))
}

/// Runs the statements after which nobody else can write.
async fn keep(url: &DatabaseUrl, connection: &mut AnyConnection, statements: Vec<String>) -> Result<(), TransferError> {
    for statement in statements {
        match run(connection, statement).await {
            Ok(()) => {}
            Err(error) if error.as_database_error().is_some() => {
                return Err(is_held(url, &words(&error)));
            }
            Err(error) => return Err(fault(error).into()),
        }
    }
    Ok(())
}

impl Source {
    /// Connects, when nobody else is there but these database users.
    pub(super) async fn open(url: &DatabaseUrl, bystanders: &[String]) -> Result<Self, TransferError> {
        let settings: &[&str] = match url.dialect() {
            Dialect::Sqlite => &["PRAGMA locking_mode = EXCLUSIVE", "PRAGMA busy_timeout = 5000"],
            Dialect::Postgres => &["SET lock_timeout = '5s'"],
            Dialect::MySql => &["SET SESSION lock_wait_timeout = 5"],
        };
        let mut source = Self {
            url: url.clone(),
            bystanders: bystanders.iter().cloned().collect(),
            connection: connect(url, settings).await?,
        };
        source.is_alone().await?;
        Ok(source)
    }

    /// Refuses when somebody else has the database open.
    pub(super) async fn is_alone(&mut self) -> Result<(), TransferError> {
        let others = match self.url.dialect() {
            // In this mode whoever reads first holds the file alone, until the connection ends.
            Dialect::Sqlite => {
                let read = self.connection.fetch_one("SELECT COUNT(*) FROM sqlite_master").await;
                return match read {
                    Ok(_) => Ok(()),
                    Err(error) if error.as_database_error().is_some() => Err(self.is_not_alone(&BTreeSet::new())),
                    Err(error) => Err(fault(error).into()),
                };
            }
            // Everybody sees who is there, and only whoever may look closer sees what for. What has no user is the server's own.
            Dialect::Postgres => {
                "SELECT CAST(usename AS TEXT) FROM pg_stat_activity WHERE datname = current_database() AND usename IS NOT NULL \
                 AND COALESCE(backend_type, 'client backend') = 'client backend' AND pid <> pg_backend_pid()"
            }
            // Without the right PROCESS these are sessions of the same user.
            Dialect::MySql => {
                "SELECT CAST(user AS CHAR(128)) FROM information_schema.processlist WHERE db = DATABASE() \
                 AND user NOT IN ('system user', 'event_scheduler') AND id <> CONNECTION_ID()"
            }
        };
        let mut there = BTreeSet::new();
        for _ in 0..LOOKS {
            if self.url.dialect() == Dialect::Postgres {
                // A transaction sees who was there when it looked first.
                let again = "DO $$ BEGIN PERFORM pg_stat_clear_snapshot(); END $$".to_owned();
                run(&mut self.connection, again).await.map_err(fault)?;
            }
            let rows = self.connection.fetch_all(others).await.map_err(fault)?;
            let users: Result<BTreeSet<String>, sqlx::Error> = rows.iter().map(|row| row.try_get(0)).collect();
            there = users.map_err(fault)?;
            there.retain(|user| !self.bystanders.contains(user));
            if there.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(self.is_not_alone(&there))
    }

    fn is_not_alone(&self, there: &BTreeSet<String>) -> TransferError {
        let users: Vec<&str> = there.iter().map(String::as_str).collect();
        let (users, further) = match users.join(", ") {
            users if users.is_empty() => (users, ""),
            users => (
                format!(" (as {users})"),
                " (for a user who never writes, such as one who watches the database, there is --bystander)",
            ),
        };
        TransferError::Refused(format!(
            "somebody else has {} open{users}: stop every server and command on it first, for what they write from now on would be lost{further}; nothing was transferred",
            self.url
        ))
    }

    pub(super) async fn tables(&mut self) -> Result<Vec<Table>, TransferError> {
        catalog::tables(self.url.dialect(), &mut self.connection).await
    }

    /// From now on nobody can write, until this is closed.
    pub(super) async fn hold(&mut self, tables: &[Table]) -> Result<(), TransferError> {
        let statements = match self.url.dialect() {
            Dialect::Sqlite => vec!["BEGIN".to_owned()],
            Dialect::Postgres => vec![
                "BEGIN ISOLATION LEVEL REPEATABLE READ".to_owned(),
                format!("LOCK TABLE {} IN SHARE MODE", list(tables, "")),
            ],
            Dialect::MySql => vec![format!("LOCK TABLES {}", list(tables, " READ"))],
        };
        keep(&self.url, &mut self.connection, statements).await
    }

    pub(super) async fn page(&mut self, table: &Table, after: Option<&Row>) -> Result<Vec<Row>, Fault> {
        rows::page(self.url.dialect(), &mut self.connection, table, after).await
    }

    pub(super) async fn close(self) {
        let _ = self.connection.close().await;
    }
}

fn is_not_empty(url: &DatabaseUrl, table: &str) -> TransferError {
    TransferError::Refused(format!(
        "{url} is not empty, there are rows in {table}: transfer into a new database; nothing was changed"
    ))
}

/// Refuses a target that is not empty, or somebody else's, before anything is changed there.
pub(super) async fn look(url: &DatabaseUrl, tables: &[Table]) -> Result<(), TransferError> {
    // Another transfer may hold it.
    let settings: &[&str] = match url.dialect() {
        Dialect::Sqlite => &["PRAGMA busy_timeout = 5000"],
        Dialect::Postgres => &["SET lock_timeout = '5s'"],
        Dialect::MySql => &["SET SESSION lock_wait_timeout = 5"],
    };
    let mut connection = connect(url, settings).await?;
    let names = catalog::names(url.dialect(), &mut connection).await?;
    // What is asked below becomes a part of a statement.
    if let Some(name) = names.iter().find(|name| !tables.iter().any(|table| table.name == **name)) {
        return Err(TransferError::Refused(format!(
            "{url} has a table {name}, which the source does not have: transfer into a new database; nothing was changed"
        )));
    }
    for name in &names {
        match rows::has_any(&mut connection, name).await {
            Ok(false) => {}
            Ok(true) => return Err(is_not_empty(url, name)),
            Err(error) if error.as_database_error().is_some() => return Err(is_held(url, &words(&error))),
            Err(error) => return Err(fault(error).into()),
        }
    }
    let _ = connection.close().await;
    Ok(())
}

/// Whether the database has said what came of a statement, and not that it is going away.
fn has_answered(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    // The classes of connections that end, of a server that stops, and of sessions that somebody ends.
    code.is_some_and(|code| !["08", "57", "70"].iter().any(|class| code.starts_with(class)))
}

impl Target {
    pub(super) async fn open(url: &DatabaseUrl) -> Result<Self, Fault> {
        let settings: &[&str] = match url.dialect() {
            Dialect::Sqlite => &[
                "PRAGMA busy_timeout = 5000",
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
            ],
            Dialect::Postgres => &["SET lock_timeout = '5s'"],
            // What is too long must be refused, not cut.
            Dialect::MySql => &[
                "SET SESSION lock_wait_timeout = 5",
                "SET SESSION innodb_lock_wait_timeout = 5",
                "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')",
            ],
        };
        Ok(Self {
            url: url.clone(),
            connection: connect(url, settings).await?,
        })
    }

    pub(super) async fn tables(&mut self) -> Result<Vec<Table>, TransferError> {
        catalog::tables(self.url.dialect(), &mut self.connection).await
    }

    /// Begins the one transaction, in which nobody else can write, if there is no row anywhere.
    pub(super) async fn begin(&mut self, tables: &[Table]) -> Result<(), TransferError> {
        let statements = match self.url.dialect() {
            Dialect::Sqlite => vec!["BEGIN IMMEDIATE".to_owned()],
            Dialect::Postgres => vec!["BEGIN".to_owned(), format!("LOCK TABLE {} IN EXCLUSIVE MODE", list(tables, ""))],
            // There `BEGIN` would give the locks back.
            Dialect::MySql => vec![
                "SET SESSION autocommit = 0".to_owned(),
                format!("LOCK TABLES {}", list(tables, " WRITE")),
            ],
        };
        keep(&self.url, &mut self.connection, statements).await?;
        for table in tables {
            if rows::has_any(&mut self.connection, &table.name).await.map_err(fault)? {
                return Err(is_not_empty(&self.url, &table.name));
            }
        }
        Ok(())
    }

    pub(super) async fn insert(&mut self, table: &Table, page: Vec<Row>) -> Result<(), TransferError> {
        rows::insert(self.url.dialect(), &mut self.connection, table, page).await
    }

    /// What is there now.
    pub(super) async fn sum(&mut self, table: &Table) -> Result<Sum, Fault> {
        let mut sum = Sum::default();
        let mut last = None;
        loop {
            let page = rows::page(self.url.dialect(), &mut self.connection, table, last.as_ref()).await?;
            let Some(end) = page.last() else { return Ok(sum) };
            last = Some(table.key_of(end));
            for row in &page {
                sum.add(row);
            }
        }
    }

    pub(super) async fn commit(mut self) -> Result<(), TransferError> {
        match run(&mut self.connection, "COMMIT".to_owned()).await {
            Ok(()) => {
                let _ = self.connection.close().await;
                Ok(())
            }
            Err(error) if has_answered(&error) => Err(fault(error).into()),
            Err(error) => Err(TransferError::Unknown(format!(
                "the connection to {} broke while everything was being committed, so it is not known whether it is there ({}): start no \
                 server yet, and run the same command again. When it says that the target is not empty, everything is there. When it says \
                 that the target cannot be kept from changing, the database has not noticed yet that the connection is gone: then wait, and \
                 run it again. Otherwise it is transferred then",
                self.url,
                words(&error)
            ))),
        }
    }

    pub(super) async fn abandon(mut self) {
        let _ = run(&mut self.connection, "ROLLBACK".to_owned()).await;
        let _ = self.connection.close().await;
    }
}
