//! The chart in `deploy/helm`: Helm itself (its library, as `tests/tools` installs it) makes documents of it.

use std::fmt::Write as _;

use gatehouse::config::registry::{SETTINGS, Setting};
use serde_json::{Map, Value, json};

use super::{Manifest, entries, environment, in_repository, items, kubernetes, schemas, server, text, text_of};
use crate::support::process::Sandbox;
use crate::support::tools;

/// Where the chart is, and the values that the manifests are made with.
pub const FOLDER: &str = "deploy/helm";
const MANIFESTS: &str = "deploy/kubernetes/gatehouse.yaml";
const HEAD: &str = "\
# The whole server: three pods or more over a database of yours. Made by Helm of the chart in deploy/helm and the values in
# deploy/helm/example.yaml; with Helm, install the chart instead.
";

/// What Helm makes of values, by template; or why it refuses them. An image is named where they name none.
fn rendered(values: &Value) -> Result<Vec<(String, String)>, String> {
    let mut values = values.clone();
    if values["image"].is_null() {
        values["image"] = json!({ "repository": "registry.example.org/gatehouse" });
    }
    let sandbox = Sandbox::bare();
    sandbox.write("values.json", &values.to_string());
    let output = sandbox
        .program(&tools::helm().display().to_string())
        .arg(in_repository("tests/suite/deploy/render_chart.py"))
        .arg(in_repository(FOLDER).join("gatehouse"))
        .args(["values.json", "gatehouse"])
        .output()
        .expect("Helm runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    if let Some(refused) = report["refused"].as_str() {
        return Err(refused.to_owned());
    }
    assert_eq!(report["findings"], json!([]), "Helm lints it");
    let documents = entries(&report["documents"]).map(|(path, text)| (path.to_owned(), text.as_str().expect("text").trim().to_owned()));
    Ok(documents.filter(|(_, text)| !text.is_empty()).collect())
}

/// The documents of all templates but the notes.
fn documents(rendered: &[(String, String)]) -> Vec<Value> {
    let manifests = rendered.iter().filter(|(path, _)| !path.ends_with("NOTES.txt"));
    let read = |(path, text): &(String, String)| -> Vec<Value> {
        serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{path}: {error}\n{text}"))
    };
    manifests.flat_map(read).collect()
}

fn example() -> Value {
    let mut values = Manifest::read(in_repository(FOLDER).join("example.yaml")).documents;
    values.remove(0)
}

/// `UPDATE_DOCS=1 cargo test --test suite deploy::chart` writes them anew.
#[test]
fn the_manifests_are_what_the_chart_makes() {
    let rendered = rendered(&example()).expect("the example is taken");
    let mut made = HEAD.to_owned();
    for (path, text) in rendered.iter().filter(|(path, _)| !path.ends_with("NOTES.txt")) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let _ = write!(made, "---\n# {name}\n{text}\n");
    }
    let path = in_repository(MANIFESTS);
    if tools::variable("UPDATE_DOCS").is_some() {
        std::fs::write(&path, made).expect("the manifests are written");
        return;
    }
    assert!(
        text_of(&path) == made,
        "{MANIFESTS} is old; make it anew with UPDATE_DOCS=1 cargo test --test suite deploy::chart"
    );
}

#[test]
fn with_little_and_with_everything_it_is_sound() {
    let little = json!({
        "issuer": "https://id.example.org", "adminToken": false, "replicas": 2, "autoscaling": { "enabled": false },
        "ingress": { "enabled": false }, "networkPolicy": { "enabled": false }, "migration": { "job": false },
    });
    let everything = json!({
        "issuer": "https://id.example.org/auth", "existingSecret": "our-secret", "trustedProxies": ["10.1.0.0/24", "10.2.0.7"],
        "settings": { "access_token_lifetime": "15m", "client_documents": "off", "workers": 2, "log_format": "text" },
        "imagePullSecrets": [{ "name": "pull" }], "shutdownDelaySeconds": 30, "priorityClassName": "high",
        "podAnnotations": { "a/b": "c" }, "podLabels": { "team": "identity" }, "nodeSelector": { "disk": "ssd" },
        "tolerations": [{ "key": "only", "operator": "Exists" }],
        "networkPolicy": {
            "extraEgress": [{ "to": [{ "ipBlock": { "cidr": "10.1.2.3/32" } }], "ports": [{ "protocol": "TCP", "port": 6379 }] }],
        },
    });
    for (values, kinds) in [(little, 3), (everything, 7)] {
        let rendered = rendered(&values).expect("the values are taken");
        let documents = documents(&rendered);
        assert_eq!(documents.len(), kinds, "{documents:?}");
        server::assert_sound("the chart", &documents);
        let sandbox = Sandbox::bare();
        let all: Vec<String> = documents.iter().map(Value::to_string).collect();
        sandbox.write("all.yaml", &all.join("\n---\n"));
        if let Err(said) = schemas::check_kubernetes(&sandbox.file("all.yaml"), documents.len()) {
            panic!("{said}");
        }
    }
}

/// The settings that the chart sets itself, or that are not for pods.
const NOT_FOR_OPERATORS: [&str; 10] = [
    "database_url",
    "listen",
    "issuer",
    "trusted_proxies",
    "database_pool_size",
    "shutdown_delay",
    "metrics_listen",
    "tls_certificate",
    "tls_key",
    "enable_dev_endpoints",
];

/// The variables of the container, by name.
fn variables(documents: &[Value]) -> Vec<(String, Value)> {
    let deployment = server::one(documents, "Deployment").expect("a Deployment");
    let variables = items(&kubernetes::containers(deployment)[0]["env"]).iter();
    variables
        .map(|variable| (text(&variable["name"]).to_owned(), variable["value"].clone()))
        .collect()
}

/// Every setting is either given once, under its own variable, or refused.
#[test]
fn settings_are_given_once_and_as_they_are_written() {
    let is_refused = |setting: &&Setting| setting.is_secret || setting.key.ends_with("_file") || NOT_FOR_OPERATORS.contains(&setting.key);
    let (refused, taken): (Vec<&Setting>, Vec<&Setting>) = SETTINGS.iter().partition(is_refused);
    let mut settings: Map<String, Value> = taken.iter().map(|setting| (setting.key.to_owned(), json!(1_000_000))).collect();
    settings.insert("trace_ratio".to_owned(), json!(0.25));
    settings.insert("log_format".to_owned(), json!("text"));
    let values = json!({ "issuer": "https://id.example.org", "settings": settings });
    let given = variables(&documents(&rendered(&values).expect("the values are taken")));
    for setting in taken {
        let mut found = given.iter().filter(|(name, _)| name == setting.env);
        let (_, value) = found.next().unwrap_or_else(|| panic!("{} is not given", setting.env));
        let expected = match setting.key {
            "trace_ratio" => "0.25",
            "log_format" => "text",
            _ => "1000000",
        };
        assert_eq!(value, expected, "{}", setting.key);
        assert!(found.next().is_none(), "{} is given twice", setting.env);
    }
    let settings: Map<String, Value> = refused.iter().map(|setting| (setting.key.to_owned(), json!("x"))).collect();
    let said = rendered(&json!({ "issuer": "https://id.example.org", "settings": settings })).expect_err("none of them is taken");
    for setting in refused {
        assert!(said.contains(&format!("'{}'", setting.key)), "{}: {said}", setting.key);
    }
}

/// Further keys of the Secret are files, and the settings that read them are set.
#[test]
fn further_secrets_are_files() {
    let keys = [
        "app_secret_next",
        "app_secret_previous",
        "vault_keys",
        "redis_url",
        "redis_ca",
        "otlp_headers",
        "completion_token",
    ];
    let values = json!({ "issuer": "https://id.example.org", "secretFiles": keys });
    let documents = documents(&rendered(&values).expect("the values are taken"));
    let given = variables(&documents);
    let deployment = server::one(&documents, "Deployment").expect("a Deployment");
    let mounted = items(&deployment["spec"]["template"]["spec"]["volumes"][0]["secret"]["items"]);
    for key in keys {
        let path = format!("/run/secrets/gatehouse/{key}");
        let (name, _) = given
            .iter()
            .find(|(_, value)| *value == path)
            .unwrap_or_else(|| panic!("{key} is not read"));
        let setting = SETTINGS.iter().find(|setting| setting.env == name);
        let setting = setting.unwrap_or_else(|| panic!("the program does not know {name}"));
        assert_eq!(setting.key, format!("{key}_file"));
        assert!(mounted.contains(&json!({ "key": key, "path": key })), "{key} is not mounted");
    }
    assert!(environment::assert_known("the chart", &documents) > keys.len());
}

/// The authority of the database is a file that the URL names, at the place that the guide says, and no setting.
#[test]
fn the_database_may_have_an_authority_of_its_own() {
    let values = json!({ "issuer": "https://id.example.org", "secretFiles": ["database_ca"] });
    let documents = documents(&rendered(&values).expect("the values are taken"));
    for kind in ["Deployment", "Job"] {
        let pods = server::one(&documents, kind).expect("one of each");
        let mounted = items(&pods["spec"]["template"]["spec"]["volumes"][0]["secret"]["items"]);
        assert!(mounted.contains(&json!({ "key": "database_ca", "path": "database_ca" })), "{kind}");
        let mounts = items(&kubernetes::containers(pods)[0]["volumeMounts"]);
        let place = text(&mounts[0]["mountPath"]);
        let guide = text_of(&in_repository("deploy/README.md"));
        for parameter in ["sslmode=verify-full&sslrootcert=", "ssl-mode=VERIFY_IDENTITY&ssl-ca="] {
            assert!(guide.contains(&format!("{parameter}{place}/database_ca")), "{parameter}");
        }
    }
    environment::assert_known("the chart", &documents);
    assert!(variables(&documents).iter().all(|(name, _)| !name.contains("DATABASE_CA")));
}

/// Nobody ends a migration in the middle because the port is not open yet.
#[test]
fn pods_may_take_as_long_as_the_migration() {
    let values =
        json!({ "issuer": "https://id.example.org", "migration": { "job": false, "deadline": 3601 }, "readinessPath": "/healthz" });
    let documents = documents(&rendered(&values).expect("the values are taken"));
    let deployment = server::one(&documents, "Deployment").expect("a Deployment");
    let container = &kubernetes::containers(deployment)[0];
    assert!(kubernetes::patience(&container["startupProbe"]) >= 3601);
    assert!(deployment["spec"]["progressDeadlineSeconds"].as_u64() > Some(3601));
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/healthz");
}

/// The operator of Prometheus has schemas of its own, which no validator here carries.
#[test]
fn metrics_are_found_when_they_are_there() {
    let values =
        json!({ "issuer": "https://id.example.org", "metrics": { "enabled": true, "port": 9999, "labels": { "release": "prometheus" } } });
    let documents = documents(&rendered(&values).expect("the values are taken"));
    let (monitor, service) = (server::one(&documents, "ServiceMonitor"), server::one(&documents, "Service"));
    let (monitor, service) = (monitor.expect("a monitor"), service.expect("a Service"));
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    let job = &service["metadata"]["labels"][text(&monitor["spec"]["jobLabel"])];
    let rules = text_of(&in_repository("deploy/prometheus/gatehouse.rules.yml"));
    assert!(
        rules.contains(&format!("up{{job={job}}}")),
        "rules are about another job than {job}"
    );
    let endpoint = &monitor["spec"]["endpoints"][0];
    let mut ports = items(&service["spec"]["ports"]).iter();
    let port = ports.find(|port| port["name"] == endpoint["port"]).expect("a port");
    assert_eq!(port["port"], 9999);
    for (name, value) in entries(&monitor["spec"]["selector"]["matchLabels"]) {
        assert_eq!(service["metadata"]["labels"][name], *value, "{name}");
    }
    let deployment = server::one(&documents, "Deployment").expect("a Deployment");
    let container = &super::kubernetes::containers(deployment)[0];
    assert!(
        items(&container["ports"]).contains(&json!({ "name": "metrics", "containerPort": 9999 })),
        "{container}"
    );
    let policy = server::one(&documents, "NetworkPolicy").expect("a policy");
    assert_eq!(policy["spec"]["ingress"][1]["ports"][0]["port"], "metrics");
}

#[test]
fn wrong_values_are_refused() {
    let with = |name: &str, value: Value| {
        let mut values = json!({ "issuer": "https://id.example.org" });
        values[name] = value;
        values
    };
    for (values, named) in [
        (json!({}), "/issuer"),
        (with("issuer", json!("http://id.example.org")), "/issuer"),
        (with("issuer", json!("https://id.example.org/")), "/issuer"),
        (with("existingSecret", json!("")), "/existingSecret"),
        (with("image", json!({ "repository": "" })), "/image/repository"),
        (with("readinessPath", json!("/")), "/readinessPath"),
        (with("replica", json!(3)), "replica"),
        (with("replicas", json!(0)), "/replicas"),
        (
            with("settings", json!({ "app_secret": "in a file that many can read" })),
            "'app_secret'",
        ),
        (with("settings", json!({ "admin_token_file": "x" })), "'admin_token_file'"),
        (with("metrics", json!({ "enabled": "yes" })), "/metrics/enabled"),
        (with("secretFiles", json!(["app_secret"])), "/secretFiles/0"),
        (
            with("autoscaling", json!({ "maxReplicas": 2 })),
            "maxReplicas is less than replicas",
        ),
    ] {
        let refused = rendered(&values).expect_err("it is wrong");
        assert!(refused.contains(named), "{values}: {refused}");
    }
}

/// Whoever releases another version changes it in the chart, too.
#[test]
fn the_chart_is_of_this_version() {
    let chart = Manifest::read(in_repository(FOLDER).join("gatehouse/Chart.yaml"))
        .documents
        .remove(0);
    for field in ["version", "appVersion"] {
        assert_eq!(text(&chart[field]), env!("CARGO_PKG_VERSION"), "{field}");
    }
}
