//! Which pages of other origins may use the relay: those that the operator lists, at the API, and none at the callback.

use reqwest::Method;
use serde_json::json;

use super::Program;
use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::{Answer, send};
use crate::support::{Database, TestApp};

const LISTED: &str = "https://app.example";

async fn preflight(app: &TestApp, path: &str, origin: &str) -> Answer {
    let request = http().request(Method::OPTIONS, app.url(path));
    let request = request.header("origin", origin).header("access-control-request-method", "POST");
    send(request.header("access-control-request-headers", "authorization, x-callback-verifier")).await
}

async fn announce_from(program: &Program, origin: &str) -> Answer {
    let request = program.request(Method::POST, "/api/callbacks").header("origin", origin);
    send(request.json(&json!({}))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_origins_and_no_others() {
    let options = Options {
        settings: vec![("relay_origins", format!("{LISTED}, http://localhost:3000"))],
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    let program = Program::of(&app).await;
    for origin in [LISTED, "http://localhost:3000"] {
        let answer = preflight(&app, "/api/callbacks", origin).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("vary"), "Origin");
        assert!(answer.header("access-control-allow-headers").contains("X-Callback-Verifier"));
        assert_eq!(answer.header("access-control-allow-credentials"), "", "never with cookies");
        let answer = announce_from(&program, origin).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (201, origin));
    }
    for origin in [
        "https://app.example.evil.example",
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "HTTPS://APP.EXAMPLE",
        "null",
        "",
    ] {
        let answer = preflight(&app, "/api/callbacks", origin).await;
        assert_eq!(answer.status, 405, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        let answer = announce_from(&program, origin).await;
        assert_eq!(
            (answer.header("access-control-allow-origin"), answer.header("vary")),
            ("", "Origin"),
            "{origin}"
        );
    }
    for path in ["/callback", "/callback/continue", "/oauth2/callback", "/userIdentifier/token"] {
        let answer = preflight(&app, path, LISTED).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn none_unless_they_are_listed() {
    let app = TestApp::start(Database::Sqlite).await;
    let answer = preflight(&app, "/api/callbacks", LISTED).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, ""));
}

#[test]
fn only_origins_can_be_listed() {
    use gatehouse::config::Config;
    use gatehouse::config::registry::Setting;
    let set = Setting::find("relay_origins").expect("a setting").set;
    for wrong in [
        "*",
        "null",
        "app.example",
        "https://app.example/path",
        "https://user@app.example",
        "http://app.example",
        "https://app.example?x",
        "https://*.example",
        "ftp://app.example",
    ] {
        assert!(set(&mut Config::default(), wrong).is_err(), "{wrong}");
    }
    let mut config = Config::default();
    set(&mut config, "https://app.example/, http://127.0.0.1:3000").unwrap();
    assert_eq!(config.relay.origins, ["https://app.example", "http://127.0.0.1:3000"]);
}
