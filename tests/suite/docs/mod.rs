//! The documentation against the code that it describes, and against itself.

mod commands;
mod links;
mod mcp_clients;
mod operations;
mod security;

use std::path::Path;

use gatehouse::config::registry::SETTINGS;
use gatehouse::identity::admin_token::EXAMPLES;
use gatehouse::model::event::EventKind;

/// Every setting can be found in the reference by its key and by its variable, each as code.
#[test]
fn the_reference_names_every_setting() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("docs/configuration.md: {error}"));
    let missing: Vec<String> = SETTINGS
        .iter()
        .flat_map(|setting| [setting.key, setting.env])
        .filter(|name| !names(&text, name))
        .map(|name| format!("`{name}`"))
        .collect();
    assert!(missing.is_empty(), "docs/configuration.md does not name {}", missing.join(", "));
}

/// The section about settings that can change while the server runs names those, and no others.
#[test]
fn the_reference_names_what_can_change_while_it_runs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("docs/configuration.md: {error}"));
    let section = text
        .split("\n## ")
        .find(|section| section.starts_with("Settings that can change while it runs"))
        .expect("the section is there");
    for setting in SETTINGS.iter().filter(|setting| setting.is_live) {
        assert!(names(section, setting.key), "the section does not name `{}`", setting.key);
    }
    for line in section.lines().filter_map(|line| line.strip_prefix("| `")) {
        let key = line.split('`').next().unwrap_or_default();
        let setting = SETTINGS.iter().find(|setting| setting.key == key);
        assert!(
            setting.is_some_and(|setting| setting.is_live),
            "`{key}` cannot change while it runs"
        );
    }
}

/// The guide has a row for every kind of event, in the order of the list, with its text.
#[test]
fn the_guide_to_the_audit_log_has_every_kind() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("docs/audit.md: {error}"));
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| *line != "| event | meaning |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let expected: Vec<String> = EventKind::ALL
        .iter()
        .map(|kind| format!("| `{}` | {} |", kind.as_str(), kind.text()))
        .collect();
    assert_eq!(rows, expected);
}

/// Whoever copies an admin token from the documentation is warned of it.
#[test]
fn every_admin_token_of_the_documentation_is_known_as_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guides = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut found = 0;
    for path in guides
        .chain([root.join("README.md")])
        .filter(|path| path.extension().is_some_and(|ext| ext == "md"))
    {
        let text = std::fs::read_to_string(&path).unwrap();
        for rest in text.split("ADMIN_TOKEN=").skip(1) {
            let token = rest.split_whitespace().next().unwrap_or_default();
            if token.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                assert!(EXAMPLES.contains(&token), "{}: {token}", path.display());
                found += 1;
            }
        }
    }
    assert!(found >= 2, "only {found}");
}

/// Whether `name` stands there as a whole: `issuer` is not found in `GATEHOUSE_ISSUER` or `issuers`.
fn names(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[test]
fn only_whole_names_count() {
    assert!(names("| `issuer` | `GATEHOUSE_ISSUER` |", "issuer"));
    assert!(!names("issuers, an_issuer", "issuer"));
}
