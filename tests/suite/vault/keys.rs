//! `gatehouse vault`, `gatehouse doctor` and the setting, as operators meet them.

use gatehouse::base::encoding::base64url;

use super::{given, kept, workload};
use crate::support::app::{APP_SECRET, Options};
use crate::support::process::Sandbox;
use crate::support::{Database, TestApp};

fn line(name: &str, byte: u8) -> String {
    format!("{name} {}\n", base64url(&[byte; 32]))
}

#[test]
fn the_keys_of_a_file_are_shown_without_themselves() {
    let sandbox = Sandbox::new();
    sandbox.begin();
    let derived = sandbox.run(&["vault", "keys", "--json"]).json();
    assert_eq!(derived.as_array().unwrap().len(), 1);
    assert_eq!(
        (&derived[0]["name"], &derived[0]["seals"], &derived[0]["connections"]),
        (&"derived".into(), &true.into(), &0.into())
    );

    sandbox.write("keys", &(line("new", 1) + &line("old", 2)));
    let path = sandbox.file("keys");
    let sandbox = sandbox.with("GATEHOUSE_VAULT_KEYS_FILE", path.to_str().unwrap());
    let table = sandbox.run(&["vault", "keys"]).done();
    let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().skip(1).collect()).collect();
    assert_eq!(
        words[1..],
        [["new", "seals", "0"], ["old", "opens", "0"], ["derived", "opens", "0"]]
    );
    assert!(!table.contains(&base64url(&[1; 32])[..8]));
    assert!(
        sandbox
            .run(&["vault", "rewrap"])
            .done()
            .starts_with("Rewrapped 0 connection(s) with the key ")
    );
    assert_eq!(sandbox.run(&["vault", "rewrap", "--json"]).json()["rewrapped"], 0);
    let findings = sandbox.run(&["doctor", "--json"]).json();
    let vault = |finding: &&serde_json::Value| finding["check"] == "vault";
    assert_eq!(
        findings.as_array().unwrap().iter().find(vault).unwrap()["state"],
        "ok",
        "{findings}"
    );
    let config = sandbox.run(&["config"]).done();
    assert!(config.contains("vault_keys_file") && !config.contains(&base64url(&[1; 32])[..8]));
}

#[test]
fn a_file_that_cannot_be_used_is_refused_at_the_start() {
    let sandbox = Sandbox::new();
    let path = sandbox.file("keys");
    let sandbox = sandbox.with("GATEHOUSE_VAULT_KEYS_FILE", path.to_str().unwrap());
    let refused = sandbox.run(&["migrate"]).refused();
    assert!(
        refused.contains("GATEHOUSE_VAULT_KEYS_FILE") && refused.contains("cannot read"),
        "{refused}"
    );
    sandbox.write("keys", "new c2hvcnQ\n");
    let refused = sandbox.run(&["migrate"]).refused();
    assert!(
        refused.contains("line 1: the key has 5 bytes") && !refused.contains("c2hvcnQ"),
        "{refused}"
    );
    sandbox.write("keys", &(line("new", 1) + &line("old", 1)));
    assert!(
        sandbox
            .run(&["migrate"])
            .refused()
            .contains("line 2: this is the key new once more")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_there_is_missed() {
    // The commands look at the clock of the machine.
    let options = Options {
        real_time: true,
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    let sandbox = Sandbox::new()
        .with("DATABASE_URL", &app.database_url())
        .with("APP_SECRET", APP_SECRET);
    sandbox.write("keys", &line("old", 1));
    let path = sandbox.file("keys");
    let path = path.to_str().unwrap();
    let old = app.second_node_with(&[("vault_keys_file", path)]).await;
    let alice = app.user("alice").await;
    let client = app.confidential_client().await;
    let agent = workload(&app.app, "agent", client.id()).await;
    let lost = kept(&old, &agent, &given(&alice.id, "lost", 1)).await;

    let findings = sandbox.run(&["doctor", "--json"]).json();
    let vault = findings
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["check"] == "vault")
        .unwrap();
    let message = vault["message"].as_str().unwrap();
    assert_eq!(vault["state"], "warning");
    assert!(
        message.contains(&lost.tokens.key_id) && message.contains("vault_keys_file"),
        "{message}"
    );
    let keys = sandbox.run(&["vault", "keys"]).done();
    let row: Vec<&str> = keys.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row, [lost.tokens.key_id.as_str(), "-", "missing", "1"]);
    let rewrap = sandbox.run(&["vault", "rewrap"]);
    assert!(!rewrap.status.success() && rewrap.stdout.contains(&lost.id), "{}", rewrap.stdout);

    // With the old key back in its place, behind a new one.
    sandbox.write("keys", &(line("new", 2) + &line("old", 1)));
    let sandbox = sandbox.with("GATEHOUSE_VAULT_KEYS_FILE", path);
    assert!(sandbox.run(&["vault", "rewrap"]).done().starts_with("Rewrapped 1 connection(s)"));
    let keys = sandbox.run(&["vault", "keys", "--json"]).json();
    assert_eq!(
        (&keys[0]["name"], &keys[0]["connections"], &keys[1]["connections"]),
        (&"new".into(), &1.into(), &0.into())
    );
}
