//! The schema: numbered files of `migrations/`, applied in order, once, whoever starts first.
//!
//! sqlx's own migrator does the work and holds an advisory lock on PostgreSQL while it does. On MySQL
//! it asks for `GET_LOCK` without a time limit in a way that MariaDB answers with a warning and no
//! lock, so there we hold a lock of our own. A file that is for one database only carries its
//! name as a suffix; where the others have one, too, it takes the place of theirs.

use sqlx::any::AnyConnectOptions;
use sqlx::migrate::{Migrate as _, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Connection as _, Executor, Row as _, SqlSafeStr};

use crate::base::fault::Fault;

use super::connection::fault;
use super::options::Dialect;

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

fn migrator(dialect: Dialect) -> Migrator {
    let migrations = MIGRATIONS
        .iter()
        .map(|(version, description, text)| {
            Migration::new(
                *version,
                (*description).into(),
                MigrationType::Simple,
                text.of(dialect).into_sql_str(),
                false,
            )
        })
        .collect();
    let mut migrator = Migrator::with_migrations(migrations);
    // A newer version may have migrated already while this one still serves (rolling upgrade).
    migrator.set_ignore_missing(true);
    migrator
}

/// Applies what is missing.
pub(super) async fn run(dialect: Dialect, options: &AnyConnectOptions) -> Result<(), Fault> {
    // Held until the end. What follows has a connection of its own, made after the turn has come:
    // MySQL tells a session the collation that the schema had when the session began.
    let turn = match dialect {
        Dialect::MySql => Some(take_turn(options).await?),
        Dialect::Sqlite | Dialect::Postgres => None,
    };
    let mut connection = AnyConnection::connect_with(options).await.map_err(fault)?;
    match dialect {
        Dialect::MySql => choose_collation(&mut connection).await?,
        Dialect::Sqlite => {
            for statement in ["PRAGMA busy_timeout = 10000", "PRAGMA journal_mode = WAL"] {
                connection.execute(statement).await.map_err(fault)?;
            }
        }
        Dialect::Postgres => {}
    }
    // SQLite's migrator takes no lock. Of two processes that start at once, one may lose a race for
    // the first statement of a migration; then the other has done the work, and a second look shows it.
    let mut attempts = 0;
    let outcome = loop {
        attempts += 1;
        match migrator(dialect).run(&mut connection).await {
            Err(_) if dialect == Dialect::Sqlite && attempts < 5 => {
                let _ = connection.close().await;
                connection = AnyConnection::connect_with(options).await.map_err(fault)?;
                connection.execute("PRAGMA busy_timeout = 10000").await.map_err(fault)?;
            }
            outcome => break outcome,
        }
    };
    let _ = connection.close().await;
    if let Some(turn) = turn {
        let _ = turn.close().await;
    }
    outcome.map_err(|error| Fault::internal(format!("a migration failed: {error}")))
}

/// Waits until no other node migrates this schema. The turn ends with the connection.
async fn take_turn(options: &AnyConnectOptions) -> Result<AnyConnection, Fault> {
    let mut connection = AnyConnection::connect_with(options).await.map_err(fault)?;
    let taken: Option<i64> = connection
        .fetch_one("SELECT CAST(GET_LOCK(CONCAT('gatehouse ', MD5(DATABASE())), 60) AS SIGNED)")
        .await
        .map_err(fault)?
        .try_get(0)
        .map_err(fault)?;
    if taken == Some(1) {
        return Ok(connection);
    }
    Err(Fault::Unavailable("another node has been migrating it for a minute".to_owned()))
}

/// How many migrations are still to be applied.
pub(super) async fn pending(dialect: Dialect, options: &AnyConnectOptions) -> Result<usize, Fault> {
    let applied = applied(dialect, options).await?;
    let is_applied = |migration: &&Migration| applied.contains(&migration.version);
    Ok(migrator(dialect).iter().filter(|migration| !is_applied(migration)).count())
}

/// Whether a newer version of the program has migrated it.
pub(super) async fn is_newer(dialect: Dialect, options: &AnyConnectOptions) -> Result<bool, Fault> {
    let applied = applied(dialect, options).await?;
    Ok(applied.iter().any(|version| !MIGRATIONS.iter().any(|(known, ..)| known == version)))
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
