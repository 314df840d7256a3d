//! The validators carry the schemas of Compose and of Kubernetes, so nothing is fetched.

use std::path::Path;

use super::{Manifest, Reader, in_repository, manifests, text_of};
use crate::support::process::Sandbox;
use crate::support::tools;

/// The oldest version of Kubernetes that the manifests are for, and the newest that the validator knows.
const VERSIONS: [&str; 2] = ["1.34", "1.37"];

/// Whether a validator is content, and what it says.
fn run(program: &str, arguments: &[&str], file: &Path) -> (bool, String) {
    let sandbox = Sandbox::bare();
    let output = sandbox
        .program(&tools::validator(program).display().to_string())
        .args(arguments)
        .arg(file)
        .env("PYTHONUTF8", "1")
        .output()
        .expect("the validator runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn check_compose(file: &Path) -> Result<(), String> {
    let (is_content, said) = run("check-jsonschema", &["--builtin-schema", "vendor.compose-spec"], file);
    if is_content { Ok(()) } else { Err(said) }
}

/// Of a kind that it does not know the validator only warns, so what passed is counted.
pub fn check_kubernetes(file: &Path, documents: usize) -> Result<(), String> {
    let [oldest, newest] = VERSIONS;
    let (is_content, said) = run("kubernetes-validate", &["--strict", "-k", oldest, "-k", newest], file);
    let passed = said.lines().filter(|line| line.contains(" passed for resource ")).count();
    if is_content && passed == documents * VERSIONS.len() {
        Ok(())
    } else {
        Err(said)
    }
}

fn check(file: &Path, manifest: &Manifest) -> Result<(), String> {
    match manifest.reader() {
        Reader::Compose => check_compose(file),
        Reader::Kubernetes => check_kubernetes(file, manifest.documents.len()),
        Reader::Kustomize => Ok(()),
    }
}

#[test]
fn every_manifest_is_as_its_schema_wants_it() {
    for manifest in manifests() {
        if let Err(said) = check(&manifest.path, &manifest) {
            panic!("{}: {said}", manifest.path.display());
        }
    }
}

/// Whoever refuses nothing proves nothing: wrong names, wrong types, what is missing, and kinds that do not exist.
#[test]
fn broken_copies_are_refused() {
    let compose = "deploy/relay/compose.yaml";
    let deployment = "deploy/relay/kubernetes/deployment.yaml";
    let ingress = "deploy/relay/kubernetes/ingress.yaml";
    let autoscaler = "deploy/relay/kubernetes/horizontalpodautoscaler.yaml";
    for (path, right, wrong, named) in [
        (compose, "read_only: true", "readonly: true", "readonly"),
        (compose, "condition: service_healthy", "condition: service_happy", "service_happy"),
        (compose, "    image: caddy:2", "    image: [caddy]", "image"),
        (
            deployment,
            "readOnlyRootFilesystem",
            "readOnlyRootFileSystem",
            "readOnlyRootFileSystem",
        ),
        (deployment, "revisionHistoryLimit: 5", "revisionHistoryLimit: five", "five"),
        (deployment, "kind: Deployment", "kind: Deploiment", "Deploiment"),
        (ingress, "pathType: Prefix", "# pathType: Prefix", "pathType"),
        (autoscaler, "autoscaling/v2", "autoscaling/v2beta9", "autoscaling/v2beta9"),
    ] {
        let manifest = Manifest::read(in_repository(path));
        let text = text_of(&manifest.path);
        assert!(text.contains(right), "{path} has no {right:?} any more");
        let sandbox = Sandbox::bare();
        sandbox.write("broken.yaml", &text.replace(right, wrong));
        match check(&sandbox.file("broken.yaml"), &manifest) {
            Ok(()) => panic!("{path} passes with {wrong:?}"),
            Err(said) => assert!(said.contains(named), "{path} is refused for another reason than {wrong:?}: {said}"),
        }
    }
}
