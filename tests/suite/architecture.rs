//! The house rules that the compiler does not know, checked by reading `src/`.
//!
//! Every rule collects all of its violations before it fails, each as `file:line: what is wrong`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The floors, lowest first. Rooms on one floor do not know each other; a room knows what is below.
const FLOORS: [&[&str]; 18] = [
    &["base"],
    &["protocol"],
    &["model"],
    &["store"],
    &["keys", "outside"],
    &["config"],
    &["app"],
    &["installation"],
    &["audit"],
    &["identity"],
    &["oauth"],
    &["federation"],
    &["admin"],
    &["seed"],
    &["web", "jobs"],
    &["cli"],
    &["lib"],
    &["main"],
];

/// A crate (by the beginning of its name) that only some folders or files may name.
const CRATES: [(&str, &[&str]); 17] = [
    ("sqlx", &["src/store/"]),
    ("redis", &["src/store/shared_counts.rs"]),
    ("h2", &["src/web/http2"]),
    ("oxide_auth", &["src/oauth/machine.rs"]),
    ("actix", &["src/web/", "src/cli/"]),
    ("clap", &["src/cli/"]),
    ("askama", &["src/web/"]),
    // Whoever connects to elsewhere could be sent anywhere: only the guarded way out may.
    ("hyper", &["src/outside/"]),
    ("hyper_util", &["src/outside/"]),
    ("http_body_util", &["src/outside/"]),
    ("tokio_rustls", &["src/outside/", "src/web/server.rs", "src/web/wire.rs"]),
    ("reqwest", &["src/outside/"]),
    ("prometheus_client", &["src/web/metrics/"]),
    ("opentelemetry", &["src/outside/otlp.rs", "src/cli/traces.rs", "src/web/trace.rs"]),
    ("tracing_opentelemetry", &["src/cli/traces.rs", "src/web/trace.rs"]),
    ("tracing_subscriber", &["src/cli/", "src/config/"]),
    ("openidconnect", &["src/federation/upstream/"]),
];

/// What the pure floors may not name: whoever waits, reads a clock or rolls dice is not a rule.
const IMPURE: [&str; 8] = ["tokio", "SystemTime", "Instant", "Clock", "Random", "async", "await", "std::env"];

/// Where a status code of an error may be named besides `src/web/error/`, and which.
const STATUS_EXCEPTIONS: [(&str, &[&str]); 5] = [
    // The page has a link to go on.
    ("src/web/federation/callback.rs", &["FORBIDDEN"]),
    // A probe answers a load balancer, not a peer of the protocol.
    ("src/web/health.rs", &["ServiceUnavailable"]),
    // The form again, with a message in it.
    ("src/web/pages/login.rs", &["UNAUTHORIZED", "TOO_MANY_REQUESTS"]),
    ("src/web/pages/setup.rs", &["FORBIDDEN"]),
    (
        "src/web/pages/account/mod.rs",
        &["UNPROCESSABLE_ENTITY", "FORBIDDEN", "CONFLICT", "TOO_MANY_REQUESTS"],
    ),
];

/// The statuses of answers that are not errors, as `HttpResponse` and `StatusCode` spell them.
const SUCCESS: [&str; 12] = [
    "Ok",
    "Created",
    "NoContent",
    "SeeOther",
    "NotModified",
    "build",
    "OK",
    "CREATED",
    "NO_CONTENT",
    "SEE_OTHER",
    "NOT_MODIFIED",
    "Accepted",
];

/// The longest file, in lines.
const MAX_LINES: usize = 500;

/// A file of `src/` as the rules see it.
struct Source {
    /// `src/oauth/token.rs`
    path: String,
    /// As it stands
    text: String,
    /// Without comments, and with empty strings
    code: String,
}

impl Source {
    /// The room it belongs to: the first folder below `src/`, or the name of a file there.
    fn room(&self) -> &str {
        let inside = self.path.trim_start_matches("src/");
        inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// How many `super::` lead to the root of the crate.
    fn depth(&self) -> usize {
        let names = self.path.split('/').count() - 1;
        if self.path.ends_with("/mod.rs") { names - 1 } else { names }
    }

    /// The paths in the code, such as `crate::oauth::token`, with their line.
    fn paths(&self) -> Vec<(usize, String)> {
        let mut paths = Vec::new();
        for (at, line) in self.code.lines().enumerate() {
            let mut path = String::new();
            for c in line.chars().chain(Some(' ')) {
                if c.is_alphanumeric() || c == '_' || c == ':' {
                    path.push(c);
                } else if !path.is_empty() {
                    // `{` directly after `::` is a group, which the rules could not read.
                    if path.ends_with("::") {
                        path.push(c);
                    }
                    paths.push((at + 1, std::mem::take(&mut path)));
                }
            }
        }
        paths
    }
}

/// Whether a path goes through a name, or begins or ends with it.
fn goes_through(path: &str, name: &str) -> bool {
    format!("::{path}::").contains(&format!("::{name}::"))
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    assert!(files.len() > 50, "only {} files below src/: is this the right folder?", files.len());
    files.sort();
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let path = file.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        let code = without_comments_and_strings(&text);
        Source { path, text, code }
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Blanks comments and the inside of string and character literals; line breaks stay.
fn without_comments_and_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_or_comment(bytes, at);
        if end == at {
            code.push(if bytes[at].is_ascii() { char::from(bytes[at]) } else { ' ' });
            at += 1;
        } else {
            code.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none does.
fn literal_or_comment(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let find = |from: usize, wanted: &[u8]| {
        rest[from..]
            .windows(wanted.len())
            .position(|window| window == wanted)
            .map_or(bytes.len(), |found| at + from + found)
    };
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let begins_word = at == 0 || !is_word(&bytes[at - 1]);
    if rest.starts_with(b"//") {
        return find(0, b"\n");
    }
    if rest.starts_with(b"/*") {
        return (find(2, b"*/") + 2).min(bytes.len());
    }
    if begins_word && (rest.starts_with(b"r\"") || rest.starts_with(b"r#")) {
        let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
        if rest.get(1 + hashes) == Some(&b'"') {
            let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            return (find(2 + hashes, &close) + close.len()).min(bytes.len());
        }
    }
    if rest[0] == b'"' {
        return quoted(bytes, at, b'"');
    }
    // A character, unless it is a lifetime.
    let is_character = rest.len() > 2 && rest[0] == b'\'' && (rest[1] == b'\\' || rest[2] == b'\'' || !rest[1].is_ascii());
    if is_character { quoted(bytes, at, b'\'') } else { at }
}

fn quoted(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != quote {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

/// Fails with all violations, if there are any.
fn expect_none(rule: &str, violations: &[String]) {
    let mut list = String::new();
    for violation in violations {
        let _ = write!(list, "\n  {violation}");
    }
    assert!(violations.is_empty(), "{rule}{list}");
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn imports_only_go_down() {
    let mut violations = Vec::new();
    for source in sources() {
        let room = source.room();
        let Some(own) = floor(room) else {
            violations.push(format!("{}: the room `{room}` is on no floor: add it to FLOORS", source.path));
            continue;
        };
        for (line, path) in source.paths() {
            let Some(inside) = path.split("crate::").nth(1) else { continue };
            let named = inside.split("::").next().unwrap_or_default();
            let problem = match floor(named) {
                Some(_) if named == room => continue,
                Some(other) if other < own => continue,
                Some(_) => format!("`{room}` names `{named}`, which is not below it"),
                None => format!("`{path}` names no room: write one `use crate::room::…` for each room"),
            };
            violations.push(format!("{}:{line}: {problem}", source.path));
        }
    }
    expect_none("imports only go down (see FLOORS in tests/suite/architecture.rs)", &violations);
}

#[test]
fn nobody_climbs_out_of_a_room_by_super() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| !matches!(source.room(), "lib" | "main")) {
        for (line, path) in source.paths() {
            let climbs = path.split("::").take_while(|name| *name == "super").count();
            if climbs >= source.depth() && climbs > 0 {
                violations.push(format!("{}:{line}: `{path}` leads out of the room: write `crate::`", source.path));
            }
        }
    }
    expect_none("other rooms are named by `crate::`, so that the floors can be checked", &violations);
}

#[test]
fn each_library_stays_in_its_room() {
    let mut violations = Vec::new();
    for source in sources() {
        for (name, allowed) in CRATES {
            if allowed.iter().any(|place| source.path.starts_with(place)) {
                continue;
            }
            for (line, path) in source.paths() {
                // A single word is something of ours, such as a field: whoever uses a library goes on from its name.
                let is_named = path.contains("::")
                    && path.split("::").next().is_some_and(|first| {
                        first == name || (name == "actix" && first.starts_with("actix_")) || first.strip_prefix(name) == Some("_derive")
                    });
                if is_named {
                    violations.push(format!("{}:{line}: `{path}`: only {allowed:?} may name {name}", source.path));
                }
            }
        }
    }
    expect_none("each library is named in one place only", &violations);
}

#[test]
fn the_rules_neither_wait_nor_look_at_a_clock() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| matches!(source.room(), "protocol" | "model")) {
        for (line, path) in source.paths() {
            for name in IMPURE {
                if goes_through(&path, name) {
                    violations.push(format!("{}:{line}: `{path}`: {name} is not for pure rules", source.path));
                }
            }
        }
    }
    expect_none("protocol and model are pure: time and randomness are arguments", &violations);
}

#[test]
fn pages_and_endpoints_do_not_know_the_store() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| source.room() == "web") {
        for (line, path) in source.paths() {
            if path.starts_with("crate::store") {
                violations.push(format!("{}:{line}: `{path}`: ask identity or oauth instead", source.path));
            }
        }
    }
    expect_none("web does not name the store", &violations);
}

#[test]
fn status_codes_of_errors_are_chosen_in_one_file() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| !source.path.starts_with("src/web/error/")) {
        let excepted = STATUS_EXCEPTIONS
            .iter()
            .find(|(path, _)| *path == source.path)
            .map_or(&[][..], |(_, names)| *names);
        for (line, path) in source.paths() {
            let Some((owner, name)) = path.rsplit_once("::") else { continue };
            let is_status = owner.ends_with("HttpResponse") || owner.ends_with("StatusCode");
            if is_status && !SUCCESS.contains(&name) && !excepted.contains(&name) {
                violations.push(format!("{}:{line}: `{path}`: return an Error instead", source.path));
            }
        }
    }
    expect_none("only src/web/error/ chooses the status of an error", &violations);
}

#[test]
fn there_is_no_unsafe_code() {
    let mut violations = Vec::new();
    for source in sources() {
        for (line, path) in source.paths() {
            if path == "unsafe" {
                violations.push(format!("{}:{line}: unsafe", source.path));
            }
        }
    }
    expect_none("no unsafe code", &violations);
}

#[test]
fn files_stay_short() {
    let mut violations = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            violations.push(format!("{}: {lines} lines, at most {MAX_LINES}: split it", source.path));
        }
    }
    expect_none("files stay short", &violations);
}

#[test]
fn every_file_says_what_lives_in_it() {
    let mut violations = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            violations.push(format!("{}: begins without a `//!` comment", source.path));
        }
    }
    expect_none("a file begins with a few words about what lives there", &violations);
}

/// The reader above must see what it is meant to see, or every rule would pass on anything.
#[test]
fn the_reader_sees_code_and_nothing_else() {
    let code = without_comments_and_strings(
        "use crate::a::b; // crate::c\nlet x = \"crate::d \\\" crate::e\"; /* crate::f\n */ let q = '\"'; crate::g(r#\"crate::\"h\"#); &'a crate::i",
    );
    let source = Source {
        path: "src/web/pages/login.rs".to_owned(),
        text: String::new(),
        code,
    };
    let seen: Vec<(usize, String)> = source.paths().into_iter().filter(|(_, path)| path.contains("crate")).collect();
    let expected = [(1, "crate::a::b"), (3, "crate::g"), (3, "crate::i")].map(|(line, path)| (line, path.to_owned()));
    assert_eq!(seen, expected);
    assert_eq!((source.room(), source.depth()), ("web", 3));
    assert!(goes_through("std::time::Instant", "Instant"));
    assert!(!goes_through("InstantCoffee", "Instant"));
}

/// The page about monitoring says what to do about each way in which the server is busy, in the words of the log.
#[test]
fn what_the_server_is_busy_with_has_its_advice() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut found = 0;
    for source in sources() {
        for what in source
            .text
            .split("Fault::Busy(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            let row = format!("\n| `too much waiting work: {what}` |");
            assert!(page.contains(&row), "{}: docs/monitoring.md says nothing of {what}", source.path);
            found += 1;
        }
    }
    assert!(found >= 3, "{found}");
}

/// A request that fails by no fault of its own leaves a line, and operators can read what its event means.
#[test]
fn events_of_failed_requests_are_explained() {
    let page = |name: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let (logs, advice) = (page("docs/operations.md"), page("docs/monitoring.md"));
    let mut found = Vec::new();
    for event in page("src/web/error/mod.rs").split("event = \"").skip(1) {
        let event = event.split('"').next().unwrap_or_default();
        let name = format!("`{event}`");
        let has_row = logs.lines().any(|line| line.starts_with("| `") && line.contains(&name));
        assert!(has_row, "docs/operations.md has no row for {event}");
        let is_explained = advice.contains(&format!("`event={event}`"));
        assert!(is_explained, "docs/monitoring.md says nothing of {event}");
        found.push(event.to_owned());
    }
    assert_eq!(found, ["busy", "undone", "fault"]);
}
