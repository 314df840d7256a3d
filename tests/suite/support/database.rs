//! A fresh database for each test, removed with it.

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
    MySql,
}

/// A database that exists as long as this value.
pub enum FreshDatabase {
    File { folder: TempDir },
    Server { admin_url: String, url: String, name: String },
}

impl FreshDatabase {
    pub async fn create(kind: Database) -> Self {
        let (variable, default) = match kind {
            Database::Sqlite => {
                return Self::File {
                    folder: TempDir::new().expect("a temporary folder"),
                };
            }
            Database::Postgres => ("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres"),
            Database::MySql => ("TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/mysql"),
        };
        let admin_url = environment(variable).unwrap_or_else(|| default.to_owned());
        let name = format!("gatehouse_{}", uuid_like());
        let mut url = url::Url::parse(&admin_url).expect("a database URL");
        url.set_path(&name);
        execute(&admin_url, format!("CREATE DATABASE {name}")).await;
        Self::Server {
            admin_url,
            url: url.to_string(),
            name,
        }
    }

    pub fn url(&self) -> String {
        match self {
            Self::File { folder } => format!("sqlite://{}", folder.path().join("gatehouse.db").display()),
            Self::Server { url, .. } => url.clone(),
        }
    }
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        let Self::Server { admin_url, name, .. } = self else { return };
        let (admin_url, name) = (admin_url.clone(), name.clone());
        let force = if admin_url.starts_with("postgres") { " WITH (FORCE)" } else { "" };
        let remover = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(execute(&admin_url, format!("DROP DATABASE IF EXISTS {name}{force}")));
        });
        let _ = remover.join();
    }
}

/// Runs one statement on a server.
pub async fn execute(url: &str, statement: String) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url)
        .await
        .unwrap_or_else(|error| panic!("{url}: {error}; run tests/run"));
    connection.execute(AssertSqlSafe(statement)).await.expect("the statement succeeds");
    let _ = connection.close().await;
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where the databases are")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn uuid_like() -> String {
    gatehouse::base::id::new_id(&gatehouse::base::clock::Clock::system(), &gatehouse::base::random::Random::system())
}
