//! A database ends a deadlock by undoing the transaction of one of two. When that is ours, nobody notices.

use std::time::Duration;

use sqlx::{AnyConnection, Connection, Executor, Row};

use crate::support::TestApp;
use crate::support::browser::Browser;
use crate::support::database::Database;
use crate::support::process::PATIENCE;

/// How somebody else holds what the server needs second and then wants what it has first, and how many wait for a lock.
struct Somebody {
    begin: &'static str,
    /// More than the server has written: of two MariaDB undoes the one that has written less.
    second: &'static [&'static str],
    first: &'static str,
    waiting: &'static str,
}

const AT_POSTGRES: Somebody = Somebody {
    begin: "BEGIN",
    second: &["UPDATE consents SET updated_at = updated_at + 1"],
    first: "UPDATE sessions SET created_at = created_at + 1",
    waiting: "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
};
const AT_MYSQL: Somebody = Somebody {
    begin: "START TRANSACTION",
    second: &[
        "UPDATE consents SET updated_at = updated_at + 1",
        "UPDATE users SET updated_at = updated_at + 1",
        "UPDATE clients SET updated_at = updated_at + 1",
        "UPDATE scopes SET updated_at = updated_at + 1",
    ],
    first: "UPDATE sessions SET created_at = created_at + 1",
    waiting: "SELECT COUNT(*) FROM information_schema.innodb_trx JOIN information_schema.processlist ON id = trx_mysql_thread_id \
              WHERE db = DATABASE() AND trx_state = 'LOCK WAIT'",
};

async fn await_somebody_waiting(looking: &mut AnyConnection, query: &'static str) {
    let waiting = async {
        loop {
            let row = looking.fetch_one(query).await.expect("the query runs");
            if row.get::<i64, _>(0) > 0 {
                return;
            }
            // MariaDB shows anew what it has shown within the last tenth of a second.
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the server waits for a lock");
}

async fn what_was_undone_for_a_deadlock_is_begun_again(kind: Database, somebody: Somebody) {
    let app = TestApp::start(kind).await;
    app.user("alice").await;
    let client = app.public_client().await;
    let browser = Browser::new();
    let page = client.authorize(&browser, "alice", &[]).await;
    assert!(page.answer("code").is_some(), "alice has signed in and agreed");
    let mut other = AnyConnection::connect(&app.database_url()).await.expect("a connection");
    let mut looking = AnyConnection::connect(&app.database_url()).await.expect("another one");
    other.execute(somebody.begin).await.expect("a transaction");
    for statement in somebody.second {
        other.execute(*statement).await.expect("it is free");
    }
    let url = client.authorize_url(&[]);
    let asking = tokio::spawn(async move { browser.get(&url).await });
    await_somebody_waiting(&mut looking, somebody.waiting).await;
    other
        .execute(somebody.first)
        .await
        .expect("the database undoes the other transaction");
    other.execute("ROLLBACK").await.expect("the end");
    let page = asking.await.expect("no panic");
    assert!(page.answer("code").is_some(), "{} {}", page.status, page.body);
    assert_eq!(app.app.store.measures().undone.value(), 1, "there was a deadlock");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_undone_for_a_deadlock_is_begun_again_postgres() {
    what_was_undone_for_a_deadlock_is_begun_again(Database::Postgres, AT_POSTGRES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_undone_for_a_deadlock_is_begun_again_mysql() {
    what_was_undone_for_a_deadlock_is_begun_again(Database::MySql, AT_MYSQL).await;
}
