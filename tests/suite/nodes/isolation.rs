//! What is usual at the database does not matter: the gates need no more than that a conditional `UPDATE` sees what is
//! committed, and whoever comes at the same moment is not refused for it.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::support::TestApp;
use crate::support::app::Options;
use crate::support::database::{Database, FreshDatabase, execute};

async fn crowds_are_answered_where_this_is_usual(level: &str) {
    let database = FreshDatabase::create(Database::Postgres).await;
    let url = database.url();
    let name = url.rsplit('/').next().expect("a name");
    let statement = format!("ALTER DATABASE {name} SET default_transaction_isolation = '{level}'");
    execute(&url, statement).await;
    let app = TestApp::on(database, Options::default()).await;
    app.user("alice").await;
    let client = app.trusted_client().await;
    for _ in 0..3 {
        let tokens = client.tokens("alice", &[]).await;
        let answers = join_all((0..30).map(|_| client.refresh(tokens.text("refresh_token")))).await;
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
        assert!(refused.is_empty(), "{refused:?}");
        let successors: BTreeSet<&str> = answers.iter().map(|answer| answer.text("refresh_token")).collect();
        assert_eq!(successors.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn crowds_are_answered_where_transactions_are_serializable() {
    crowds_are_answered_where_this_is_usual("serializable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crowds_are_answered_where_reads_are_repeatable() {
    crowds_are_answered_where_this_is_usual("repeatable read").await;
}
