//! The table of clients in `docs/mcp.md`: what they register with is taken.

use serde_json::{Value, json};

use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{Database, TestApp};

/// The clients of the table, each with its redirect URIs.
fn clients(page: &str) -> Vec<(String, Vec<String>)> {
    let (_, table) = page
        .split_once("| client | how it becomes known | redirect URIs |\n|---|---|---|\n")
        .expect("a table");
    let rows = table.lines().take_while(|line| line.starts_with("| "));
    let client = |row: &str| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let uris = cells[3].split('`').filter(|text| text.contains("://"));
        (cells[1].to_owned(), uris.map(|uri| uri.replace("PORT", "3118")).collect())
    };
    rows.map(client).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_of_the_guide_can_register() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/mcp.md")).expect("docs/mcp.md");
    let app = TestApp::start(Database::Sqlite).await;
    let clients = clients(&page);
    assert_eq!(clients.len(), 5, "{clients:?}");
    for (name, uris) in clients {
        assert!(!uris.is_empty(), "{name}");
        let metadata = json!({
            "client_name": name, "redirect_uris": uris, "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        });
        for application_type in ["web", "native"] {
            let mut metadata = metadata.clone();
            metadata["application_type"] = Value::from(application_type);
            let answer = send(http().post(app.url("/register")).json(&metadata)).await;
            assert_eq!(answer.status, 201, "{name}: {}", answer.body);
            assert_eq!(answer.body["redirect_uris"], json!(uris), "{name}");
        }
    }
}
