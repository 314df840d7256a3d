//! The document of the API: it says what there is, and the copy in `docs/` says the same.

use std::collections::BTreeSet;
use std::path::Path;

use gatehouse::web::admin::api::openapi::openapi;
use gatehouse::web::routes;
use serde_json::Value;

fn document() -> Value {
    openapi()
}

/// `GET /api/admin/v1/clients` and so on, of the document.
fn documented() -> BTreeSet<String> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("an item").keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

/// The same of the table of routes.
fn served() -> BTreeSet<String> {
    routes::all()
        .filter(|route| route.path.starts_with("/api/admin/"))
        .flat_map(|route| route.methods.iter().map(move |method| format!("{method} {}", route.path)))
        .filter(|operation| !operation.starts_with("HEAD "))
        .collect()
}

#[test]
fn every_operation_is_documented_and_every_documented_one_is_served() {
    assert_eq!(documented(), served());
}

#[test]
fn every_operation_has_words_an_id_and_a_tag_that_is_explained() {
    let document = document();
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .filter_map(|tag| tag["name"].as_str())
        .collect();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let place = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{place}");
            assert!(
                ids.insert(operation["operationId"].as_str().expect("an id")),
                "{place}: the id is taken"
            );
            assert!(
                operation["tags"]
                    .as_array()
                    .expect("tags")
                    .iter()
                    .all(|tag| tags.contains(tag.as_str().unwrap())),
                "{place}"
            );
            for (status, response) in operation["responses"].as_object().expect("responses") {
                assert!(
                    response["description"].as_str().is_some_and(|text| !text.is_empty()),
                    "{place} {status}"
                );
            }
        }
    }
}

/// `UPDATE_DOCS=1 cargo test --test suite document` writes the copy anew.
#[test]
fn the_copy_in_the_documentation_is_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let now = format!("{}\n", serde_json::to_string_pretty(&document()).expect("JSON"));
    if gatehouse::config::sources::Sources::environment().contains_key("UPDATE_DOCS") {
        std::fs::write(&path, &now).expect("docs/openapi.json is written");
    }
    let copy = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        copy == now,
        "docs/openapi.json is old; make it anew with UPDATE_DOCS=1 cargo test --test suite document"
    );
}
