//! The databases that are filled: one of its own on each server, or a file of its own.

use std::path::PathBuf;

use gatehouse::base::clock::Clock;
use gatehouse::base::id::new_id;
use gatehouse::base::random::Random;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};

use super::{Outcome, base_folder, environment};

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
    MySql,
}

impl Database {
    /// Those of a list.
    pub fn all_of(names: &[String]) -> Outcome<Vec<Self>> {
        names.iter().map(|name| Self::parse(name)).collect()
    }

    pub fn parse(name: &str) -> Outcome<Self> {
        match name.trim() {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            "mysql" | "mariadb" => Ok(Self::MySql),
            other => Err(format!("BENCH_DATABASES: {other} is none of sqlite, postgres and mysql").into()),
        }
    }
}

/// A database that is removed when the benchmark is done with it, unless it is to be kept.
pub struct Scratch {
    database: Database,
    name: String,
    is_kept: bool,
}

impl Scratch {
    pub async fn open(database: Database, is_kept: bool) -> Outcome<Self> {
        sqlx::any::install_default_drivers();
        let name = format!("gatehouse_bench_{}", new_id(&Clock::system(), &Random::system()));
        let scratch = Self { database, name, is_kept };
        match database {
            Database::Sqlite => std::fs::create_dir_all(scratch.folder())?,
            Database::Postgres | Database::MySql => execute(&server(database), format!("CREATE DATABASE {}", scratch.name)).await?,
        }
        Ok(scratch)
    }

    /// Which database it is.
    pub fn database(&self) -> Database {
        self.database
    }

    /// What it is called in the results.
    pub fn name(&self) -> &'static str {
        match self.database {
            Database::Sqlite => "SQLite",
            Database::Postgres => "PostgreSQL",
            Database::MySql => "MariaDB or MySQL",
        }
    }

    fn folder(&self) -> PathBuf {
        base_folder().join(&self.name)
    }

    pub fn url(&self) -> String {
        match self.database {
            Database::Sqlite => format!("sqlite://{}", self.folder().join("gatehouse.db").display()),
            Database::Postgres | Database::MySql => {
                let server = server(self.database);
                let (address, _) = server.rsplit_once('/').unwrap_or((&server, ""));
                format!("{address}/{}", self.name)
            }
        }
    }

    /// A connection that writes a lot, quickly, and need not survive a power cut.
    pub async fn loader(&self) -> Outcome<AnyConnection> {
        let mut connection = AnyConnection::connect(&self.url()).await?;
        let settings: &[&str] = match self.database {
            Database::Sqlite => &[
                "PRAGMA busy_timeout = 10000",
                "PRAGMA synchronous = OFF",
                "PRAGMA cache_size = -800000",
            ],
            Database::Postgres => &["SET synchronous_commit = off"],
            Database::MySql => &["SET SESSION unique_checks = 0"],
        };
        for setting in settings {
            connection.execute(*setting).await?;
        }
        Ok(connection)
    }

    /// What a database does by itself after a while: PostgreSQL and MySQL count what is where. SQLite does
    /// not unless it is told to, and the server never tells it, so it is not done here either.
    pub async fn finish_loading(&self) -> Outcome<()> {
        match self.database {
            Database::Sqlite => execute(&self.url(), "PRAGMA wal_checkpoint(TRUNCATE)".to_owned()).await,
            Database::Postgres => execute(&self.url(), "VACUUM ANALYZE".to_owned()).await,
            Database::MySql => {
                let tables = "users, clients, grants, events, sessions, consents, stats";
                execute(&self.url(), format!("ANALYZE TABLE {tables}")).await
            }
        }
    }

    /// Removes it.
    pub async fn close(self) -> Outcome<()> {
        if self.is_kept {
            super::say(&format!("kept: {}", self.url()));
            return Ok(());
        }
        match self.database {
            Database::Sqlite => Ok(std::fs::remove_dir_all(self.folder())?),
            Database::Postgres => execute(&server(self.database), format!("DROP DATABASE {} WITH (FORCE)", self.name)).await,
            Database::MySql => execute(&server(self.database), format!("DROP DATABASE {}", self.name)).await,
        }
    }
}

/// The address of a database on the server, in which others can be made.
fn server(database: Database) -> String {
    let (variable, default) = match database {
        Database::MySql => ("TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/mysql"),
        Database::Postgres | Database::Sqlite => ("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres"),
    };
    environment(variable).unwrap_or_else(|| default.to_owned())
}

async fn execute(url: &str, statement: String) -> Outcome<()> {
    let mut connection = AnyConnection::connect(url).await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(connection.close().await?)
}
