//! Variables of the environment: the program knows each of them, and takes its value.

use gatehouse::config::Config;
use gatehouse::config::registry::SETTINGS;
use gatehouse::config::sources::FILE_VARIABLE;
use serde_json::Value;

use super::{entries, items, kubernetes, manifests, text};

/// How variables of the program begin; others are for other programs.
const PREFIXES: [&str; 5] = ["GATEHOUSE_", "DATABASE_", "APP_", "ADMIN_", "OAUTH_CALLBACK_"];
/// Variables that are in no list of settings: where the relay listens, and where settings are read from.
const OTHERS: [&str; 3] = ["OAUTH_CALLBACK_HOST", "OAUTH_CALLBACK_PORT", FILE_VARIABLE];

/// The variables that a document sets, with their values: for services of Compose, and for containers of Kubernetes.
/// What is taken from a Secret has no value here.
fn variables(document: &Value) -> Vec<(String, String)> {
    let services = entries(&document["services"]).flat_map(|(_, service)| entries(&service["environment"]));
    let data = Some(&document["data"]).filter(|_| document["kind"] == "ConfigMap");
    let data = data.into_iter().flat_map(entries);
    let containers = kubernetes::containers(document).iter();
    let own = containers.flat_map(|container| items(&container["env"]));
    let own = own.map(|variable| (text(&variable["name"]), &variable["value"]));
    let all = services.chain(data).chain(own);
    all.map(|(name, value)| (name.to_owned(), interpolated(&plain(value)))).collect()
}

/// A value as the environment has it; nothing when it comes from elsewhere.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value as Compose passes it on when `.env` has the host name and nothing else.
pub fn interpolated(value: &str) -> String {
    let mut done = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let (expression, after) = after.split_once('}').expect("an expression ends");
        done.push_str(before);
        done.push_str(expression.split_once(":-").map_or("callback.example.com", |(_, usual)| usual));
        rest = after;
    }
    done + rest
}

/// Files of secrets are not here, and what is empty counts as not set.
fn has_value(name: &str, value: &str) -> bool {
    !name.ends_with("_FILE") && !value.is_empty()
}

/// The program knows every variable that documents set, and takes its value; how many that were.
pub fn assert_known(place: &str, documents: &[Value]) -> usize {
    let mut seen = 0;
    let all = documents.iter().flat_map(variables);
    for (name, value) in all.filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(*prefix))) {
        seen += 1;
        let Some(setting) = SETTINGS.iter().find(|setting| setting.env == name) else {
            assert!(OTHERS.contains(&name.as_str()), "{place}: the program does not know {name}");
            continue;
        };
        if has_value(&name, &value) {
            let taken = (setting.set)(&mut Config::default(), &value);
            taken.unwrap_or_else(|problem| panic!("{place}: {name}={value}: {problem}"));
        }
    }
    seen
}

#[test]
fn every_variable_is_known_and_its_value_is_accepted() {
    let manifests = manifests();
    let each = manifests
        .iter()
        .map(|manifest| assert_known(&manifest.path.display().to_string(), &manifest.documents));
    let seen: usize = each.sum();
    assert!(seen > 25, "only {seen}");
}

#[test]
fn what_compose_puts_in() {
    assert_eq!(interpolated("https://${HOST:?set it}/a"), "https://callback.example.com/a");
    assert_eq!(interpolated("${ORIGINS:-}"), "");
    assert_eq!(interpolated("${SIZE:-8} or 9"), "8 or 9");
}
