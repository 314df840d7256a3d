//! Writing many rows: some in one statement, and without the indexes that only cost time meanwhile. For databases in
//! which nobody works yet.

use std::fmt::Write as _;
use std::sync::OnceLock;

use sqlx::{AnyConnection, Connection as _, Executor as _};

use crate::base::fault::Fault;

use super::connection::Statement;
use super::error::fault;
use super::options::Dialect;
use super::sql::{Sql, sql};
use super::{Connection, Store, Tx};

/// Rows in one statement. A statement may have 32,766 parameters on SQLite, and twice as many on the others.
const AT_ONCE: usize = 128;

/// An insertion of one row, and the same of [`AT_ONCE`], which is made once and kept.
pub(super) struct Many {
    one: Sql,
    many: OnceLock<Sql>,
}

impl Many {
    /// The insertion ends with its parameters, in parentheses.
    pub(super) const fn of(one: Sql) -> Self {
        Self {
            one,
            many: OnceLock::new(),
        }
    }

    /// As a statement is a `&'static str`, it is never given back: there are as many as there are such tables.
    fn many(&self) -> Sql {
        *self.many.get_or_init(|| {
            let columns = self.one.positional.matches('?').count();
            let (head, _) = self.one.numbered.split_once("VALUES ").unwrap_or((self.one.numbered, ""));
            let (mut numbered, mut positional) = (format!("{head}VALUES "), format!("{head}VALUES "));
            for row in 0..AT_ONCE {
                for column in 0..columns {
                    let before = match (row, column) {
                        (0, 0) => "(",
                        (_, 0) => "), (",
                        _ => ", ",
                    };
                    // Writing to a text cannot fail.
                    let _ = write!(numbered, "{before}${}", row * columns + column + 1);
                    let _ = write!(positional, "{before}?");
                }
            }
            numbered.push(')');
            positional.push(')');
            Sql {
                numbered: numbered.leak(),
                positional: positional.leak(),
            }
        })
    }
}

impl Tx {
    /// Inserts rows, each of which `bind` adds to the parameters of a statement.
    pub(super) async fn insert_many<T>(
        &mut self,
        insertion: &Many,
        rows: &[T],
        bind: impl for<'c> Fn(Statement<'c>, &T) -> Result<Statement<'c>, Fault>,
    ) -> Result<(), Fault> {
        let (whole, rest) = rows.as_chunks::<AT_ONCE>();
        for chunk in whole {
            let statement = self.query(insertion.many());
            chunk.iter().try_fold(statement, &bind)?.execute().await?;
        }
        for row in rest {
            bind(self.query(insertion.one), row)?.execute().await?;
        }
        Ok(())
    }
}

impl Connection {
    /// Whether nobody has done anything here: there is nobody, and nothing that somebody has registered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_empty(&mut self) -> Result<bool, Fault> {
        let found = self
            .query(sql!(
                "SELECT CASE WHEN EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM clients) OR EXISTS (SELECT 1 FROM grants) \
                 OR EXISTS (SELECT 1 FROM sessions) OR EXISTS (SELECT 1 FROM consents) OR EXISTS (SELECT 1 FROM resources) \
                 OR EXISTS (SELECT 1 FROM providers) OR EXISTS (SELECT 1 FROM workloads) OR EXISTS (SELECT 1 FROM events) \
                 THEN 1 ELSE 0 END"
            ))
            .optional(|row| row.integer(0))
            .await?;
        Ok(found == Some(0))
    }
}

/// The indexes of grants, as the migrations have left them.
struct Indexes {
    drop: &'static [&'static str],
    create: &'static [&'static str],
}

const OF_GRANTS: Indexes = Indexes {
    drop: &[
        "DROP INDEX grants_session",
        "DROP INDEX grants_expiry",
        "DROP INDEX grants_client_recent",
        "DROP INDEX grants_user_recent",
        "DROP INDEX grants_user_client_recent",
    ],
    create: &[
        "CREATE INDEX grants_session ON grants (session_id)",
        "CREATE INDEX grants_expiry ON grants (expires_at)",
        "CREATE INDEX grants_client_recent ON grants (client_id, id)",
        "CREATE INDEX grants_user_recent ON grants (user_id, id)",
        "CREATE INDEX grants_user_client_recent ON grants (user_id, client_id, id)",
    ],
};

const OF_GRANTS_ON_MYSQL: Indexes = Indexes {
    drop: &[
        "ALTER TABLE grants DROP INDEX grants_session, DROP INDEX grants_expiry, DROP INDEX grants_client_recent, \
             DROP INDEX grants_user_recent, DROP INDEX grants_user_client_recent",
    ],
    create: &[
        "ALTER TABLE grants ADD INDEX grants_session (session_id), ADD INDEX grants_expiry (expires_at), \
               ADD INDEX grants_client_recent (client_id, id), ADD INDEX grants_user_recent (user_id, id), \
               ADD INDEX grants_user_client_recent (user_id, client_id, id)",
    ],
};

impl Store {
    /// Takes the indexes of grants away, so that millions of them can be written. Only where there are none yet: whoever
    /// is interrupted afterwards has to begin with another database.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_indexes_of_grants(&self) -> Result<(), Fault> {
        let indexes = self.indexes_of_grants();
        self.run_all(&[indexes.drop]).await
    }

    /// Makes them again, and lets the database count what is where, as it does by itself after a while. SQLite does not,
    /// unless it is told to, and the server never tells it. This may take minutes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_indexes_of_grants(&self) -> Result<(), Fault> {
        let after: &[&str] = match self.dialect {
            Dialect::Sqlite => &["PRAGMA wal_checkpoint(TRUNCATE)"],
            Dialect::Postgres => &["VACUUM ANALYZE"],
            Dialect::MySql => &["ANALYZE TABLE users, clients, sessions, consents, grants"],
        };
        self.run_all(&[self.indexes_of_grants().create, after]).await
    }

    fn indexes_of_grants(&self) -> Indexes {
        match self.dialect {
            Dialect::Sqlite | Dialect::Postgres => OF_GRANTS,
            Dialect::MySql => OF_GRANTS_ON_MYSQL,
        }
    }

    /// On a connection of its own, which may take its time.
    async fn run_all(&self, statements: &[&[&'static str]]) -> Result<(), Fault> {
        let mut connection = AnyConnection::connect_with(&self.options()?).await.map_err(fault)?;
        let settings: &[&str] = match self.dialect {
            Dialect::Sqlite => &["PRAGMA busy_timeout = 10000", "PRAGMA cache_size = -500000"],
            Dialect::Postgres => &["SET maintenance_work_mem = '512MB'"],
            Dialect::MySql => &[],
        };
        for statement in [settings].iter().chain(statements).copied().flatten() {
            connection.execute(*statement).await.map_err(fault)?;
        }
        connection.close().await.map_err(fault)
    }
}
