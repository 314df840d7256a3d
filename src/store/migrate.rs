//! The schema: numbered files of `migrations/`, applied in order, once, whoever starts first.
//!
//! sqlx's own migrator does the work, while a second connection holds the lock that keeps other nodes from it: on PostgreSQL
//! sqlx's advisory lock, on MySQL one of our own, since sqlx asks for `GET_LOCK` without a time limit in a way that MariaDB
//! answers with a warning and no lock. A file that is for one database only carries its
//! name as a suffix; where the others have one, too, it takes the place of theirs.
//!
//! Nodes of the version before serve meanwhile (`migrations/README.md`). On PostgreSQL a migration is one transaction, which
//! may want a table that some of them use, while they want one that it has; and whoever comes while it waits for a long
//! `pg_dump` waits behind it. So it waits for a moment only, gives everything back, and tries again.

use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::error::DatabaseError;
use sqlx::migrate::{Migrate as _, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Connection as _, Executor, Row as _, SqlSafeStr};

use crate::base::fault::Fault;

use super::error::fault;
use super::options::Dialect;

/// How often a migration is tried that others are in the way of: for three minutes.
const ATTEMPTS: u32 = 240;
/// The same where a file is the database, and nobody is in the way for long.
const ATTEMPTS_AT_FILE: u32 = 5;
/// The time between two attempts, in which others do their work.
const PAUSE: Duration = Duration::from_millis(250);

/// The text of a migration.
enum Text {
    /// The same for all databases
    Same(&'static str),
    /// Only for PostgreSQL; the others have nothing to do
    PostgresOnly(&'static str),
    /// What MySQL spells in its own way
    MySqlApart { mysql: &'static str, others: &'static str },
}

/// Version, what it is about, and its text. Files are never changed once released.
const MIGRATIONS: [(i64, &str, Text); 11] = [
    (1, "foundation", Text::Same(include_str!("../../migrations/0001_foundation.sql"))),
    (2, "audit", Text::Same(include_str!("../../migrations/0002_audit.sql"))),
    (
        3,
        "administration",
        Text::Same(include_str!("../../migrations/0003_administration.sql")),
    ),
    (
        4,
        "search order",
        Text::PostgresOnly(include_str!("../../migrations/0004_search_order.postgres.sql")),
    ),
    (
        5,
        "fewer indexes",
        Text::MySqlApart {
            mysql: include_str!("../../migrations/0005_fewer_indexes.mysql.sql"),
            others: include_str!("../../migrations/0005_fewer_indexes.sql"),
        },
    ),
    (6, "agents", Text::Same(include_str!("../../migrations/0006_agents.sql"))),
    (7, "relay", Text::Same(include_str!("../../migrations/0007_relay.sql"))),
    (8, "vault", Text::Same(include_str!("../../migrations/0008_vault.sql"))),
    (9, "vault steps", Text::Same(include_str!("../../migrations/0009_vault_steps.sql"))),
    (10, "access keys", Text::Same(include_str!("../../migrations/0010_access_keys.sql"))),
    (11, "revocations", Text::Same(include_str!("../../migrations/0011_revocations.sql"))),
];

impl Text {
    fn of(&self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Same(text), _)
            | (Self::PostgresOnly(text), Dialect::Postgres)
            | (Self::MySqlApart { mysql: text, .. }, Dialect::MySql)
            | (Self::MySqlApart { others: text, .. }, Dialect::Sqlite | Dialect::Postgres) => text,
            (Self::PostgresOnly(_), Dialect::Sqlite | Dialect::MySql) => "SELECT 1",
        }
    }
}

fn migrator(dialect: Dialect, further: &[(i64, &'static str)]) -> Migrator {
    let migration = |version, about: &'static str, text: &'static str| {
        Migration::new(version, about.into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    let own = MIGRATIONS
        .iter()
        .map(|(version, about, text)| migration(*version, about, text.of(dialect)));
    let newer = further.iter().map(|(version, text)| migration(*version, "newer", text));
    let migrations = own.chain(newer).collect();
    let mut migrator = Migrator::with_migrations(migrations);
    // A newer version may have migrated already while this one still serves (rolling upgrade).
    migrator.set_ignore_missing(true);
    // Where sqlx's own lock is one, `take_turn` holds it.
    migrator.set_locking(false);
    migrator
}

/// Applies what is missing, and then what a newer version has `further`.
pub(super) async fn run(dialect: Dialect, options: &AnyConnectOptions, further: &[(i64, &'static str)]) -> Result<(), Fault> {
    // Held until the end. What follows has a connection of its own, made after the turn has come:
    // MySQL tells a session the collation that the schema had when the session began.
    let turn = take_turn(dialect, options).await?;
    let mut attempts = 0;
    let outcome = loop {
        attempts += 1;
        let mut connection = prepared(dialect, options).await?;
        let outcome = migrator(dialect, further).run(&mut connection).await;
        let _ = connection.close().await;
        match outcome {
            Err(error) if is_passing(dialect, &error, attempts) => {
                tracing::info!(
                    event = "migration_waits",
                    "it is tried again, others may use what it changes: {error}"
                );
                tokio::time::sleep(PAUSE).await;
            }
            outcome => break outcome,
        }
    };
    if let Some(turn) = turn {
        let _ = turn.close().await;
    }
    outcome.map_err(|error| Fault::internal(format!("a migration failed: {error}")))
}

/// A connection to migrate on.
async fn prepared(dialect: Dialect, options: &AnyConnectOptions) -> Result<AnyConnection, Fault> {
    let mut connection = AnyConnection::connect_with(options).await.map_err(fault)?;
    let statements: &[&'static str] = match dialect {
        Dialect::MySql => {
            choose_collation(&mut connection).await?;
            &[]
        }
        Dialect::Sqlite => &["PRAGMA busy_timeout = 10000", "PRAGMA journal_mode = WAL"],
        Dialect::Postgres => &["SET lock_timeout = '500ms'"],
    };
    for statement in statements {
        connection.execute(*statement).await.map_err(fault)?;
    }
    Ok(connection)
}

/// Whether it may go well another time. SQLite's migrator takes no lock: of two processes that start at once, one may lose a
/// race for the first statement of a migration; then the other has done the work, and a second look shows it. On MySQL
/// each statement is for good, so what ended in the middle is for people to look at.
fn is_passing(dialect: Dialect, error: &MigrateError, attempts: u32) -> bool {
    match (dialect, error) {
        // The text of a migration is another one than it was, and stays that.
        (Dialect::Sqlite, MigrateError::VersionMismatch(_) | MigrateError::VersionMissing(_)) => false,
        (Dialect::Sqlite, _) => attempts < ATTEMPTS_AT_FILE,
        (Dialect::Postgres, MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            let code = error.as_database_error().and_then(DatabaseError::code);
            // In each other's way, or no lock in time.
            attempts < ATTEMPTS && code.is_some_and(|code| matches!(code.as_ref(), "40P01" | "55P03"))
        }
        (Dialect::Postgres | Dialect::MySql, _) => false,
    }
}

/// Waits until no other node migrates this schema; `None` where nobody has to. The turn ends with the connection.
async fn take_turn(dialect: Dialect, options: &AnyConnectOptions) -> Result<Option<AnyConnection>, Fault> {
    if dialect == Dialect::Sqlite {
        return Ok(None);
    }
    let mut connection = AnyConnection::connect_with(options).await.map_err(fault)?;
    if dialect == Dialect::Postgres {
        connection.lock().await.map_err(Fault::database)?;
        return Ok(Some(connection));
    }
    let taken: Option<i64> = connection
        .fetch_one("SELECT CAST(GET_LOCK(CONCAT('gatehouse ', MD5(DATABASE())), 60) AS SIGNED)")
        .await
        .map_err(fault)?
        .try_get(0)
        .map_err(fault)?;
    if taken == Some(1) {
        return Ok(Some(connection));
    }
    Err(Fault::database("another node has been migrating it for a minute"))
}

/// How many migrations are still to be applied.
pub(super) async fn pending(dialect: Dialect, options: &AnyConnectOptions) -> Result<usize, Fault> {
    let applied = applied(dialect, options).await?;
    let is_applied = |migration: &&Migration| applied.contains(&migration.version);
    Ok(migrator(dialect, &[]).iter().filter(|migration| !is_applied(migration)).count())
}

/// Whether a newer version of the program has migrated it.
pub(super) async fn is_newer(dialect: Dialect, options: &AnyConnectOptions) -> Result<bool, Fault> {
    Ok(unknown(dialect, options).await? > 0)
}

/// How many migrations were applied that only a newer version of the program knows.
pub(super) async fn unknown(dialect: Dialect, options: &AnyConnectOptions) -> Result<usize, Fault> {
    let applied = applied(dialect, options).await?;
    let is_known = |version: &&i64| MIGRATIONS.iter().any(|(known, ..)| known == *version);
    Ok(applied.iter().filter(|version| !is_known(version)).count())
}

/// The versions that were applied.
async fn applied(dialect: Dialect, options: &AnyConnectOptions) -> Result<Vec<i64>, Fault> {
    let mut connection = AnyConnection::connect_with(options).await.map_err(fault)?;
    let exists = match dialect {
        Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
        Dialect::Postgres => {
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = '_sqlx_migrations'"
        }
        Dialect::MySql => {
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '_sqlx_migrations'"
        }
    };
    let exists: i64 = connection.fetch_one(exists).await.map_err(fault)?.try_get(0).map_err(fault)?;
    let applied = if exists == 0 {
        Vec::new()
    } else {
        connection
            .list_applied_migrations("_sqlx_migrations")
            .await
            .map_err(|error| Fault::internal(error.to_string()))?
    };
    let _ = connection.close().await;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}

/// The collation of the schema; `None` where text is always compared byte by byte.
pub(super) async fn collation(dialect: Dialect, options: &AnyConnectOptions) -> Result<Option<String>, Fault> {
    if dialect != Dialect::MySql {
        return Ok(None);
    }
    let mut connection = AnyConnection::connect_with(options).await.map_err(fault)?;
    let collation = mysql_collation(&mut connection).await?;
    let _ = connection.close().await;
    Ok(Some(collation))
}

async fn mysql_collation(connection: &mut AnyConnection) -> Result<String, Fault> {
    connection
        .fetch_one("SELECT CAST(@@collation_database AS CHAR(64))")
        .await
        .map_err(fault)?
        .try_get(0)
        .map_err(fault)
}

/// MySQL compares text without regard to case unless told otherwise, so that two client ids could
/// be one. An empty schema is given a binary collation; one with tables and another is refused.
async fn choose_collation(connection: &mut AnyConnection) -> Result<(), Fault> {
    let collation = mysql_collation(connection).await?;
    if collation.ends_with("_bin") {
        return Ok(());
    }
    let tables: i64 = connection
        .fetch_one("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()")
        .await
        .map_err(fault)?
        .try_get(0)
        .map_err(fault)?;
    if tables == 0 {
        connection
            .execute("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
            .await
            .map_err(fault)?;
        return Ok(());
    }
    Err(Fault::internal(format!(
        "the database compares text by {collation}, which takes different ids for the same; use a schema with CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    )))
}
