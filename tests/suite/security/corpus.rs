//! Everything that fuzzing has found worth keeping, through the same functions (`fuzz/src/lib.rs`), on any compiler.

#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let stem = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    entries.map(|entry| stem(entry.expect("an entry").path())).collect()
}

#[test]
fn what_was_found_once_is_read_or_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let (mut inputs, mut bytes) = (0, 0);
    for (name, target) in targets::TARGETS {
        let folder = root.join("corpus").join(name);
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let input = std::fs::read(&file).expect("a file");
            let outcome = std::panic::catch_unwind(|| target(&input));
            assert!(outcome.is_ok(), "{name} fails at {}", file.display());
            inputs += 1;
            bytes += input.len();
        }
    }
    assert!(inputs > 100, "only {inputs}");
    assert!(bytes < 1_000_000, "the corpus is to be small: {bytes} bytes");
}

/// Every target is in the list, in the manifest of the fuzzer and in the corpus.
#[test]
fn every_target_is_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let listed: BTreeSet<String> = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed.len(), targets::TARGETS.len());
    assert_eq!(names(&root.join("fuzz_targets")), listed);
    assert_eq!(names(&root.join("corpus")), listed);
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("a manifest");
    let bins: BTreeSet<String> = manifest
        .split("[[bin]]")
        .skip(1)
        .filter_map(|part| part.split("name = \"").nth(1)?.split('"').next().map(str::to_owned))
        .collect();
    assert_eq!(bins, listed);
}
