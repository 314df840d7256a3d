//! `doctor` and `healthcheck`: what an operator or a platform asks when something is wrong.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::certificate::certify;
use crate::support::process::{Run, Sandbox};

pub(super) fn findings(run: &Run) -> Vec<(String, String)> {
    let findings: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}{}", run.stdout, run.stderr));
    let text = |finding: &Value, name: &str| finding[name].as_str().expect("a text").to_owned();
    let findings = findings.as_array().expect("a list");
    findings
        .iter()
        .map(|finding| (text(finding, "check"), text(finding, "state")))
        .collect()
}

pub(super) fn has(findings: &[(String, String)], check: &str, state: &str) -> bool {
    findings.iter().any(|finding| finding.0 == check && finding.1 == state)
}

#[test]
fn doctor_before_and_after_the_first_start() {
    let sandbox = Sandbox::bare();
    let run = sandbox.run(&["doctor", "--json"]);
    assert!(run.status.success());
    assert!(has(&findings(&run), "database", "warning"));
    assert!(!sandbox.file("gatehouse.db").exists(), "the doctor changes nothing");
    sandbox.run(&["migrate"]).done();
    sandbox.run(&["doctor"]);
    assert!(!sandbox.file("gatehouse.secret").exists(), "the doctor changes nothing");
    sandbox
        .run(&["client", "add", "App", "--kind", "service", "--scope", "openid"])
        .done();
    let run = sandbox.run(&["doctor", "--json"]);
    assert!(run.status.success());
    let seen = findings(&run);
    for check in ["database", "secret", "keys", "clock", "tls"] {
        assert!(has(&seen, check, "ok"), "{check}: {seen:?}");
    }
    assert!(has(&seen, "set-up", "warning") && has(&seen, "issuer", "warning"), "{seen:?}");
    let text = sandbox.run(&["doctor"]).done();
    assert!(text.lines().any(|line| line.starts_with("ok       database")), "{text}");
}

#[test]
fn doctor_names_what_is_wrong_and_fails() {
    let sandbox = Sandbox::bare();
    sandbox.begin();
    let secret = sandbox.file("gatehouse.secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let run = sandbox.run(&["doctor", "--json"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(has(&findings(&run), "secret", "error"), "{}", run.stdout);
    assert!(run.stdout.contains("chmod 600"), "it says what to do: {}", run.stdout);
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();

    let run = Sandbox::new()
        .with("DATABASE_URL", "postgres://gate:hunter2@127.0.0.1:1/gatehouse")
        .run(&["doctor", "--json"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(has(&findings(&run), "database", "error"));
    assert!(!run.stdout.contains("hunter2"), "{}", run.stdout);

    certify(&sandbox, "certificate", 15);
    let sandbox = sandbox
        .with("GATEHOUSE_TLS_CERTIFICATE", "certificate.pem")
        .with("GATEHOUSE_TLS_KEY", "certificate.key");
    assert!(has(&findings(&sandbox.run(&["doctor", "--json"])), "tls", "ok"));
    certify(&sandbox, "certificate", 13);
    let run = sandbox.run(&["doctor", "--json"]);
    assert!(has(&findings(&run), "tls", "warning"), "{}", run.stdout);
    assert!(run.stdout.contains("renew it"), "it says what to do: {}", run.stdout);
    sandbox.write("certificate.key", "not a key");
    let run = sandbox.run(&["doctor", "--json"]);
    assert!(has(&findings(&run), "tls", "error"), "{}", run.stdout);
    assert_eq!(run.status.code(), Some(1));
    let serve = sandbox.run(&["serve", "--listen", &sandbox.address().to_string()]);
    assert_eq!(serve.status.code(), Some(1));
    assert!(serve.stderr.contains("certificate.key"), "{}", serve.stderr);
}

#[test]
fn healthcheck() {
    let sandbox = Sandbox::new();
    assert!(sandbox.run(&["healthcheck"]).refused().contains(&sandbox.address().to_string()));
    let server = sandbox.serve();
    assert_eq!(sandbox.run(&["healthcheck"]).done(), "healthy\n");
    let everywhere = format!("0.0.0.0:{}", sandbox.address().port());
    assert_eq!(sandbox.run(&["healthcheck", "--listen", &everywhere]).done(), "healthy\n");
    drop(server);
    sandbox.run(&["healthcheck"]).refused();
}

#[test]
fn healthcheck_with_tls() {
    let sandbox = Sandbox::new().without("GATEHOUSE_ISSUER");
    certify(&sandbox, "certificate", 2);
    let plain = sandbox.node();
    let sandbox = sandbox
        .with("GATEHOUSE_TLS_CERTIFICATE", "certificate.pem")
        .with("GATEHOUSE_TLS_KEY", "certificate.key");
    let _server = sandbox.serve();
    assert_eq!(sandbox.run(&["healthcheck"]).done(), "healthy\n");
    let refusal = plain.run(&["healthcheck", "--listen", &sandbox.address().to_string()]).refused();
    assert!(refusal.contains("does it speak TLS?"), "{refusal}");
}
