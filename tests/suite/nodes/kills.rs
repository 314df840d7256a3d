//! Nodes are killed under load, one after the other; the others go on, and nothing that was acknowledged is lost.

use super::cluster::{Cluster, SIZE};
use super::ledger::Load;
use crate::cli::database::{Database, Kind};

/// How much is acknowledged between two deaths.
const BETWEEN: usize = 60;

async fn nothing_is_lost_when_nodes_are_killed(kind: Kind) {
    let (_database, sandbox) = Database::sandbox(kind).await;
    let sandbox = sandbox.with("GATEHOUSE_REFRESH_GRACE", "60s");
    let (mut cluster, _) = Cluster::start(sandbox).await;
    let load = Load::begin(&cluster).await;
    for node in 0..SIZE {
        load.ledger.await_more(BETWEEN).await;
        cluster.servers[node].kill();
        // Those that are left serve on.
        load.ledger.await_more(BETWEEN).await;
        cluster.servers[node] = cluster.nodes[node].serve();
    }
    // All but one, in one moment.
    load.ledger.await_more(BETWEEN).await;
    cluster.servers[0].kill();
    cluster.servers[1].kill();
    load.ledger.await_more(BETWEEN).await;
    for node in 0..2 {
        cluster.servers[node] = cluster.nodes[node].serve();
    }
    load.end(&cluster).await;
    assert!(!cluster.output().contains("\"fault\""), "{}", cluster.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_nodes_are_killed_on_postgres() {
    nothing_is_lost_when_nodes_are_killed(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_nodes_are_killed_on_mysql() {
    nothing_is_lost_when_nodes_are_killed(Kind::MySql).await;
}
