//! `deploy/systemd/gatehouse.service`, as systemd itself reads it where it is installed.

use super::{in_repository, number, text_of};
use crate::support::process::{BINARY, Sandbox};
use crate::support::tools;

const UNIT: &str = "deploy/systemd/gatehouse.service";
/// The first version that knows `Type=notify-reload`.
const FIRST_VERSION: u64 = 253;
/// The most exposure that `systemd-analyze security` may see, in tenths; it begins to say "medium" at 50.
const MOST_EXPOSURE: &str = "20";

fn unit() -> String {
    text_of(&in_repository(UNIT))
}

fn setting(name: &str) -> String {
    let unit = unit();
    let found = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("the unit does not set {name}")).to_owned()
}

#[test]
fn the_unit_goes_together_with_the_program() {
    assert_eq!(setting("Type"), "notify-reload");
    let command = setting("ExecStart");
    let words: Vec<&str> = command.split(' ').collect();
    let parsed = gatehouse::cli::command().try_get_matches_from(&words);
    assert!(parsed.is_ok(), "{command}");
    assert!(number(&setting("TimeoutStopSec")) > 20, "running requests get 20 seconds");
    assert!(number(&setting("WatchdogSec")) >= 10, "a machine may be busy");
    assert_eq!(setting("Restart"), "on-failure", "who stops it wants it stopped");
    assert_eq!(setting("WorkingDirectory"), format!("/var/lib/{}", setting("StateDirectory")));
    let guide = text_of(&in_repository("docs/operations.md"));
    assert!(guide.contains("install -m 0644 deploy/systemd/gatehouse.service /etc/systemd/system/"));
    assert!(guide.contains(&format!(
        "useradd --system --user-group --home-dir {} {}",
        setting("WorkingDirectory"),
        setting("User")
    )));
}

/// systemd says of each line that it does not understand.
#[test]
fn systemd_understands_it() {
    let Some(analyze) = tools::systemd_analyze() else {
        println!("skipped: there is no systemd-analyze");
        return;
    };
    let run = |arguments: &[&str], unit: &str| {
        let sandbox = Sandbox::bare();
        sandbox.write("gatehouse.service", unit);
        let mut command = sandbox.program(&analyze.display().to_string());
        let output = command
            .args(arguments)
            .arg(sandbox.file("gatehouse.service"))
            .output()
            .expect("systemd-analyze runs");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), said)
    };
    let (_, version) = run(&["--version"], "");
    let version = number(version.strip_prefix("systemd ").expect("a version"));
    let mut unit = unit().replace("/usr/local/bin/gatehouse", BINARY);
    if version < FIRST_VERSION {
        unit = unit.replace("Type=notify-reload", "Type=notify");
    }
    let (is_fine, said) = run(&["verify", "--man=no"], &unit);
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("gatehouse.service")).collect();
    assert!(is_fine && complaints.is_empty(), "{said}");
    let (is_fine, said) = run(&["security", "--offline=true", &format!("--threshold={MOST_EXPOSURE}")], &unit);
    assert!(is_fine, "{said}");

    // Whoever refuses nothing proves nothing.
    let (_, said) = run(&["verify", "--man=no"], &unit.replace("ProtectHome=", "ProtectHouse="));
    assert!(said.contains("ProtectHouse"), "{said}");
    let (is_fine, _) = run(
        &["security", "--offline=true", &format!("--threshold={MOST_EXPOSURE}")],
        "[Service]\nExecStart=/bin/true\n",
    );
    assert!(!is_fine);
}
