//! What `sqlx::Any` costs beside the typed connection of the same database: the same statement, the same rows, one after
//! the other on one connection each, turn and turn about.
//!
//! `cargo bench --bench typed`; `BENCH_DATABASES` and `TEST_…_URL` as for the others.

use std::error::Error;
use std::time::{Duration, Instant};

use sqlx::any::{AnyConnectOptions, install_default_drivers};
use sqlx::{AnyConnection, Connection, Database, Executor, FromRow, IntoArguments, MySqlConnection, PgConnection, SqliteConnection};

/// A row like a user's: what userinfo and introspection read.
type Person = (
    String,
    String,
    Option<String>,
    i16,
    Option<String>,
    String,
    String,
    String,
    Option<String>,
    i16,
    i64,
    i64,
    i64,
);

const COLUMNS: &str = "id, username, email, is_email_verified, password_hash, profile, extra_claims, roles, allowed_scope, is_disabled, created_at, updated_at, version";
const TABLE: &str = "CREATE TABLE bench_people (id VARCHAR(64) PRIMARY KEY, username VARCHAR(255) NOT NULL, email VARCHAR(255), \
    is_email_verified SMALLINT NOT NULL, password_hash VARCHAR(255), profile TEXT NOT NULL, extra_claims TEXT NOT NULL, roles TEXT NOT NULL, \
    allowed_scope TEXT, is_disabled SMALLINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, version BIGINT NOT NULL)";
const ROW: &str = "INSERT INTO bench_people VALUES ('alice', 'alice', 'alice@example.com', 1, 'hash', '{\"name\":\"Alice\"}', '{}', '[\"staff\"]', NULL, 0, 1, 2, 3)";
/// How long each turn takes.
const TURN: Duration = Duration::from_millis(500);
const TURNS: usize = 7;

/// Whatever goes wrong ends the benchmark.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// Processor time of this process so far, in microseconds: user and system, all threads.
fn processor_time() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|at| fields[*at].parse::<f64>().unwrap_or_default()).sum();
    Ok(ticks * 10_000.0)
}

/// Reads the row for one turn; microseconds of time and of processor for each.
async fn turn<DB>(connection: &mut DB::Connection, text: &'static str) -> Outcome<(f64, f64)>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    String: sqlx::Type<DB> + sqlx::Encode<'static, DB>,
    Person: for<'r> FromRow<'r, DB::Row>,
    DB::Row: Send + Unpin,
{
    let (began, processor, mut times) = (Instant::now(), processor_time()?, 0.0);
    while began.elapsed() < TURN {
        let row: Person = sqlx::query_as::<DB, Person>(text)
            .bind("alice".to_owned())
            .fetch_one(&mut *connection)
            .await?;
        assert_eq!(row.1, "alice");
        times += 1.0;
    }
    Ok((began.elapsed().as_secs_f64() * 1e6 / times, (processor_time()? - processor) / times))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

macro_rules! compare {
    ($name:literal, $kind:ty, $connection:ty, $url:expr, $text:expr) => {{
        let mut typed = <$connection>::connect(&$url).await?;
        let mut any = AnyConnection::connect_with(&$url.parse::<AnyConnectOptions>()?).await?;
        let _ = typed.execute("DROP TABLE IF EXISTS bench_people").await;
        typed.execute(TABLE).await?;
        typed.execute(ROW).await?;
        let (mut of_typed, mut of_any) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            of_typed.push(turn::<$kind>(&mut typed, $text).await?);
            of_any.push(turn::<sqlx::Any>(&mut any, $text).await?);
        }
        typed.execute("DROP TABLE bench_people").await?;
        let columns = |rows: &[(f64, f64)]| (median(rows.iter().map(|row| row.0).collect()), median(rows.iter().map(|row| row.1).collect()));
        let ((typed_time, typed_cpu), (any_time, any_cpu)) = (columns(&of_typed), columns(&of_any));
        println!(
            "{:<10} typed {typed_time:7.1} us, {typed_cpu:6.1} us processor    any {any_time:7.1} us, {any_cpu:6.1} us processor    any : typed {:.2}, processor {:.2}",
            $name, any_time / typed_time, any_cpu / typed_cpu
        );
    }};
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "a benchmark has no settings")]
async fn main() -> Outcome<()> {
    install_default_drivers();
    let variable = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let databases = variable("BENCH_DATABASES", "sqlite,postgres,mysql");
    let numbered: &'static str = Box::leak(format!("SELECT {COLUMNS} FROM bench_people WHERE id = $1").into_boxed_str());
    let positional: &'static str = Box::leak(format!("SELECT {COLUMNS} FROM bench_people WHERE id = ?").into_boxed_str());
    for database in databases.split(',') {
        match database {
            "sqlite" => {
                let folder = tempfile::tempdir()?;
                let url = format!("sqlite://{}?mode=rwc", folder.path().join("bench.db").display());
                compare!("SQLite", sqlx::Sqlite, SqliteConnection, url, numbered);
            }
            "postgres" => {
                let url = variable("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres");
                compare!("PostgreSQL", sqlx::Postgres, PgConnection, url, numbered);
            }
            "mysql" => {
                let url = variable("TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/mysql");
                compare!("MariaDB", sqlx::MySql, MySqlConnection, url, positional);
            }
            other => return Err(format!("unknown database {other}").into()),
        }
    }
    Ok(())
}
