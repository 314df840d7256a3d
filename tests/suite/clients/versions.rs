//! The pages of `docs/protect-an-api/` install what the tests have run.

use std::collections::BTreeMap;

use serde_json::Value;

fn file(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a page installs, after this command.
fn installed(page: &str, command: &str) -> Vec<String> {
    let text = file(page);
    let line = text.lines().find_map(|line| line.strip_prefix(command)).expect("the command");
    line.split_whitespace()
        .map(|package| package.trim_matches('"').to_owned())
        .collect()
}

/// Whether one version begins with another: 2.3.0 with 2.3 and with 2, but not with 2.30.
fn begins_with(version: &str, beginning: &str) -> bool {
    version
        .strip_prefix(beginning)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[test]
fn the_page_for_typescript_names_the_majors_that_are_tested() {
    let package: Value = serde_json::from_str(&file("tests/clients/package.json")).expect("JSON");
    let packages = installed("docs/protect-an-api/typescript.md", "npm install ");
    assert!(packages.len() >= 6, "{packages:?}");
    for package_at in packages {
        let (name, major) = package_at.rsplit_once('@').expect("a version");
        let tested = package["dependencies"][name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} is not tested"));
        assert!(begins_with(tested, major), "{package_at}, but {tested} is tested");
    }
}

#[test]
fn the_page_for_python_names_the_versions_that_are_tested() {
    let list = file("tests/clients/requirements.txt");
    let tested: BTreeMap<&str, &str> = list.lines().filter_map(|line| line.split_once("==")).collect();
    let packages = installed("docs/protect-an-api/python.md", "pip install ");
    assert!(packages.len() >= 5, "{packages:?}");
    for package in packages {
        let (name, range) = package.split_once(">=").expect("a version");
        let (least, below) = range.split_once(",<").unwrap_or((range, ""));
        let name = name.split('[').next().unwrap_or_default();
        let tested = tested.get(name).unwrap_or_else(|| panic!("{name} is not tested"));
        assert!(begins_with(tested, least), "{package}, but {tested} is tested");
        assert!(below.is_empty() || !begins_with(tested, below), "{package}, but {tested} is tested");
    }
}

#[test]
fn versions_are_compared_part_by_part() {
    assert!(begins_with("2.3.0", "2.3") && begins_with("2.3", "2.3"));
    assert!(!begins_with("2.30.0", "2.3") && !begins_with("2.3.0", "2.3.0.1"));
}
