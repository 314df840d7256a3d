//! The database server dies under load and comes back; the nodes recover by themselves, and nothing that was acknowledged is
//! lost.

use super::cluster::Cluster;
use super::ledger::Load;
use super::servers::{DatabaseServer, Kind};
use crate::support::process::Sandbox;

/// How much is acknowledged before, between and after.
const BETWEEN: usize = 60;

async fn nodes_recover_when_the_database_restarts(kind: Kind) {
    let mut server = DatabaseServer::start(kind);
    let sandbox = Sandbox::new()
        .with("DATABASE_URL", &server.database().await)
        .with("GATEHOUSE_DATABASE_TIMEOUT", "1s")
        .with("GATEHOUSE_REFRESH_GRACE", "60s");
    let (cluster, _) = Cluster::start(sandbox).await;
    let load = Load::begin(&cluster).await;
    load.ledger.await_more(BETWEEN).await;
    server.kill();
    server.restart();
    load.ledger.await_more(BETWEEN).await;
    server.stop();
    server.restart();
    load.ledger.await_more(BETWEEN).await;
    cluster.await_ready().await;
    load.end(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_recover_when_postgres_restarts() {
    nodes_recover_when_the_database_restarts(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_recover_when_mariadb_restarts() {
    nodes_recover_when_the_database_restarts(Kind::MariaDb).await;
}
