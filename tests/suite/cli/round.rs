//! A short round of every command that touches the database, on each database.

use serde_json::Value;

use super::database::{Database, Kind};
use super::person::PASSWORD;

fn find<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    list.as_array().expect("a list").iter().find(|item| item["name"] == name)
}

on_every_database!(a_round_of_everything);

async fn a_round_of_everything(kind: Kind) {
    let (_database, sandbox) = Database::sandbox(kind).await;
    assert_eq!(sandbox.run(&["migrate"]).done(), "Applied 11 migration(s).\n");
    assert_eq!(sandbox.run(&["migrate"]).done(), "The schema is up to date.\n");
    sandbox
        .run_with_input(&["user", "add", "alice", "--password-stdin"], PASSWORD)
        .done();
    assert!(
        sandbox
            .run_with_input(&["user", "add", "alice", "--password-stdin"], PASSWORD)
            .refused()
            .contains("another account")
    );
    sandbox.run(&["user", "disable", "alice"]).done();
    sandbox.run(&["user", "enable", "alice"]).done();
    let client = sandbox
        .run(&[
            "client", "add", "Job", "--kind", "service", "--scope", "openid", "--id", "Job", "--json",
        ])
        .json();
    assert_eq!(client["client_id"], "Job");
    sandbox
        .run(&["client", "add", "Job", "--kind", "service", "--scope", "openid", "--id", "job"])
        .done();
    sandbox.run(&["client", "secret", "Job"]).done();
    sandbox.run(&["client", "delete", "job"]).done();
    sandbox.run(&["scope", "add", "read", "--description", "Grüße lesen 📖"]).done();
    let scopes = sandbox.run(&["scope", "list", "--json"]).json();
    assert_eq!(find(&scopes, "read").unwrap()["description"], "Grüße lesen 📖");
    // Who is there already is told of.
    let seeded = sandbox.run(&["seed"]);
    assert!(seeded.status.success(), "{}", seeded.stderr);
    assert_eq!(seeded.stderr, "alice existed: password and limits replaced\n");
    sandbox.run(&["key", "rotate", "--algorithm", "ES256"]).done();
    let keys = sandbox.run(&["key", "list", "--json"]).json();
    assert_eq!(keys.as_array().unwrap().len(), 4);
    let published = keys.as_array().unwrap().iter().filter(|key| key["state"] == "next").count();
    assert_eq!(published, 1, "the next key is published before it signs: {keys}");
    assert!(sandbox.run(&["key", "list"]).done().starts_with("KEY ID"));
    assert!(
        sandbox
            .run(&["key", "rotate", "--algorithm", "HS256"])
            .refused()
            .contains("--algorithm")
    );
    let findings = sandbox.run(&["doctor", "--json"]).json();
    assert!(
        findings.as_array().unwrap().iter().all(|finding| finding["state"] != "error"),
        "{findings}"
    );
    for command in ["user", "client"] {
        let list = sandbox.run(&[command, "list", "--json"]).json();
        for item in list.as_array().unwrap() {
            let id = item.get("username").or(item.get("client_id")).unwrap().as_str().unwrap();
            sandbox.run(&[command, "delete", id]).done();
        }
        assert_eq!(sandbox.run(&[command, "list", "--json"]).json(), serde_json::json!([]));
    }
}
