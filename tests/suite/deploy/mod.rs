//! The files of `deploy/` against the schemas of those who read them, and against the program that they run.

mod compose;
mod environment;
mod kubernetes;
mod schemas;

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
    let manifests: Vec<Manifest> = all.into_iter().filter(|path| is_yaml(path)).map(Manifest::read).collect();
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
        let is_known = path.ends_with("deploy/README.md")
            || path.ends_with("relay/Caddyfile")
            || path.ends_with("grafana/gatehouse.json")
            || path.parent().is_some_and(|folder| folder.ends_with("deploy/prometheus"));
        assert!(is_known || is_yaml(&path), "nobody checks {}", path.display());
    }
}

/// What the manifests take for granted about the image.
#[test]
fn the_image_is_as_they_expect_it() {
    let dockerfile = text_of(&in_repository("Dockerfile"));
    assert!(
        dockerfile.contains("\nENTRYPOINT [\"gatehouse\"]\n"),
        "the entry point is the program"
    );
    assert!(dockerfile.contains("\nUSER gatehouse\n"), "it has no rights");
    assert!(dockerfile.contains("\nVOLUME /data\n"), "they cover its volume");
}
