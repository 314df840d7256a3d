//! `docs/security.md` and the other threat models against what there is: every endpoint has its line, every test that is named exists,
//! and every family of attacks of the catalogue is there.

use std::collections::BTreeSet;
use std::path::Path;

use gatehouse::web::{metrics, routes};

use crate::security::catalogue::CATALOGUE;
use crate::support::suite;

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The lines of the table under a heading.
fn table<'t>(text: &'t str, heading: &str) -> Vec<&'t str> {
    let section = text
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .unwrap_or_else(|| panic!("there is no section {heading}"));
    section.lines().filter(|line| line.starts_with('|')).collect()
}

#[test]
fn tests_that_the_threat_models_name_exist() {
    let tests = suite::tests();
    let folders = suite::folders(&tests);
    let mut missing = Vec::new();
    for name in [
        "docs/security.md",
        "docs/relay-threat-model.md",
        "docs/vault-threat-model.md",
        "SECURITY.md",
    ] {
        let text = page(name);
        let named = suite::named(&text, &folders);
        assert!(named.len() > 20 || name == "SECURITY.md", "{name} names {} tests", named.len());
        // A file of the suite stands for all of its tests.
        let exists = |test: &str| tests.contains(test) || tests.iter().any(|one| one.starts_with(&format!("{test}::")));
        missing.extend(named.into_iter().filter(|test| !exists(test)).map(|test| format!("{name}: {test}")));
    }
    assert!(missing.is_empty(), "there are no tests {missing:#?}");
}

/// The section about endpoints has each of the table of routes and of the listener for metrics, and no others.
#[test]
fn every_endpoint_is_in_the_threat_model() {
    let text = page("docs/security.md");
    let mut named = BTreeSet::new();
    for line in table(&text, "Endpoints") {
        let first = line.trim_start_matches('|').split('|').next().unwrap_or_default();
        named.extend(first.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    let matches = |pattern: &str, path: &str| match pattern.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => pattern == path,
    };
    let paths: BTreeSet<&str> = routes::all().map(|route| route.path).chain([metrics::PATH]).collect();
    let missing: Vec<_> = paths.iter().filter(|path| !named.iter().any(|name| matches(name, path))).collect();
    assert!(missing.is_empty(), "docs/security.md does not look at {missing:#?}");
    let gone: Vec<_> = named.iter().filter(|name| !paths.iter().any(|path| matches(name, path))).collect();
    assert!(gone.is_empty(), "docs/security.md looks at what there is not: {gone:?}");
}

/// What has a listener of its own is in no table of routes: one that is added has to be looked at above, too.
#[test]
fn there_are_two_listeners() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut listeners = Vec::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).is_ok_and(|text| listens(&text)) {
                listeners.push(path.strip_prefix(&source).unwrap().display().to_string());
            }
        }
    }
    listeners.sort();
    // The first one makes the sockets for the other two.
    assert_eq!(listeners, ["cli/serve.rs", "web/metrics/mod.rs", "web/server.rs"]);
}

/// Whether something of it, other than its tests, listens.
fn listens(text: &str) -> bool {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.contains("Listener::bind(") || text.contains(".listen(\"")
}

/// Each line about an endpoint says something of each letter of STRIDE, or that there is nothing to say.
#[test]
fn every_endpoint_is_looked_at_from_six_sides() {
    let text = page("docs/security.md");
    let lines = table(&text, "Endpoints");
    assert_eq!(lines[0].matches('|').count(), 8, "{}", lines[0]);
    for line in lines.iter().skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 7, "{line}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{line}");
    }
}

#[test]
fn every_family_of_attacks_is_listed() {
    let text = page("docs/security.md");
    let listed: Vec<String> = table(&text, "The catalogue of attacks")
        .iter()
        .skip(2)
        .map(|line| {
            line.trim_start_matches('|')
                .split('|')
                .next()
                .unwrap_or_default()
                .trim()
                .to_lowercase()
        })
        .collect();
    let expected: Vec<String> = CATALOGUE.iter().map(|(attack, _)| attack.to_lowercase()).collect();
    assert_eq!(listed, expected);
}

/// What is not met is said with a reason, and what is met with a test or where it can be seen.
#[test]
fn every_requirement_has_an_answer() {
    let text = page("docs/security.md");
    let mut answered = 0;
    for heading in ["RFC 9700", "OWASP ASVS 5.0"] {
        for line in table(&text, heading).iter().skip(2) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 3, "{line}");
            let is_shown = cells[2].contains('`') || cells[2].contains("](");
            let is_explained = ["not met", "not applicable", "partly"]
                .iter()
                .any(|word| cells[2].to_lowercase().contains(word));
            assert!(is_shown || is_explained, "{line}");
            answered += 1;
        }
    }
    assert!(answered > 150, "only {answered}");
}
