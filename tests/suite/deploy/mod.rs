//! The files of `deploy/` against the schemas of those who read them, and against the program that they run.

mod chart;
mod compose;
mod environment;
mod kubernetes;
mod proxies;
mod schemas;
mod server;
mod systemd;

use std::path::{Path, PathBuf};

use gatehouse::cli;
use serde_json::Value;

/// What operators put beside the files; git ignores it.
const OF_OPERATORS: [&str; 2] = [".env", "secrets"];
/// The image that the manifests name; whoever releases another version changes it there.
const IMAGE: &str = concat!("gatehouse:", env!("CARGO_PKG_VERSION"));

/// Who reads a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Compose,
    Kubernetes,
    /// Its only file has no schema in the validators; `kubernetes` looks at it
    Kustomize,
}

/// A YAML file.
struct Manifest {
    path: PathBuf,
    documents: Vec<Value>,
}

impl Manifest {
    fn read(path: PathBuf) -> Self {
        let documents = serde_saphyr::from_multiple(&text_of(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let manifest = Self { path, documents };
        assert!(!manifest.documents.is_empty(), "{} is empty", manifest.path.display());
        manifest
    }

    fn reader(&self) -> Reader {
        let first = &self.documents[0];
        if first["services"].is_object() {
            Reader::Compose
        } else if first["kind"] == "Kustomization" {
            Reader::Kustomize
        } else {
            Reader::Kubernetes
        }
    }
}

/// A path in the repository.
fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files of a folder and of those inside.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let entry = entry.expect("an entry");
        if OF_OPERATORS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml")
}

fn manifests() -> Vec<Manifest> {
    let all = files(&in_repository("deploy"));
    // The chart is no manifest before it is filled in.
    let all = all.into_iter().filter(|path| !path.starts_with(in_repository(chart::FOLDER)));
    let manifests: Vec<Manifest> = all.filter(|path| is_yaml(path)).map(Manifest::read).collect();
    assert!(manifests.len() > 5, "only {}", manifests.len());
    manifests
}

/// The items of a list; none when there is no list.
fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The entries of a map; none when there is no map.
fn entries(map: &Value) -> impl Iterator<Item = (&str, &Value)> {
    map.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

/// The number at the beginning of `90s`, `3600s` or `30`.
fn number(text: &str) -> u64 {
    let digits = text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("{text:?} does not begin with a number"))
}

/// The number of the user whom the image makes for itself.
fn user_of_the_image() -> u64 {
    let dockerfile = text_of(&in_repository("Dockerfile"));
    let (_, rest) = dockerfile.split_once("--uid ").expect("the image makes a user");
    number(rest)
}

/// `words` is how an image is told what to do; its entry point is the program.
fn assert_is_a_command(words: &Value) {
    let command = cli::command();
    let name = text(&words[0]);
    assert!(command.find_subcommand(name).is_some(), "gatehouse {name} is no command");
}

/// Whoever adds a file of another kind says here who checks it.
#[test]
fn every_file_is_checked_by_somebody() {
    for path in files(&in_repository("deploy")) {
        let is_known = [
            "deploy/README.md",
            "caddy/Caddyfile",
            "caddy/Caddyfile.nodes",
            "nginx/gatehouse.conf",
            "grafana/gatehouse.json",
        ];
        let is_known = is_known.iter().any(|known| path.ends_with(known))
            || path.starts_with(in_repository(chart::FOLDER))
            || path.starts_with(in_repository("deploy/systemd"))
            || path.starts_with(in_repository("deploy/prometheus"));
        assert!(is_known || is_yaml(&path), "nobody checks {}", path.display());
    }
}

/// What the manifests take for granted about the image.
#[test]
fn the_image_is_as_they_expect_it() {
    let dockerfile = text_of(&in_repository("Dockerfile"));
    let has = |line: &str| dockerfile.lines().any(|other| other == line);
    assert!(has("ENTRYPOINT [\"gatehouse\"]"), "the entry point is the program");
    let user = user_of_the_image();
    assert!(has(&format!("USER {user}:{user}")), "it has no rights");
    assert!(has("VOLUME /data"), "they cover its volume");
    assert!(has("STOPSIGNAL SIGTERM"), "it is stopped by what stops it");
    assert!(dockerfile.contains("    CMD [\"gatehouse\", \"healthcheck\"]\n"), "it asks itself");
    let (_, patience) = dockerfile.split_once(" --start-period=").expect("it is given time to start");
    assert!(number(patience) >= kubernetes::MIGRATION, "nobody ends a migration");
    assert!(dockerfile.contains(" --start-interval=1s "), "whoever waits for it is told at once");
    for base in dockerfile.lines().filter_map(|line| line.strip_prefix("ARG ")) {
        let (_, tag) = base.rsplit_once(':').expect("a tag");
        assert!(tag.contains("trixie"), "{base}: the C library of both stages must fit");
    }
    let oldest = text_of(&in_repository("Cargo.toml"));
    let oldest = oldest.lines().find_map(|line| line.strip_prefix("rust-version = \"1."));
    let (_, compiler) = dockerfile.split_once("\nARG RUST=rust:1.").expect("a compiler");
    assert!(number(compiler) >= number(oldest.expect("an oldest version")), "too old a compiler");
}

/// What is not sent to the build cannot be built, and what is sent without need may be a secret.
#[test]
fn the_image_is_built_from_what_it_needs() {
    let listed = text_of(&in_repository(".dockerignore"));
    let mut lines = listed.lines();
    assert_eq!(lines.next(), Some("*"), "nothing that is not named");
    let sandbox = crate::support::process::Sandbox::bare();
    for name in lines.filter_map(|line| line.strip_prefix('!')) {
        let copied = sandbox.program("cp").arg("-r").arg(in_repository(name)).arg(name).status();
        assert!(copied.expect("cp is there").success(), "{name}");
    }
    let mut cargo = sandbox.program(env!("CARGO"));
    let output = cargo
        .args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"])
        .output();
    let output = output.expect("cargo is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for file in files(&in_repository("src")) {
        let text = text_of(&file);
        for included in text.split("include_str!(\"").skip(1).chain(text.split("include_bytes!(\"").skip(1)) {
            let path = file.with_file_name(included.split('"').next().unwrap_or_default());
            let path = path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let inside = path
                .strip_prefix(in_repository("").canonicalize().expect("a folder"))
                .expect("in the repository");
            assert!(
                sandbox.file(&inside.display().to_string()).exists(),
                "{} is not sent",
                inside.display()
            );
        }
    }
}
