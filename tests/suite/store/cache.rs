//! What a node keeps of clients, scopes and resources: its own changes are there at once, those of others soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatehouse::model::client::Client;
use gatehouse::store::Store;

use crate::support::{TestApp, on_every_database};

async fn changed(store: &Store, id: &str, change: impl FnOnce(&mut Client)) {
    let mut client = store.read().await.unwrap().client(id).await.unwrap().unwrap();
    change(&mut client);
    let mut tx = store.begin().await.unwrap();
    assert!(tx.update_client(&client).await.unwrap());
    tx.commit().await.unwrap();
}

async fn known_name(store: &Store, id: &str) -> String {
    store.known_client(id).await.unwrap().unwrap().name.clone()
}

on_every_database! {
    async fn what_is_known_is_never_older_than_a_change_here(app: TestApp) {
        let store = &app.app.store;
        let id = app.confidential_client().await.client.id;
        for at in 0..3 {
            let name = format!("name {at}");
            changed(store, &id, |client| client.settings.name.clone_from(&name)).await;
            assert_eq!(known_name(store, &id).await, name);
        }
        let mut tx = store.begin().await.unwrap();
        assert!(tx.delete_client(&id, app.app.now()).await.unwrap());
        tx.commit().await.unwrap();
        assert!(store.known_client(&id).await.unwrap().is_none());
    }

    async fn what_was_read_before_a_change_is_not_kept_after_it(app: TestApp) {
        let store = app.app.store.clone();
        let id = app.confidential_client().await.client.id;
        let is_over = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..4).map(|_| {
            let (store, id, is_over) = (store.clone(), id.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    store.known_client(&id).await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        }).collect();
        for at in 0..50 {
            let name = format!("name {at}");
            changed(&store, &id, |client| client.settings.name.clone_from(&name)).await;
            assert_eq!(known_name(&store, &id).await, name);
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.await.unwrap();
        }
    }

    async fn another_node_learns_of_it_soon(app: TestApp) {
        let other = app.second_node().await.store.clone();
        let store = &app.app.store;
        let id = app.confidential_client().await.client.id;
        assert!(!known_name(&other, &id).await.is_empty());
        assert!(other.known_scopes().await.unwrap().definition("reports").is_none());
        changed(store, &id, |client| "another".clone_into(&mut client.settings.name)).await;
        app.define_scope("reports", &[]).await;
        assert!(store.known_scopes().await.unwrap().definition("reports").is_some());
        // It takes a second; how long this machine takes for that is its own affair.
        let learned = async {
            while known_name(&other, &id).await != "another" || other.known_scopes().await.unwrap().definition("reports").is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), learned).await.unwrap();
    }
}

/// Whoever changes what is kept says so: nothing else makes this node read it anew.
#[test]
fn every_statement_that_changes_what_is_kept_says_so() {
    const KEPT: [&str; 3] = ["clients", "scopes", "resources"];
    // A row that is only locked is the same as before, and what a client says of itself is not kept.
    const HARMLESS: [&str; 2] = [
        "UPDATE clients SET updated_at = updated_at",
        "UPDATE clients SET registration_about",
    ];
    let mut silent = Vec::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store")).unwrap() {
        let path = file.unwrap().path();
        if !path.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for function in text.split("pub async fn ").skip(1) {
            let name = function.split('(').next().unwrap_or_default();
            let changes = |table: &&&str| {
                let verbs = [
                    format!("UPDATE {table} SET"),
                    format!("DELETE FROM {table} "),
                    format!("INSERT INTO {table} ("),
                ];
                verbs.iter().any(|verb| function.contains(verb.as_str()))
            };
            let table = KEPT.iter().find(changes);
            if table.is_some() && !HARMLESS.iter().any(|harmless| function.contains(harmless)) && !function.contains("self.changes.") {
                silent.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert_eq!(silent, Vec::<String>::new());
}
