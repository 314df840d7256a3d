//! The two ends of a transfer: how a database is kept from changing, and how another takes everything or nothing.
//!
//! | | nobody else is at the source | nobody else can write to it | nobody else can write to the target |
//! |---|---|---|---|
//! | SQLite | an exclusive lock of the file, which no other connection has open then | the same lock | `BEGIN IMMEDIATE` |
//! | PostgreSQL | `pg_stat_activity` has no other session of this user | `LOCK TABLE … IN SHARE MODE`, and a snapshot taken after it | `LOCK TABLE … IN EXCLUSIVE MODE` |
//! | MySQL | `processlist` has no other session of this user | `LOCK TABLES … READ` | `LOCK TABLES … WRITE` |

use std::time::Duration;

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

/// Where rows are read.
pub(super) struct Source {
    url: DatabaseUrl,
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
    Ok(connection)
}

/// The names of tables, each with something after it.
fn list(tables: &[Table], after: &str) -> String {
    let names: Vec<String> = tables.iter().map(|table| format!("{}{after}", table.name)).collect();
    names.join(", ")
}

/// Runs the statements after which nobody else can write.
async fn keep(url: &DatabaseUrl, connection: &mut AnyConnection, statements: Vec<String>) -> Result<(), TransferError> {
    for statement in statements {
        match run(connection, statement).await {
            Ok(()) => {}
            Err(error) if error.as_database_error().is_some() => {
                return Err(TransferError::Refused(format!(
                    "{url} cannot be kept from changing: {}; nothing was transferred",
                    words(&error)
                )));
            }
            Err(error) => return Err(fault(error).into()),
        }
    }
    Ok(())
}

impl Source {
    /// Connects, when nobody else is there.
    pub(super) async fn open(url: &DatabaseUrl) -> Result<Self, TransferError> {
        let settings: &[&str] = match url.dialect() {
            Dialect::Sqlite => &["PRAGMA locking_mode = EXCLUSIVE", "PRAGMA busy_timeout = 5000"],
            Dialect::Postgres => &["SET lock_timeout = '5s'"],
            Dialect::MySql => &["SET SESSION lock_wait_timeout = 5"],
        };
        let mut source = Self {
            url: url.clone(),
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
                    Err(error) if error.as_database_error().is_some() => Err(self.is_not_alone()),
                    Err(error) => Err(fault(error).into()),
                };
            }
            Dialect::Postgres => {
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user \
                 AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            }
            Dialect::MySql => {
                "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() \
                 AND user = SUBSTRING_INDEX(USER(), '@', 1) AND id <> CONNECTION_ID()"
            }
        };
        for _ in 0..LOOKS {
            if self.url.dialect() == Dialect::Postgres {
                // A transaction sees who was there when it looked first.
                let again = "DO $$ BEGIN PERFORM pg_stat_clear_snapshot(); END $$".to_owned();
                run(&mut self.connection, again).await.map_err(fault)?;
            }
            let row = self.connection.fetch_one(others).await.map_err(fault)?;
            if row.try_get::<i64, _>(0).map_err(fault)? == 0 {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(self.is_not_alone())
    }

    fn is_not_alone(&self) -> TransferError {
        TransferError::Refused(format!(
            "somebody else has {} open: stop every server and command on it first, for what they write from now on would be lost; nothing was transferred",
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
            if rows::has_any(&mut self.connection, table).await? {
                return Err(TransferError::Refused(format!(
                    "{} is not empty, there are rows in {}: transfer into a new database; nothing was changed",
                    self.url, table.name
                )));
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

    pub(super) async fn commit(mut self) -> Result<(), Fault> {
        run(&mut self.connection, "COMMIT".to_owned()).await.map_err(fault)?;
        let _ = self.connection.close().await;
        Ok(())
    }

    pub(super) async fn abandon(mut self) {
        let _ = run(&mut self.connection, "ROLLBACK".to_owned()).await;
        let _ = self.connection.close().await;
    }
}
