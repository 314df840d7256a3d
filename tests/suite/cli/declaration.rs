//! `gatehouse apply` and `gatehouse export`.

use super::database::{Database, Kind};
use crate::support::process::Sandbox;

const FILE: &str = "
scopes:
  photos:read: { description: See your photos }
clients:
  album:
    client_name: \"Photo\\u001b[31m Album\"
    redirect_uris: [https://photos.example/callback]
  report: { kind: service, client_name: Report }
users:
  alice: { password_file: alice.password }
";

on_every_database!(a_file_is_applied_and_exported);

async fn a_file_is_applied_and_exported(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    let text = FILE.replace("\\u001b[31m", "");
    sandbox.write("gatehouse.yaml", &text);
    sandbox.write("alice.password", "correct horse battery staple\n");
    let dry = sandbox.run(&["apply", "-f", "gatehouse.yaml", "--dry-run"]).done();
    assert!(dry.contains("+ clients.album\n    client_name: \"Photo Album\"\n"), "{dry}");
    assert!(dry.ends_with("4 to create, 0 to change, 0 to remove, 0 unchanged.\n"), "{dry}");
    assert!(database.texts("SELECT id FROM clients").await.is_empty(), "nothing was changed");
    let code = |arguments: &[&str]| sandbox.run(arguments).status.code();
    assert_eq!(
        code(&["apply", "-f", "gatehouse.yaml", "--dry-run", "--detailed-exitcode"]),
        Some(2)
    );

    let applied = sandbox.run(&["apply", "-f", "gatehouse.yaml"]).done();
    assert_eq!(applied.matches("client_secret of ").count(), 2, "{applied}");
    assert_eq!(code(&["apply", "-f", "gatehouse.yaml", "--detailed-exitcode"]), Some(0));
    let events = database.texts("SELECT id FROM clients ORDER BY id").await;
    assert_eq!(events, [["album"], ["report"]]);
    let exported = sandbox.run(&["export"]).done();
    assert!(!exported.contains("ghs_") && !exported.contains("correct horse"), "{exported}");
    let again = sandbox.run_with_input(&["apply", "-f", "-", "--prune"], &exported).done();
    assert_eq!(again, "Nothing to do: 4 as declared.\n");
    let only = sandbox.run(&["export", "--only", "clients,scopes"]).done();
    assert!(
        only.contains("\nscopes:\n") && only.contains("\nclients:\n") && !only.contains("users:"),
        "{only}"
    );

    sandbox.write(
        "gatehouse.yaml",
        &text
            .replace("photos.example/callback", "photos.example/other")
            .replace("  report: { kind: service, client_name: Report }\n", ""),
    );
    let dry = sandbox.run(&["apply", "-f", "gatehouse.yaml", "--dry-run", "--prune"]).done();
    let expected = "\
~ clients.album
    redirect_uris:
      - \"https://photos.example/callback\"
      + \"https://photos.example/other\"
- clients.report
0 to create, 1 to change, 1 to remove, 2 unchanged.
";
    assert_eq!(dry, expected);
    let refused = sandbox.run(&["apply", "-f", "gatehouse.yaml", "--prune"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        refused.stderr.contains("1 would be removed, and there is nobody to ask"),
        "{}",
        refused.stderr
    );
    let report = sandbox.run(&["apply", "-f", "gatehouse.yaml", "--prune", "--yes", "--json"]).json();
    assert_eq!(
        report["summary"],
        serde_json::json!({ "create": 0, "update": 1, "delete": 1, "unchanged": 2 })
    );
    assert_eq!(
        report["changes"][1],
        serde_json::json!({ "section": "clients", "key": "report", "action": "delete", "fields": [] })
    );
    assert_eq!(database.texts("SELECT id FROM clients").await, [["album"]]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let sandbox = Sandbox::new();
    sandbox.write("one.yaml", "clients:\n  a: { kind: service, client_name: A, redirect_uri: x }\n");
    let said = sandbox.run(&["apply", "-f", "one.yaml"]).refused();
    assert!(
        said.starts_with("gatehouse: one.yaml:2: clients.a.redirect_uri: unknown field; did you mean redirect_uris?"),
        "{said}"
    );
    sandbox.write("two.yaml", "users:\n  b: { password: hunter2hunter2 }\n  c: { emails: x }\n");
    let run = sandbox.run(&["apply", "-f", "one.yaml", "-f", "two.yaml", "--json"]);
    assert_eq!((run.status.code(), run.stdout.as_str()), (Some(1), ""));
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines[0], "gatehouse: there are 3 problems; nothing was changed");
    assert!(
        lines[2].starts_with("  two.yaml:2: users.b.password: a password does not belong"),
        "{}",
        run.stderr
    );
    assert!(
        lines[3].starts_with("  two.yaml:3: users.c.emails: unknown field; did you mean email?"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    assert!(
        sandbox
            .run(&["apply", "-f", "none.yaml"])
            .refused()
            .contains("cannot read none.yaml")
    );
    // What a file holds cannot steer the terminal.
    let run = sandbox.run_with_input(&["apply", "-f", "-", "--dry-run"], FILE);
    assert!(
        !run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'),
        "{}{}",
        run.stdout,
        run.stderr
    );
}
