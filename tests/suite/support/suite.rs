//! What tests there are, for documents and tables that name them.

use std::collections::BTreeSet;
use std::process::Command;

/// Every test of this suite by its path, such as `flows::code::a_code_expires`; one that runs on every database also without
/// the name of the database.
pub fn tests() -> BTreeSet<String> {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args(["--list", "--format", "terse"])
        .output()
        .expect("this program runs");
    let list = String::from_utf8(output.stdout).expect("text");
    let mut tests = BTreeSet::new();
    for name in list.lines().filter_map(|line| line.strip_suffix(": test")) {
        tests.insert(name.to_owned());
        if let Some((test, "sqlite" | "postgres" | "mysql")) = name.rsplit_once("::") {
            tests.insert(test.to_owned());
        }
    }
    assert!(tests.len() > 500, "only {} tests", tests.len());
    tests
}

/// The names in a text, as code, that look like the path of a test of one of these folders of the suite.
pub fn named<'t>(text: &'t str, folders: &BTreeSet<String>) -> Vec<&'t str> {
    let is_test = |name: &&str| {
        let is_plain = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b':'));
        // `relay::` is a folder, not a test.
        is_plain && !name.ends_with(':') && name.split_once("::").is_some_and(|(folder, _)| folders.contains(folder))
    };
    text.split('`').skip(1).step_by(2).filter(is_test).collect()
}

/// The folders of the suite.
pub fn folders(tests: &BTreeSet<String>) -> BTreeSet<String> {
    let folders = tests.iter().filter_map(|name| name.split("::").next());
    folders.map(str::to_owned).collect()
}
