//! A fresh database of each kind for one test, and a look into it that is not the program's own.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row};

use crate::support::process::Sandbox;

/// The databases that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file in the sandbox
    Sqlite,
    /// A schema on the server of `TEST_POSTGRES_URL`
    Postgres,
    /// A schema on the server of `TEST_MYSQL_URL`
    MySql,
}

/// A database of its own; dropped with this.
pub struct Database {
    /// Its `DATABASE_URL`
    pub url: String,
    /// Where it was created, and the name to drop it by
    server: Option<(String, String)>,
}

impl Database {
    /// A sandbox over a fresh database of this kind.
    pub async fn sandbox(kind: Kind) -> (Self, Sandbox) {
        let sandbox = Sandbox::new();
        let database = match kind {
            Kind::Sqlite => Self {
                url: format!("sqlite://{}", sandbox.file("gatehouse.db").display()),
                server: None,
            },
            Kind::Postgres => {
                Self::on(&from_environment(
                    "TEST_POSTGRES_URL",
                    "postgres://postgres@127.0.0.1:5432/postgres",
                ))
                .await
            }
            Kind::MySql => Self::on(&from_environment("TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/mysql")).await,
        };
        let sandbox = sandbox.with("DATABASE_URL", &database.url);
        (database, sandbox)
    }

    async fn on(server: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gatehouse_cli_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        execute(server, format!("DROP DATABASE IF EXISTS {name}")).await;
        execute(server, format!("CREATE DATABASE {name}")).await;
        let mut url = reqwest::Url::parse(server).expect("a URL of a database server");
        url.set_path(&name);
        Self {
            url: url.into(),
            server: Some((server.to_owned(), name)),
        }
    }

    /// The rows of a query whose columns are all texts.
    pub async fn texts(&self, query: &'static str) -> Vec<Vec<String>> {
        let mut connection = connect(&self.url).await;
        let rows = connection.fetch_all(query).await.expect("the query runs");
        let text = |row: &sqlx::any::AnyRow, index| {
            row.try_get::<String, _>(index)
                .unwrap_or_else(|_| String::from_utf8(row.get::<Vec<u8>, _>(index)).expect("text"))
        };
        rows.iter()
            .map(|row| (0..row.len()).map(|index| text(row, index)).collect())
            .collect()
    }

    /// What must never change behind an operator's back: settings and signing keys.
    pub async fn foundations(&self) -> Vec<Vec<String>> {
        let mut rows = self.texts("SELECT name, value FROM settings ORDER BY name").await;
        rows.extend(
            self.texts("SELECT id, algorithm, sealed_private_key FROM signing_keys ORDER BY id")
                .await,
        );
        rows
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some((server, name)) = self.server.take() else {
            return;
        };
        let force = if server.starts_with("postgres") { " WITH (FORCE)" } else { "" };
        let statement = format!("DROP DATABASE {name}{force}");
        // A destructor cannot wait inside the runtime of the test.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(execute(&server, statement));
        });
        let _ = dropping.join();
    }
}

async fn connect(url: &str) -> AnyConnection {
    install_default_drivers();
    AnyConnection::connect(url)
        .await
        .unwrap_or_else(|error| panic!("a database server is needed: {error}"))
}

async fn execute(url: &str, statement: String) {
    connect(url)
        .await
        .execute(AssertSqlSafe(statement))
        .await
        .expect("the statement runs");
}

#[allow(clippy::disallowed_methods, reason = "where the database servers of the tests are")]
fn from_environment(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}
