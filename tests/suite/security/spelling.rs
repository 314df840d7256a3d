//! Paths with letters in hexadecimal that need it nowhere (RFC 3986 §2.3): whoever stands before this server and keeps people from some
//! paths may not read them as the same.

use serde_json::json;

use super::smuggling::{exchange, statuses};
use crate::admin_pages::Desk;
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{Database, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn words_of_paths_in_hexadecimal_lead_nowhere() {
    let desk = Desk::of(TestApp::start(Database::Sqlite).await).await;
    let address = desk.app.base.strip_prefix("http://").unwrap().to_owned();
    for path in [
        "/%61dmin",
        "/admi%6E",
        "/%61pi/admin/v1/users",
        "/api/%61dmin/v1/users/a",
        "/logi%6e",
        "/%2Ewell-known/openid-configuration",
        "/healt%68z",
        "/acc%6Funt/sessions",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(&address, request.as_bytes()).await;
        assert_eq!(statuses(&answer), [404], "{path}");
    }
    // The API takes no cookie without an origin, however its path is written.
    for (path, expected) in [
        ("/api/admin/v1/reload", 403),
        ("/%61pi/admin/v1/reload", 404),
        ("/api/%61dmin/v1/reload", 404),
    ] {
        let url = desk.app.url(path);
        let answer = desk.browser.send(http().post(&url), &url).await;
        assert_eq!(answer.status, expected, "{path}: {}", answer.body);
    }
    // Names are written as anybody likes.
    let put = |name: &str| {
        let request = http().put(desk.app.url(&format!("/api/admin/v1/scopes/{name}")));
        send(request.header("x-admin-token", &desk.token).json(&json!({ "description": "x" })))
    };
    assert_eq!(put("st%72ict").await.status, 201);
    let known = http().get(desk.app.url("/api/admin/v1/scopes/strict"));
    assert_eq!(send(known.header("x-admin-token", &desk.token)).await.status, 200);
}
