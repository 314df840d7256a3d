//! A row that is damaged keeps nothing else from getting a new secret, and the old secret from being retired.

use serde_json::{Value, json};

use super::{open, raw};
use crate::cli::crash::populate;
use crate::cli::database::{Database, Kind};
use crate::support::process::APP_SECRET;
use crate::vault::{given, kept, read, tokens, workload};

const NEW: &str = "the-secret-that-takes-its-place-of-more-than-32-characters";

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_connection_of_sqlite_is_named() {
    a_damaged_connection_is_named(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_connection_of_postgres_is_named() {
    a_damaged_connection_is_named(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_connection_of_mysql_is_named() {
    a_damaged_connection_is_named(Kind::MySql).await;
}

async fn a_damaged_connection_is_named(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    populate(&sandbox);
    let app = open(&database.url, APP_SECRET).await.unwrap();
    let alice = app.store.read().await.unwrap().user_by_name("alice").await.unwrap().unwrap();
    let agent = workload(&app, "agent", "app").await;
    let good = kept(&app, &agent, &given(&alice.id, "good", 1)).await;
    let damaged = kept(&app, &agent, &given(&alice.id, "damaged", 2)).await;
    app.store.close().await;
    // The key of another row does not open it.
    let damage = format!(
        "UPDATE connections SET wrapped_key = {} WHERE id = '{}'",
        raw::quoted(&good.tokens.wrapped_key),
        damaged.id
    );
    assert_eq!(raw::run(&database.url, damage).await, 1);
    let before = raw::contents(&database.url).await["connections"].clone();

    let both = sandbox.with("APP_SECRET", NEW).with("APP_SECRET_PREVIOUS", APP_SECRET);
    let rotate = |more: &[&str]| {
        // It also reminds, on standard error, of the previous secret.
        let run = both.run(&[&["secret", "rotate", "--offline"], more].concat());
        assert!(run.status.success(), "{}{}", run.stdout, run.stderr);
        run.stdout
    };
    let said = rotate(&[]);
    let lost = |id: &str| format!("The tokens of the connection {id} are lost");
    assert!(said.contains(&lost(&damaged.id)) && !said.contains(&lost(&good.id)), "{said}");
    assert!(
        said.contains("Nothing in the database is sealed with the previous secret."),
        "{said}"
    );
    let again: Value = serde_json::from_str(&rotate(&["--json"])).unwrap();
    assert_eq!(again["damaged_connections"], json!([damaged.id]));
    assert_eq!(
        (&again["done"], &again["unopened"]["connections"]),
        (&true.into(), &1.into()),
        "{again}"
    );

    let app = open(&database.url, NEW).await.unwrap();
    let there = read(&app, &good.id).await.unwrap();
    assert_eq!(app.envelope.open(&there.binding(), &there.tokens).unwrap(), tokens(1));
    app.store.close().await;
    let after = raw::contents(&database.url).await["connections"].clone();
    let left: Vec<&String> = before.iter().filter(|row| after.contains(row)).collect();
    assert!(left.len() == 1 && left[0].contains(&damaged.id), "{left:?}");
}
