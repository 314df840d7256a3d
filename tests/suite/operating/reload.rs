//! Reading again: by SIGHUP, by the API, and because a file has changed.

use serde_json::Value;

use super::tls::{first_certificate, sandbox, seen};
use crate::support::certificate::certify;
use crate::support::curl::{curl, printed_with};
use crate::support::process::Sandbox;
use crate::support::tls_wire::TlsWire;
use crate::support::wire::Wire;

const ADMIN_TOKEN: &str = "an-admin-token-of-these-tests";

/// Puts another certificate in the place of the one that is served.
fn put(sandbox: &Sandbox, name: &str) {
    for ending in ["pem", "key"] {
        std::fs::copy(
            sandbox.file(&format!("{name}.{ending}")),
            sandbox.file(&format!("certificate.{ending}")),
        )
        .unwrap();
    }
}

fn in_file(sandbox: &Sandbox, name: &str) -> String {
    first_certificate(&std::fs::read_to_string(sandbox.file(&format!("{name}.pem"))).unwrap())
}

/// What the API answers: its status and its document.
fn by_api(sandbox: &Sandbox) -> (u16, Value) {
    let url = format!("https://127.0.0.1:{}/api/admin/v1/reload", sandbox.address().port());
    let token = format!("X-Admin-Token: {ADMIN_TOKEN}");
    let mut ask = curl(sandbox);
    ask.args(["--insecure", "--request", "POST", "--header", &token, &url]);
    let (document, status) = printed_with(ask, "response_code");
    (status.parse().expect("a status"), serde_json::from_str(&document).expect("JSON"))
}

#[test]
fn a_new_certificate_is_for_new_connections() {
    let sandbox = sandbox().with("ADMIN_TOKEN", ADMIN_TOKEN);
    for name in ["second", "third", "fourth"] {
        certify(&sandbox, name, 60);
    }
    let server = sandbox.serve();
    server.await_line("gatehouse is ready");
    let first = in_file(&sandbox, "certificate");
    assert_eq!(seen(&sandbox), first);
    let mut early = TlsWire::to(&sandbox, "http/1.1");
    assert_eq!(early.get("/healthz").status(), 200);

    put(&sandbox, "second");
    server.tell("HUP");
    server.await_line("certificate: valid until ");
    assert_eq!(seen(&sandbox), in_file(&sandbox, "second"));
    assert_eq!(early.get("/healthz").status(), 200, "who was there before goes on");

    // What cannot be used leaves in force what was: no certificate at all, and the key of another one.
    sandbox.write("certificate.pem", "-----BEGIN NOTHING-----");
    server.tell("HUP");
    let line = server.await_line("reload_failed");
    assert!(line.contains("certificate.pem: "), "{line}");
    assert_eq!(seen(&sandbox), in_file(&sandbox, "second"));
    put(&sandbox, "third");
    std::fs::copy(sandbox.file("second.key"), sandbox.file("certificate.key")).unwrap();
    let (status, problem) = by_api(&sandbox);
    assert_eq!(
        (status, &problem["type"]),
        (409, &"urn:gatehouse:problem:conflict".into()),
        "{problem}"
    );
    assert!(
        problem["detail"].as_str().unwrap().starts_with("certificate cannot be used"),
        "{problem}"
    );
    server.await_line("the key is that of another certificate");
    assert_eq!(seen(&sandbox), in_file(&sandbox, "second"));

    put(&sandbox, "third");
    let (status, done) = by_api(&sandbox);
    assert_eq!(status, 200, "{done}");
    assert_eq!(done["parts"]["certificate"]["outcome"], "changed", "{done}");
    assert_eq!(done["parts"]["settings"]["outcome"], "unchanged", "{done}");
    assert_eq!(seen(&sandbox), in_file(&sandbox, "third"));

    // Nobody says anything: the files have changed.
    put(&sandbox, "fourth");
    server.await_line("certificate_renewed");
    assert_eq!(seen(&sandbox), in_file(&sandbox, "fourth"));

    let events = sandbox.run(&["audit", "list", "--kind", "server.reloaded", "--json"]).done();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<(&str, &str)> = events
        .iter()
        .map(|event| (event["actor"].as_str().unwrap(), event["outcome"].as_str().unwrap()))
        .collect();
    let expected = [
        ("admin_token", "success"),
        ("admin_token", "failure"),
        ("system", "failure"),
        ("system", "success"),
    ];
    assert_eq!(seen, expected, "{events:?}");
}

/// What is shown of secrets does not tell that they have changed.
#[test]
fn a_secret_or_file_that_has_changed_is_named_and_not_shown() {
    let sandbox = Sandbox::new();
    certify(&sandbox, "authority", 2);
    sandbox.write("gatehouse.toml", "redis_url_file = \"redis\"\nredis_ca_file = \"authority.pem\"\n");
    sandbox.write("redis", "rediss://:hunter2@127.0.0.1:1/0\n");
    let mut server = sandbox.serve();
    server.await_line("gatehouse is ready");
    server.tell("HUP");
    let line = server.await_line("settings: log_level is as it was");
    assert!(!line.contains("restart"), "{line}");
    sandbox.write("redis", "rediss://:hunter3@127.0.0.1:1/0\n");
    server.tell("HUP");
    let line = server.await_line("need a restart: redis_url_file");
    assert!(!line.contains("redis_ca_file"), "{line}");
    certify(&sandbox, "authority", 2);
    server.tell("HUP");
    server.await_line("need a restart: redis_url_file, redis_ca_file");
    server.terminate();
    assert_eq!(server.await_exit().code(), Some(0));
    assert!(!server.output().contains("hunter"), "{}", server.output());
}

#[test]
fn the_log_level_changes() {
    let sandbox = Sandbox::new();
    sandbox.write("gatehouse.toml", "log_level = \"info\"\n");
    let mut server = sandbox.serve();
    server.await_line("gatehouse is ready");
    let ask = |path: &str| Wire::to(sandbox.address()).unwrap().get(path).unwrap().status();
    assert_eq!(ask("/healthz"), 200);
    assert!(!server.output().contains("served"), "{}", server.output());

    sandbox.write("gatehouse.toml", "log_level = \"gatehouse=debug,access=debug\"\nworkers = 1\n");
    server.tell("HUP");
    let line = server.await_line("log_level is gatehouse=debug,access=debug");
    assert!(line.contains("need a restart: workers"), "{line}");
    assert_eq!(ask("/readyz"), 200);
    assert!(server.await_line("served").contains("/readyz"));

    sandbox.write("gatehouse.toml", "log_level = \"loud\"\n");
    server.tell("HUP");
    let line = server.await_line("reload_failed");
    assert!(line.contains("gatehouse.toml: log_level: must be"), "{line}");
    assert_eq!(ask("/ping"), 200);
    assert!(server.await_line("/ping").contains("served"), "what was in force is in force");

    // Without a line in the file it is what operators store for all nodes.
    sandbox.write("gatehouse.toml", "");
    sandbox.run(&["config", "set", "log_level", "gatehouse=trace,access=trace"]).done();
    server.tell("HUP");
    server.await_line("settings: log_level is gatehouse=trace,access=trace");
    assert_eq!(ask("/jwks"), 200);
    assert!(server.await_line("/jwks").contains("served"));
    server.terminate();
    assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
}
