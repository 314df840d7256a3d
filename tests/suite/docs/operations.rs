//! The table of operations in `docs/admin-api.md`.

use std::fmt::Write as _;
use std::path::Path;

use gatehouse::web::admin::api::openapi::openapi;

use crate::support::tools;

const BEGIN: &str = "<!-- operations -->\n";
const PREFIX: &str = "/api/admin/v1";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The table as the document of the API has it.
fn table() -> String {
    let document = openapi();
    let mut table = "\n| operation | what it does |\n|---|---|\n".to_owned();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let path = path.strip_prefix(PREFIX).expect("all of them are below one path");
        for method in METHODS {
            if let Some(summary) = item[method]["summary"].as_str() {
                let _ = writeln!(table, "| `{} {path}` | {summary} |", method.to_uppercase());
            }
        }
    }
    table
}

/// `UPDATE_DOCS=1 cargo test --test suite docs` writes it anew.
#[test]
fn the_table_of_operations_is_that_of_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/admin-api.md");
    let page = std::fs::read_to_string(&path).expect("docs/admin-api.md");
    let (before, found) = page.split_once(BEGIN).expect("the table has its place, at the end");
    if tools::variable("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}", table())).expect("docs/admin-api.md is written");
        return;
    }
    assert!(
        found == table(),
        "the table is old; make it anew with UPDATE_DOCS=1 cargo test --test suite docs"
    );
}
