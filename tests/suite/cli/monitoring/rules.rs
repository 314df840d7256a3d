//! Dashboard, alerts and documentation against what the running program shows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use gatehouse::model::traffic;
use gatehouse::web::routes;
use serde_json::{Value, json};

use super::super::person::Application;
use super::{Metrics, Watched, code_flow, register};
use crate::support::tools;

const RULES: &str = "deploy/prometheus/gatehouse.rules.yml";
/// All files of rules, each with what tries them. Those of the machine are about metrics of other programs.
const RULE_FILES: [(&str, &str); 2] = [
    (RULES, "deploy/prometheus/gatehouse.rules.test.yml"),
    ("deploy/prometheus/machine.rules.yml", "deploy/prometheus/machine.rules.test.yml"),
];
const DASHBOARD: &str = "deploy/grafana/gatehouse.json";
const PAGE: &str = "docs/monitoring.md";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn yaml(name: &str) -> Value {
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

/// Runs `promtool`; `None`, and a word about it, where the machine has none.
fn promtool(arguments: &[&str], input: Option<&str>) -> Option<Output> {
    let Some(program) = tools::promtool() else {
        println!("skipped: promtool is missing; tests/tools gets it where Debian's packages can be had");
        return None;
    };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(path("deploy/prometheus"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool starts");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let input = input.unwrap_or_default().to_owned();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, input.as_bytes()));
    let output = child.wait_with_output().expect("promtool ends");
    let _ = writer.join();
    Some(output)
}

fn assert_content(output: &Output) {
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "promtool is not content: {said}");
}

#[test]
fn promtool_takes_the_rules() {
    for (rules, tests) in RULE_FILES {
        let (rules, tests) = (path(rules), path(tests));
        let Some(output) = promtool(&["check", "rules", "--lint-fatal", rules.to_str().unwrap()], None) else {
            return;
        };
        assert_content(&output);
        if let Some(output) = promtool(&["test", "rules", tests.to_str().unwrap()], None) {
            assert_content(&output);
        }
    }
}

/// A tool that takes everything would show nothing.
#[test]
fn promtool_refuses_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.yml");
    fs::write(&broken, read(RULES).replacen("expr: ", "expr: sum(", 1)).unwrap();
    if let Some(output) = promtool(&["check", "rules", broken.to_str().unwrap()], None) {
        assert!(!output.status.success());
    }
}

/// Every alert is tried, tells what to do, and leads to a place in the documentation that exists.
#[test]
fn every_alert_has_a_runbook_and_a_test() {
    let page = read(PAGE);
    let headings: BTreeSet<String> = page
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"))
        .collect();
    let mut alerts = 0;
    for (rules, tests) in RULE_FILES {
        alerts += assert_alerts_lead_somewhere(&yaml(rules), &yaml(tests).to_string(), &headings);
    }
    assert!(alerts >= 20, "only {alerts}");
}

/// How many there are.
fn assert_alerts_lead_somewhere(rules: &Value, tested: &str, headings: &BTreeSet<String>) -> usize {
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules: Vec<&Value> = groups.flat_map(|group| group["rules"].as_array().unwrap()).collect();
    let alerts: Vec<(&str, &Value)> = rules.into_iter().filter_map(|rule| Some((rule["alert"].as_str()?, rule))).collect();
    for (alert, rule) in &alerts {
        let about = &rule["annotations"];
        for name in ["summary", "description", "runbook_url"] {
            assert!(about[name].as_str().is_some_and(|text| !text.is_empty()), "{alert} has no {name}");
        }
        assert!(
            ["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap_or_default()),
            "{alert}"
        );
        let runbook = about["runbook_url"].as_str().unwrap();
        let (place, heading) = runbook.split_once('#').expect("a place in a page");
        assert!(place.ends_with("docs/monitoring.md"), "{runbook}");
        assert_eq!(heading, alert.to_lowercase(), "{alert} leads elsewhere");
        assert!(headings.contains(heading), "{PAGE} has no heading for {alert}");
        assert!(tested.contains(&format!("\"alertname\":\"{alert}\"")), "{alert} is not tried");
    }
    alerts.len()
}

/// The names of our metrics in a text.
fn named(text: &str) -> BTreeSet<String> {
    // Names of recording rules have colons, and those of metrics have none.
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let words = text.split(|c: char| !is_word(c)).filter(|word| !word.ends_with('_'));
    words
        .filter(|word| word.starts_with("gatehouse_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// What the expressions of the rules say of labels: metric, label, and the values that are spelled out.
fn selections(text: &str) -> Vec<(String, String, Vec<String>)> {
    let mut found = Vec::new();
    for (before, rest) in text.match_indices('{').map(|(at, _)| text.split_at(at)) {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        let name = before.rsplit(|c| !word(c)).next().unwrap_or_default();
        let Some((labels, _)) = rest[1..].split_once('}') else { continue };
        for pair in labels.split(',').map(str::trim) {
            let (label, value) = pair.split_once("=~").or_else(|| pair.split_once('=')).expect("a label and a value");
            let values = value.trim_matches('"').split('|').map(str::to_owned).collect();
            found.push((name.to_owned(), label.trim().to_owned(), values));
        }
    }
    found
}

/// The expressions of all rules.
fn rule_expressions() -> String {
    let rules = yaml(RULES);
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    rules.map(|rule| rule["expr"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

/// An alert about a label or a value that there never is would be silent.
fn assert_series_can_be(page: &Metrics) {
    let selections = selections(&rule_expressions());
    assert!(selections.len() > 10, "{selections:?}");
    for (name, label, values) in selections {
        // What Prometheus itself adds.
        if label == "job" {
            assert_eq!(values, ["gatehouse"]);
            continue;
        }
        for value in values {
            let is_shown = page.sum(&name, &[(&label, &value)]).is_some();
            // Of requests there is what somebody has asked for.
            let may_be = match (name.as_str(), label.as_str()) {
                ("gatehouse_http_requests_total", "outcome") => traffic::Outcome::ALL.iter().any(|outcome| outcome.as_str() == value),
                (name, "route") if name.starts_with("gatehouse_http_request") => routes::all().any(|route| route.path == value),
                _ => false,
            };
            assert!(is_shown || may_be, "there is no {name} with {label}={value:?}");
        }
    }
}

/// The expressions of a dashboard.
fn expressions(dashboard: &Value, found: &mut Vec<String>) {
    match dashboard {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| ["expr", "query", "definition"].contains(&name.as_str())) {
                    Some(text) => found.push(text.to_owned()),
                    None => expressions(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

/// What a dashboard asks is as Prometheus understands it.
fn check_expressions(asked: &[String]) {
    let asked = asked
        .iter()
        .filter(|text| !text.starts_with("label_values(") && *text != "prometheus");
    let rules: Vec<Value> = asked
        .enumerate()
        .map(|(number, text)| {
            let text = text
                .replace("$__rate_interval", "5m")
                .replace("$instance", ".*")
                .replace("$job", "gatehouse");
            assert!(!text.contains('$'), "{text}");
            json!({ "record": format!("dashboard:{number}"), "expr": text })
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dashboard.yml");
    fs::write(&file, json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string()).unwrap();
    if let Some(output) = promtool(&["check", "rules", file.to_str().unwrap()], None) {
        assert_content(&output);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dashboard_alerts_and_documentation_name_exists() {
    let watched = Watched::new();
    let secret = register(&watched.sandbox);
    let _server = watched.serve().await;
    let application = Application::confidential(&watched.sandbox.issuer(), "app", &secret);
    code_flow(&watched.sandbox, &application).await;
    application.refresh("ghr_of-nobody").await.unwrap();
    let page = watched.read().await;
    if let Some(output) = promtool(&["check", "metrics"], Some(&page.0)) {
        assert_content(&output);
    }
    let shown: BTreeSet<&str> = page.names().into_iter().collect();
    let exists = |name: &str| {
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        shown.contains(name) || part.is_some_and(|whole| shown.contains(whole))
    };

    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    check_expressions(&asked);
    let asked = named(&asked.join("\n"));
    assert!(asked.len() > 20, "the dashboard shows only {asked:?}");
    let alerted = named(&yaml(RULES).to_string());
    assert!(alerted.len() > 8, "{alerted:?}");
    for name in asked.iter().chain(&alerted) {
        assert!(exists(name), "there is no metric {name}");
    }
    assert_series_can_be(&page);

    let rows: BTreeSet<String> = read(PAGE)
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split('`').next().map(str::to_owned))
        .filter(|name| name.starts_with("gatehouse_") || name.starts_with("process_"))
        .collect();
    let shown: BTreeSet<String> = shown.into_iter().map(str::to_owned).collect();
    assert_eq!(rows, shown, "{PAGE} lists every metric, and no other");
}
