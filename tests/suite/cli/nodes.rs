//! Several nodes over one database.

use serde_json::Value;

use super::database::{Database, Kind};
use super::person::browser;
use crate::support::process::{Sandbox, Server};

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

#[test]
fn a_second_server_on_one_file_says_that_it_is_one_too_many() {
    const WARNING: &str = "served_twice";
    let sandbox = Sandbox::new();
    let mut first = sandbox.serve();
    first.await_line("gatehouse is ready");
    let mut second = sandbox.node().serve();
    second.await_line(WARNING);
    second.await_line("gatehouse is ready");
    // Copies are of the database, and of nothing beside it.
    std::fs::create_dir(sandbox.file("copies")).unwrap();
    sandbox.run(&["backup", "--to", "copies/copy.db"]).done();
    let copied: Vec<_> = std::fs::read_dir(sandbox.file("copies"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(copied, ["copy.db"]);
    for server in [&mut first, &mut second] {
        server.terminate();
        assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
    }
    assert!(!first.output().contains(WARNING), "{}", first.output());

    // The lock has ended with them, whatever has become of its file.
    let mut third = sandbox.serve();
    third.await_line("gatehouse is ready");
    third.kill();
    let fourth = sandbox.serve();
    fourth.await_line("gatehouse is ready");
    assert!(
        !fourth.output().contains(WARNING),
        "a crash leaves none either: {}",
        fourth.output()
    );
    assert!(!third.output().contains(WARNING), "{}", third.output());
}
