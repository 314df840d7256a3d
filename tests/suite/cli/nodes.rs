//! Several nodes over one database.

use serde_json::Value;

use super::database::{Database, Kind};
use super::person::browser;
use crate::support::process::Server;

on_every_database!(four_that_start_at_once_agree);

async fn four_that_start_at_once_agree(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    // With SQLite they also have to agree on the secret that one of them makes.
    let sandbox = if kind == Kind::Sqlite {
        sandbox.without("APP_SECRET")
    } else {
        sandbox
    };
    let nodes = [sandbox.node(), sandbox.node(), sandbox.node(), sandbox.node()];
    let servers: Vec<Server> = nodes.iter().map(|node| node.launch(&[])).collect();
    for server in &servers {
        server.await_connection();
    }
    let keys = database.texts("SELECT id, algorithm FROM signing_keys ORDER BY algorithm").await;
    let algorithms: Vec<&str> = keys.iter().map(|key| key[1].as_str()).collect();
    assert_eq!(algorithms, ["ES256", "EdDSA", "RS256"], "one key of each algorithm");

    let mut seen = Vec::new();
    let links: Vec<String> = servers.iter().map(|server| server.await_line("/setup?code=")).collect();
    assert!(
        links.iter().all(|link| *link == links[0]),
        "all nodes print the same link: {links:?}"
    );
    for node in &nodes {
        let jwks = browser().get(format!("{}/jwks", node.issuer())).send().await.unwrap();
        let jwks: Value = jwks.json().await.unwrap();
        let mut kids: Vec<String> = jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].to_string()).collect();
        kids.sort();
        seen.push(kids);
    }
    assert_eq!(seen[0].len(), 3);
    assert!(
        seen.iter().all(|kids| *kids == seen[0]),
        "all nodes publish the same keys: {seen:?}"
    );
}
