//! The units of `deploy/systemd/`, as systemd itself reads them where it is installed.

use super::{files, in_repository, number, text_of};
use crate::support::process::{BINARY, Sandbox};
use crate::support::tools;

const FOLDER: &str = "deploy/systemd";
const SERVER: &str = "gatehouse.service";
const BACKUP: &str = "gatehouse-backup.service";
const TIMER: &str = "gatehouse-backup.timer";
/// Where the units take it to be.
const INSTALLED: &str = "/usr/local/bin/gatehouse";
/// The first version that knows `Type=notify-reload`.
const FIRST_VERSION: u64 = 253;
/// The most exposure that `systemd-analyze security` may see, in tenths; it begins to say "medium" at 50.
const MOST_EXPOSURE: &str = "20";

fn unit(name: &str) -> String {
    text_of(&in_repository(FOLDER).join(name))
}

fn setting(unit_name: &str, name: &str) -> String {
    let unit = unit(unit_name);
    let found = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{unit_name} does not set {name}")).to_owned()
}

fn assert_is_understood(command: &str) {
    let words: Vec<&str> = command.split(' ').map(|word| word.trim_matches('"')).collect();
    let parsed = gatehouse::cli::command().try_get_matches_from(&words);
    assert!(parsed.is_ok(), "{command}");
}

fn guide() -> String {
    text_of(&in_repository("docs/operations.md"))
}

#[test]
fn the_unit_goes_together_with_the_program() {
    let setting = |name: &str| setting(SERVER, name);
    assert_eq!(setting("Type"), "notify-reload");
    assert_is_understood(&setting("ExecStart"));
    assert!(number(&setting("TimeoutStopSec")) > 20, "running requests get 20 seconds");
    assert!(number(&setting("WatchdogSec")) >= 10, "a machine may be busy");
    assert_eq!(setting("Restart"), "on-failure", "who stops it wants it stopped");
    let may_give_way = |line: &str| line == "SystemCallFilter=setpriority";
    assert!(
        unit(SERVER).lines().any(may_give_way),
        "threads that compute hashes give way to others"
    );
    assert_eq!(setting("WorkingDirectory"), format!("/var/lib/{}", setting("StateDirectory")));
    let guide = guide();
    assert!(guide.contains("install -m 0644 deploy/systemd/gatehouse.service /etc/systemd/system/"));
    assert!(guide.contains(&format!(
        "useradd --system --user-group --home-dir {} {}",
        setting("WorkingDirectory"),
        setting("User")
    )));
}

/// It copies what the server writes, into a folder that the guide makes, and may do no more than the server.
#[test]
fn the_backup_goes_together_with_the_server() {
    assert_eq!(setting(BACKUP, "Type"), "oneshot");
    let shell = setting(BACKUP, "ExecStart");
    let (_, command) = shell.split_once("exec ").expect("the shell makes a name and is gone");
    let command = command.trim_end_matches('\'').replace("$$(date +%%F-%%H%%M%%S)", "NOW");
    assert_is_understood(&command);
    let folder = setting(BACKUP, "ReadWritePaths");
    assert!(command.ends_with(&format!("--to \"{folder}/gatehouse-NOW.db\"")), "{command}");
    assert!(setting(BACKUP, "ExecStartPost").contains(&format!("find {folder} -xdev -name gatehouse-*.db ")));
    for same in ["User", "Group", "StateDirectory", "StateDirectoryMode", "WorkingDirectory", "UMask"] {
        assert_eq!(setting(BACKUP, same), setting(SERVER, same), "{same}");
    }
    let (backup, server) = (unit(BACKUP), unit(SERVER));
    let confined = server.lines().skip_while(|line| !line.starts_with("CapabilityBoundingSet="));
    let confined = confined.take_while(|line| !line.starts_with('['));
    let confined: Vec<&str> = confined.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(confined.len() > 20, "{confined:?}");
    for line in confined {
        let is_there = backup.lines().any(|other| other == line);
        // It connects to nobody, and computes no hashes.
        let is_for_servers = line.starts_with("RestrictAddressFamilies=") || line == "SystemCallFilter=setpriority";
        assert!(is_there || is_for_servers, "{BACKUP} lacks {line}");
    }
    assert_eq!(setting(BACKUP, "RestrictAddressFamilies"), "AF_UNIX");

    assert_eq!(
        TIMER.strip_suffix(".timer"),
        BACKUP.strip_suffix(".service"),
        "by its name it starts the other"
    );
    assert_eq!(setting(TIMER, "Persistent"), "yes");
    let guide = guide();
    assert!(guide.contains("install -m 0644 deploy/systemd/gatehouse-backup.* /etc/systemd/system/"));
    assert!(guide.contains(&format!("install -d -m 0700 -o {0} -g {0} {folder}", setting(BACKUP, "User"))));
    assert!(guide.contains(&format!("systemctl enable --now {TIMER}")));
}

/// systemd says of each line that it does not understand.
#[test]
fn systemd_understands_them() {
    let Some(analyze) = tools::systemd_analyze() else {
        println!("skipped: there is no systemd-analyze");
        return;
    };
    // A timer wants what it starts beside it.
    let run = |arguments: &[&str], name: &str, units: &[(&str, String)]| {
        let sandbox = Sandbox::bare();
        for (name, unit) in units {
            sandbox.write(name, unit);
        }
        let mut command = sandbox.program(&analyze.display().to_string());
        if !name.is_empty() {
            command.arg("--man=no");
        }
        let output = command
            .args(arguments)
            .args(units.iter().find(|(other, _)| *other == name).map(|_| sandbox.file(name)));
        let output = output.output().expect("systemd-analyze runs");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), said)
    };
    let (_, version) = run(&["--version"], "", &[]);
    let version = number(version.strip_prefix("systemd ").expect("a version"));
    let units = [SERVER, BACKUP, TIMER].map(|name| {
        let unit = unit(name).replace(INSTALLED, BINARY);
        let is_known = version >= FIRST_VERSION;
        (
            name,
            if is_known {
                unit
            } else {
                unit.replace("Type=notify-reload", "Type=notify")
            },
        )
    });
    assert_eq!(files(&in_repository(FOLDER)).len(), units.len(), "each of them is looked at");
    let threshold = format!("--threshold={MOST_EXPOSURE}");
    let security: [&str; 3] = ["security", "--offline=true", &threshold];
    for (name, unit) in &units {
        let (is_fine, said) = run(&["verify"], name, &units);
        let complaints: Vec<&str> = said.lines().filter(|line| line.contains("gatehouse")).collect();
        assert!(is_fine && complaints.is_empty(), "{name}: {said}");
        if name.ends_with(".service") {
            let (is_fine, said) = run(&security, name, &units);
            assert!(is_fine, "{said}");
            // Whoever refuses nothing proves nothing.
            let broken = [(*name, unit.replace("ProtectHome=", "ProtectHouse="))];
            let (_, said) = run(&["verify"], name, &broken);
            assert!(said.contains("ProtectHouse"), "{said}");
        }
    }
    let (is_fine, _) = run(&security, SERVER, &[(SERVER, "[Service]\nExecStart=/bin/true\n".to_owned())]);
    assert!(!is_fine);
}
