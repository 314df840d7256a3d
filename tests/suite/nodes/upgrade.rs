//! A newer version brings the schema up to date while nodes of this one serve.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Connection, SqlSafeStr};

use super::cluster::Cluster;
use super::ledger::Load;
use crate::cli::database::{Database, Kind};

/// What that version adds: columns, tables and indexes, as the rule of `migrations/README.md` allows them.
const NEWER: [(i64, &str); 2] = [
    (9001, include_str!("newer/9001_more_columns.sql")),
    (9002, include_str!("newer/9002_more_tables.sql")),
];
/// How much is acknowledged before and after.
const BETWEEN: usize = 60;

/// Migrates as the newer version does: it knows these migrations, and those that are there already are none of its concern.
async fn migrate(url: &str) {
    sqlx::any::install_default_drivers();
    let migrations = NEWER.map(|(version, text)| {
        let about = Cow::Borrowed("newer");
        Migration::new(version, about, MigrationType::Simple, text.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.set_ignore_missing(true);
    // The lock that sqlx takes on MySQL is none on MariaDB; nobody else migrates here.
    migrator.set_locking(false);
    let mut connection = AnyConnection::connect(url).await.expect("a connection");
    migrator.run(&mut connection).await.expect("the newer version migrates");
}

async fn old_nodes_serve_while_a_newer_one_migrates(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    let sandbox = sandbox.with("GATEHOUSE_REFRESH_GRACE", "60s");
    let (mut cluster, _) = Cluster::start(sandbox).await;
    let load = Load::begin(&cluster).await;
    load.ledger.await_more(BETWEEN).await;
    migrate(&database.url).await;
    load.ledger.await_more(BETWEEN).await;
    // One of the old version that is started again, because somebody has to go back, serves, too.
    cluster.servers[1].terminate();
    assert!(cluster.servers[1].await_exit().success());
    cluster.servers[1] = cluster.nodes[1].serve();
    load.ledger.await_more(BETWEEN).await;
    let ledger = load.stop().await;
    for trouble in ["\"fault\"", "WARN"] {
        assert!(!cluster.output().contains(trouble), "{}", cluster.output());
    }
    ledger.verify(&cluster).await;
    assert_eq!(cluster.sandbox.run(&["migrate"]).done(), "The schema is up to date.\n");
    let added = database.texts("SELECT CAST(COUNT(*) AS CHAR(20)) FROM future_things").await;
    assert_eq!(added[0][0].trim(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_nodes_serve_while_a_newer_one_migrates_postgres() {
    old_nodes_serve_while_a_newer_one_migrates(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_nodes_serve_while_a_newer_one_migrates_mysql() {
    old_nodes_serve_while_a_newer_one_migrates(Kind::MySql).await;
}
