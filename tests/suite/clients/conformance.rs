//! The scenarios for authorization servers of the protocol's own conformance suite.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Story, interpreter};
use crate::support::process::{Sandbox, free_port};

const SUITE: &str = "node_modules/@modelcontextprotocol/conformance/dist/index.js";

/// The scenarios for authorization servers that this version of the suite has.
fn scenarios(sandbox: &Sandbox) -> Vec<String> {
    let output = interpreter(sandbox, SUITE).arg("list").output().expect("the suite runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let (_, list) = text.split_once("Authorization server scenarios").expect("a list");
    let names = list.lines().filter_map(|line| line.trim().strip_prefix("- "));
    names.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The scenario of a folder of results, which is named `authorization-server-SCENARIO-2026-11-26T03-56-52-123Z`.
fn scenario_of(folder: &str) -> &str {
    let name = folder.strip_prefix("authorization-server-").expect("results of a server");
    let end = name.len().checked_sub("-2026-11-26T03-56-52-123Z".len()).expect("a time");
    &name[..end]
}

/// Runs all of them; the status of each check, by scenario.
async fn run(sandbox: &Sandbox, arguments: &[&str]) -> BTreeMap<String, Vec<String>> {
    let results = sandbox.file("results");
    let plain = interpreter(sandbox, SUITE);
    let mut command = sandbox.program("timeout");
    command.arg("120").arg(plain.get_program()).args(plain.get_args());
    command
        .args(["authorization", "--url", &sandbox.issuer(), "--output-dir"])
        .arg(&results);
    command.args(arguments);
    Story::run(sandbox, command, "alice").await;
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&results).expect("results") {
        let path = entry.expect("an entry").path();
        let name = scenario_of(&path.file_name().expect("a name").to_string_lossy()).to_owned();
        let text = std::fs::read_to_string(path.join("checks.json")).expect("checks");
        let checks: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        let status = checks.iter().map(|check| check["status"].as_str().expect("a status").to_owned());
        found.insert(name, status.collect());
    }
    std::fs::remove_dir_all(&results).expect("removed");
    found
}

/// It ends well when it skips something, too. So every scenario that it knows must have passed. The client is a public
/// one: of a server that lets public clients in, the suite takes every client for one, also when it is given a secret.
#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_passes() {
    let sandbox = Sandbox::new();
    let _server = sandbox.serve();
    sandbox.run(&["seed"]).done();
    let resource = "http://127.0.0.1:9000/mcp";
    sandbox.run(&["scope", "add", "read", "--description", "Read the data"]).done();
    sandbox
        .run(&["resource", "add", resource, "--name", "Data", "--scope", "read"])
        .done();
    let port = free_port().to_string();
    let redirect_uri = format!("http://127.0.0.1:{port}/callback");
    let add = ["client", "add", "Suite", "--id", "suite", "--kind", "native", "--scope", "read"];
    sandbox.run(&[&add[..], &["--redirect-uri", &redirect_uri]].concat()).done();

    let scenarios = scenarios(&sandbox);
    assert!(scenarios.len() >= 2, "{scenarios:?}");
    let arguments = ["--client-id", "suite", "--port", &port, "--resource", resource];
    let found = run(&sandbox, &arguments).await;
    assert_eq!(found.len(), scenarios.len(), "{found:#?}");
    for scenario in &scenarios {
        let checks = found.get(scenario);
        let checks = checks.unwrap_or_else(|| panic!("{scenario} did not run: {found:#?}"));
        let has_passed = !checks.is_empty() && checks.iter().all(|status| status == "SUCCESS");
        assert!(has_passed, "{scenario}: {checks:?}");
    }
    assert!(found.values().map(Vec::len).sum::<usize>() >= 3, "{found:#?}");
    println!("{found:#?}");
}
