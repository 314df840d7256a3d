//! A newer version brings the schema up to date while nodes of this one serve.

use gatehouse::store::{DatabaseUrl, Store, StoreOptions};

use super::cluster::Cluster;
use super::ledger::Load;
use crate::cli::database::{Database, Kind};
use crate::support::process::PATIENCE;

/// What that version adds: columns, tables and indexes, as the rule of `migrations/README.md` allows them.
const NEWER: [(i64, &str); 2] = [
    (9001, include_str!("newer/9001_more_columns.sql")),
    (9002, include_str!("newer/9002_more_tables.sql")),
];
/// How much is acknowledged before and after.
const BETWEEN: usize = 60;

/// Migrates as the newer version does.
async fn migrate(url: &str) {
    let options = StoreOptions {
        url: DatabaseUrl::parse(url).expect("a URL"),
        pool_size: 2,
        acquire_timeout: PATIENCE,
    };
    let newer = Store::open(&options).await.expect("the database is there");
    newer.migrate_to_newer(&NEWER).await.expect("the newer version migrates");
    newer.close().await;
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
    load.end(&cluster).await;
    assert!(!cluster.output().contains("\"fault\""), "{}", cluster.output());
    assert_eq!(cluster.sandbox.run(&["migrate"]).done(), "The schema is up to date.\n");
    assert!(
        database.texts("SELECT id FROM future_things").await.is_empty(),
        "the table is there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn old_nodes_serve_while_a_newer_one_migrates_postgres() {
    old_nodes_serve_while_a_newer_one_migrates(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_nodes_serve_while_a_newer_one_migrates_mysql() {
    old_nodes_serve_while_a_newer_one_migrates(Kind::MySql).await;
}
