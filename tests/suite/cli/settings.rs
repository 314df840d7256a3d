//! `gatehouse config list`, `set` and `unset`: settings that change while servers run.

use serde_json::Value;

use super::database::{Database, Kind};
use super::person::browser;
use crate::support::process::Sandbox;

fn listed(sandbox: &Sandbox, key: &str) -> Value {
    let list = sandbox.run(&["config", "list", "--json"]).json();
    let settings = list["settings"].as_array().unwrap();
    settings.iter().find(|setting| setting["key"] == key).unwrap().clone()
}

#[test]
fn the_source_stands_beside_each_value() {
    let sandbox = Sandbox::bare().with("GATEHOUSE_WORKERS", "3");
    sandbox.write("gatehouse.toml", "code_lifetime = \"10s\"\nworkers = 2");
    let arguments = ["config", "--listen", "127.0.0.1:9"];
    let table = sandbox.run(&arguments).done();
    let cells = |key: &str| -> Vec<String> {
        let line = table.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap();
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    assert_eq!(cells("listen"), ["127.0.0.1:9", "--listen", "GATEHOUSE_LISTEN"]);
    assert_eq!(cells("workers"), ["3", "GATEHOUSE_WORKERS", "GATEHOUSE_WORKERS"]);
    assert_eq!(cells("code_lifetime"), ["10s", "gatehouse.toml", "GATEHOUSE_CODE_LIFETIME"]);
    assert_eq!(cells("refresh_grace"), ["10s", "default", "GATEHOUSE_REFRESH_GRACE"]);
    let json = sandbox.run(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(json["listen"], "127.0.0.1:9");
    assert_eq!(json["sources"]["listen"], "--listen");
    assert_eq!(json["sources"]["code_lifetime"], "gatehouse.toml");
    assert_eq!(json["sources"]["refresh_grace"], "default");
    assert!(!sandbox.file("gatehouse.db").exists(), "it needs no database");
}

on_every_database!(a_setting_is_changed_by_command);

async fn a_setting_is_changed_by_command(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    let said = sandbox.run(&["config", "set", "access_token_lifetime", "600"]).done();
    assert_eq!(said, "access_token_lifetime: 10m (database)\n");
    let rows = database
        .texts("SELECT value FROM settings WHERE name = 'live.access_token_lifetime'")
        .await;
    assert_eq!(rows, [["10m"]]);
    let view = listed(&sandbox, "access_token_lifetime");
    assert_eq!(
        (&view["value"], &view["source"], &view["changeable"]),
        (&"10m".into(), &"database".into(), &true.into())
    );
    let table = sandbox.run(&["config", "list"]).done();
    let line = table.lines().find(|line| line.starts_with("access_token_lifetime ")).unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>()[1..],
        ["10m", "database", "while", "it", "runs"]
    );

    let server = sandbox.serve();
    let added = sandbox.run(&["client", "add", "Robot", "--kind", "service", "--json"]).json();
    let (id, secret) = (added["client_id"].as_str().unwrap(), added["client_secret"].as_str().unwrap());
    let request = browser()
        .post(format!("{}/token", sandbox.issuer()))
        .basic_auth(id, Some(secret))
        .form(&[("grant_type", "client_credentials")]);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["expires_in"], 600, "{answer}");
    drop(server);

    let unset = sandbox.run(&["config", "unset", "access_token_lifetime", "--json"]).json();
    assert_eq!((&unset["value"], &unset["source"]), (&"1h".into(), &"default".into()));
    for (arguments, said) in [
        (&["set", "code_lifetime", "2m"][..], "code_lifetime: must be a time from 5s to 1m"),
        (&["set", "code_lifetim", "10s"], "there is no setting code_lifetim"),
        (&["set", "workers", "3"], "GATEHOUSE_WORKERS"),
        (&["unset", "listen"], "listen cannot change while the server runs"),
        (&["set", "code_lifetime", "10s", "--code-lifetime", "20s"], "--code-lifetime"),
        (
            &["set", "session_lifetime", "1h"],
            "session_idle_lifetime is longer than session_lifetime",
        ),
    ] {
        let line = sandbox.run(&[&["config"], arguments].concat()).refused();
        assert!(line.contains(said), "{arguments:?}: {line}");
    }
}

/// A row of another version, or one that was written by hand, is no reason not to start.
#[test]
fn a_stored_value_that_cannot_be_read_is_ignored_with_a_warning() {
    let sandbox = Sandbox::new();
    sandbox.run(&["config", "set", "code_lifetime", "20s"]).done();
    let file = sandbox.file("gatehouse.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let statement = "UPDATE settings SET value = 'soon' WHERE name = 'live.code_lifetime'";
    runtime.block_on(crate::support::database::execute(
        &format!("sqlite://{}", file.display()),
        statement.to_owned(),
    ));
    let run = sandbox.run(&["config", "list", "--json"]);
    assert!(run.status.success() && run.stderr.contains("code_lifetime"), "{}", run.stderr);
    assert!(run.stderr.contains("is ignored"), "{}", run.stderr);
    let server = sandbox.serve();
    server.await_line("is ignored: code_lifetime must be a time");
}
