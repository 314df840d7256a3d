//! The program as a process: what commands record, JSON lines, and the log after a crash.

use reqwest::StatusCode;
use serde_json::Value;

use crate::cli::crash::populate;
use crate::cli::database::{Database, Kind};
use crate::cli::person::{Application, CALLBACK, PASSWORD, Person, text};
use crate::support::process::{PATIENCE, Sandbox};

fn events(sandbox: &Sandbox, arguments: &[&str]) -> Vec<Value> {
    let lines = sandbox.run(&[&["audit", "list", "--json"], arguments].concat()).done();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

#[test]
fn what_the_operator_does_is_recorded() {
    let sandbox = Sandbox::new();
    let password = ["--password-stdin"];
    sandbox
        .run_with_input(&[&["user", "add", "alice"], &password[..]].concat(), PASSWORD)
        .done();
    sandbox
        .run_with_input(&[&["user", "password", "alice"], &password[..]].concat(), "another password")
        .done();
    for command in [
        &["user", "disable", "alice"][..],
        &["user", "enable", "alice"],
        &["client", "add", "App", "--id", "app", "--redirect-uri", CALLBACK],
        &["client", "secret", "app"],
        &["client", "disable", "app"],
        &["client", "enable", "app"],
        &["client", "delete", "app"],
        &["scope", "add", "reports", "--description", "Read reports"],
        &["scope", "delete", "reports"],
        &["key", "rotate", "--algorithm", "ES256"],
        &["user", "delete", "alice"],
    ] {
        sandbox.run(command).done();
    }
    assert!(sandbox.run(&["admin-token", "reset"]).status.success());
    let mut seen = events(&sandbox, &[]);
    seen.reverse();
    let kinds: Vec<&str> = seen.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let expected = [
        "user.created",
        "password.changed",
        "user.changed",
        "user.changed",
        "client.created",
        "client.secret_replaced",
        "client.changed",
        "client.changed",
        "client.deleted",
        "scope.created",
        "scope.deleted",
        "signing_key.rotated",
        "user.deleted",
        "admin_token.replaced",
    ];
    assert_eq!(kinds, expected);
    assert!(
        seen.iter()
            .all(|event| event["actor"] == "command" && event["outcome"] == "success")
    );
    assert_eq!(seen[2]["detail"]["after"]["disabled"], true);
    assert_eq!(seen[4]["client"], "app");
    assert_eq!(seen[10]["detail"]["before"]["description"], "Read reports");
    assert_eq!(seen[12]["detail"]["before"]["username"], "alice");

    let verified = sandbox.run(&["audit", "verify", "--json"]).json();
    assert_eq!((&verified["intact"], &verified["summary"]["events"]), (&true.into(), &14.into()));
    assert_eq!(verified["summary"]["nodes"], 14, "each command that writes is one");
    assert!(
        sandbox
            .run(&["audit", "verify"])
            .done()
            .starts_with("The audit log is intact: 14 events")
    );
    for flag in ["--kind", "--event"] {
        assert_eq!(events(&sandbox, &[flag, "client.changed", "--limit", "1"]).len(), 1, "{flag}");
    }
    assert_eq!(events(&sandbox, &["--client", "app", "--since", "1h"]).len(), 5);
    assert_eq!(events(&sandbox, &["--until", "1h"]).len(), 0);
    assert_eq!(
        events(&sandbox, &["--user", seen[0]["user"].as_str().unwrap(), "--outcome", "success"]).len(),
        5
    );
    assert!(sandbox.run(&["audit", "list", "--actor", "command"]).done().starts_with("TIME"));
    assert!(
        sandbox
            .run(&["audit", "list", "--kind", "nonsense"])
            .refused()
            .contains("client.created")
    );
    assert!(sandbox.run(&["audit", "list", "--since", "yesterday"]).refused().contains("24h"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_is_said_and_ends_with_status_1() {
    let (database, sandbox) = Database::sandbox(Kind::Sqlite).await;
    sandbox.run(&["scope", "add", "reports", "--description", "Read reports"]).done();
    sandbox.run(&["audit", "verify"]).done();
    database.texts("DELETE FROM events RETURNING id").await;
    let line = sandbox.run(&["audit", "verify"]).refused();
    assert!(line.contains("the event is missing (node 1, lane 1, number 1)"), "{line}");
    let run = sandbox.run(&["audit", "verify", "--json"]);
    assert_eq!(run.status.code(), Some(1));
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&found["intact"], &found["finding"]["problem"]),
        (&false.into(), &"event_missing".into())
    );
}

/// Lines of JSON beside the log, told apart by `log`.
#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_a_line_of_json_on_standard_output() {
    for (format, target, is_written) in [
        ("json", None, true),
        ("text", None, false),
        ("text", Some("stdout"), true),
        ("json", Some("off"), false),
    ] {
        let mut sandbox = Sandbox::new().with("GATEHOUSE_LOG_FORMAT", format);
        if let Some(target) = target {
            sandbox = sandbox.with("GATEHOUSE_AUDIT_LOG", target);
        }
        populate(&sandbox);
        let mut server = sandbox.serve();
        let person = Person::new(&sandbox.issuer(), "alice", PASSWORD);
        let application = Application::public(&sandbox.issuer(), "app");
        let code = person.authorize("app", "openid offline_access").await.unwrap();
        let (status, answer) = application.redeem(&code).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{answer}");
        server.terminate();
        assert!(server.await_exit().success());
        let output = server.output();
        let lines: Vec<Value> = output
            .lines()
            .filter(|line| line.contains("\"log\":\"audit\""))
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect();
        let kinds: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
        let expected: &[&str] = if is_written { &["session.started", "code.redeemed"] } else { &[] };
        assert_eq!(kinds, expected, "{format} {target:?}");
        for secret in [
            code,
            text(&answer, "access_token"),
            text(&answer, "refresh_token"),
            PASSWORD.to_owned(),
        ] {
            assert!(!output.contains(&secret));
        }
        let stored = events(&sandbox, &["--kind", "code.redeemed"]);
        if let Some(line) = lines.get(1) {
            assert_eq!(
                (&line["id"], &line["time"], &line["client"]),
                (&stored[0]["id"], &stored[0]["time"], &"app".into())
            );
        }
        sandbox.run(&["audit", "verify"]).done();
    }
}

mod a_crash_under_load_breaks_no_chain {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        run(Kind::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        run(Kind::Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn mysql() {
        run(Kind::MySql).await;
    }

    async fn run(kind: Kind) {
        let (_database, sandbox) = Database::sandbox(kind).await;
        populate(&sandbox);
        let redeemed = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        for round in 0..2 {
            let mut server = sandbox.serve();
            let person = Person::new(&sandbox.issuer(), "alice", PASSWORD);
            person.authorize("app", "openid").await.expect("a sign-in");
            let mut writers = tokio::task::JoinSet::new();
            for _ in 0..6 {
                let (person, redeemed) = (person.clone(), std::sync::Arc::clone(&redeemed));
                let application = Application::public(&sandbox.issuer(), "app");
                writers.spawn(async move {
                    while let Ok(code) = person.authorize("app", "openid").await {
                        if application.redeem(&code).await.is_ok() {
                            redeemed.add_permits(1);
                        }
                    }
                });
            }
            let load = tokio::time::timeout(PATIENCE, redeemed.acquire_many(40 + 7 * round));
            load.await.expect("the server keeps answering").unwrap().forget();
            server.kill();
            while writers.join_next().await.is_some() {}
            let verified = sandbox.run(&["audit", "verify", "--json"]).json();
            assert_eq!(verified["intact"], true, "{verified}");
            assert!(verified["summary"]["events"].as_u64() >= Some(40), "{verified}");
        }
    }
}
