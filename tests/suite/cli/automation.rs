//! `docs/automation.md`, `docs/admin-api.md` and `docs/registration.md`, executed as they stand.
//!
//! A block after `<!-- file: NAME -->` is written to that file; those after `<!-- run -->` run in one shell, in
//! order, beside a server.

use std::os::unix::fs::symlink;
use std::process::Stdio;

use crate::support::process::{BINARY, Sandbox};

/// The blocks with the marker before each.
fn blocks(page: &str) -> Vec<(String, String)> {
    let (mut found, mut marker, mut open) = (Vec::new(), None::<String>, None::<String>);
    for line in page.lines() {
        match &mut open {
            Some(_) if line == "```" => found.extend(marker.take().zip(open.take())),
            Some(text) => {
                text.push_str(line);
                text.push('\n');
            }
            None if line.starts_with("```") => open = Some(String::new()),
            None if line.starts_with("<!-- ") => marker = Some(line.trim_matches(['<', '!', '-', '>', ' ']).to_owned()),
            None => {}
        }
        if open.is_none() && line == "```" {
            marker = None;
        }
    }
    found
}

#[test]
fn the_page_about_automation_works() {
    let said = execute("automation", 7);
    for expected in [
        "Nothing to do: 8 as declared.",
        "\"consent_policy\":\"skip\"",
        "registered ",
        "Board",
    ] {
        assert!(said.contains(expected), "{expected} is missing: {said}");
    }
}

#[test]
fn the_page_about_the_admin_api_works() {
    let said = execute("admin-api", 5);
    for expected in [
        "\"client_secret\":\"",
        "\"next\":null",
        "\"consent_policy\":\"skip\"",
        "urn:gatehouse:problem:changed-meanwhile",
        "urn:gatehouse:problem:invalid-field",
        "\"field\":\"redirect_uris",
        "urn:gatehouse:problem:version-required",
        "urn:gatehouse:problem:not-found",
    ] {
        assert!(said.contains(expected), "{expected} is missing: {said}");
    }
}

#[test]
fn the_page_about_registration_works() {
    let said = execute("registration", 3);
    for expected in [
        "\"client_name\":\"Agent\"",
        "\"registration_access_token\":\"ghm_",
        "\"client_name\":\"Preview\"",
        "CLIENTS LEFT",
        "\"client_name\":\"Better agent\"",
        "204",
    ] {
        assert!(said.contains(expected), "{expected} is missing: {said}");
    }
}

/// Executes a page beside a server; what its commands printed.
fn execute(name: &str, least: usize) -> String {
    let page = std::fs::read_to_string(format!("{}/docs/{name}.md", env!("CARGO_MANIFEST_DIR"))).expect("the page is there");
    let sandbox = Sandbox::new();
    let page = page.replace("http://127.0.0.1:8000", &sandbox.issuer());
    let blocks = blocks(&page);
    assert!(blocks.len() >= least, "only {} blocks are executed", blocks.len());
    let bin = sandbox.file("bin");
    std::fs::create_dir(&bin).expect("a folder");
    symlink(BINARY, bin.join("gatehouse")).expect("a link");
    #[allow(clippy::disallowed_methods, reason = "the programs of the page are found as usual")]
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let sandbox = sandbox.with("PATH", &path);
    let mut script = "set -euo pipefail\n".to_owned();
    for (marker, text) in &blocks {
        match marker.split_once(": ") {
            Some(("file", name)) => sandbox.write(name, text),
            _ => {
                assert_eq!(marker, "run", "an unknown marker");
                script.push_str(text);
            }
        }
    }
    let server = sandbox.serve();
    let mut bash = sandbox.program("bash");
    let run = bash.args(["-c", &script]).stdin(Stdio::null()).output().expect("bash is there");
    let (printed, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{printed}{errors}{}", server.output());
    format!("{printed}{errors}")
}
