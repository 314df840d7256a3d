//! The relay alone, as a process: with the paths, the answers and the variables of the callback servers that it
//! replaces, announced and open.

use std::time::Duration;

use serde_json::{Value, json};

use super::{place, success};
use crate::support::browser::http;
use crate::support::client::{Answer, send};
use crate::support::curl::{curl, printed_with};
use crate::support::process::{APP_SECRET, BINARY, Sandbox, Server};

const ADMIN_TOKEN: &str = "an-admin-token-of-the-operator";

/// A relay on a port of its own, told so by the two variables that callback servers are told by.
fn relay(arguments: &[&str]) -> (Sandbox, Server) {
    let sandbox = Sandbox::bare();
    let address = sandbox.address();
    let sandbox = sandbox
        .with("OAUTH_CALLBACK_HOST", &address.ip().to_string())
        .with("OAUTH_CALLBACK_PORT", &address.port().to_string())
        .with("ADMIN_TOKEN", ADMIN_TOKEN)
        .with("APP_SECRET", APP_SECRET);
    let server = sandbox.serve_with(&[&["relay"], arguments].concat());
    (sandbox, server)
}

/// What curl prints for a path, and the status.
fn ask(sandbox: &Sandbox, url: &str) -> (String, String) {
    let mut curl = curl(sandbox);
    curl.arg(url.replace("http://localhost:8000", &sandbox.issuer()));
    printed_with(curl, "http_code")
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// The quick test of a callback server that keeps what comes, line by line.
#[test]
fn an_open_relay_passes_the_quick_test_of_a_callback_server() {
    let (sandbox, server) = relay(&["--open"]);
    assert!(
        server
            .await_line("--open")
            .contains("gives its code to anybody who knows its state")
    );

    let (body, status) = ask(&sandbox, "http://localhost:8000/health");
    let health = json_of(&body);
    assert_eq!((status.as_str(), &health["status"]), ("200", &json!("healthy")), "{body}");
    assert!(
        health["service"].is_string() && health["timestamp"].as_str().unwrap().contains('T'),
        "{body}"
    );
    assert_eq!(health["active_callbacks"], 0);
    assert_eq!(health.as_object().unwrap().len(), 4);

    let (page, status) = ask(&sandbox, "http://localhost:8000/callback?code=test_code&state=test_state");
    assert_eq!(status, "200");
    assert!(page.contains("You can close this page"), "{page}");
    let (body, status) = ask(&sandbox, "http://localhost:8000/api/callback/test_state");
    assert_eq!((status.as_str(), json_of(&body)), ("200", success("test_state", "test_code")));
    let (_, status) = ask(&sandbox, "http://localhost:8000/api/callback/test_state");
    assert_eq!(status, "404", "it is given once");
    let (_, status) = ask(&sandbox, "http://localhost:8000/api/callback/another_state");
    assert_eq!(status, "404");

    let (page, status) = ask(
        &sandbox,
        "http://localhost:8000/callback?error=access_denied&error_description=User%20denied&state=denied",
    );
    assert_eq!(status, "200");
    assert!(page.contains("Access was not given"), "{page}");
    let (body, _) = ask(&sandbox, "http://localhost:8000/api/callback/denied");
    let expected =
        json!({ "status": "error", "auth_code": null, "state": "denied", "error": "access_denied", "error_description": "User denied" });
    assert_eq!(json_of(&body), expected);

    // The first wins here, too, and what was collected does not come back.
    ask(&sandbox, "http://localhost:8000/callback?code=first&state=twice");
    let (_, status) = ask(&sandbox, "http://localhost:8000/callback?code=second&state=twice");
    assert_eq!(status, "410");
    let (body, _) = ask(&sandbox, "http://localhost:8000/api/callback/twice");
    assert_eq!(json_of(&body)["auth_code"], "first");
    let (_, status) = ask(&sandbox, "http://localhost:8000/callback?code=third&state=twice");
    assert_eq!(status, "410");
}

async fn announce(sandbox: &Sandbox) -> Answer {
    let request = http().post(format!("{}/api/callbacks", sandbox.issuer()));
    send(request.header("X-Admin-Token", ADMIN_TOKEN).json(&json!({}))).await
}

/// Without `--open` nobody collects by the state alone, and what nobody has announced is not taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_is_closed_unless_it_is_told_otherwise() {
    let (sandbox, _server) = relay(&[]);
    let get = |path: String| send(http().get(format!("{}{path}", sandbox.issuer())));
    assert_eq!(get("/callback?code=x&state=test_state".to_owned()).await.status, 410);
    assert_eq!(get("/api/callback/test_state".to_owned()).await.status, 401);
    let created = announce(&sandbox).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.text("redirect_uri"), format!("{}/callback", sandbox.issuer()));
    let state = created.text("state");
    assert_eq!(get(format!("/callback?code=the-code&state={state}")).await.status, 200);
    assert_eq!(get(place(state)).await.status, 401);
    let collected = http().get(created.text("callback_uri")).header("X-Admin-Token", ADMIN_TOKEN);
    assert_eq!(send(collected).await.body, success(state, "the-code"));
}

/// What an open relay takes from strangers is bounded; what a program announces there stays its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_relay_has_its_limits() {
    let (sandbox, _server) = relay(&["--open", "--relay-open-entries", "20"]);
    let get = |path: String| send(http().get(format!("{}{path}", sandbox.issuer())));
    let created = announce(&sandbox).await;
    let state = created.text("state");
    assert_eq!(get(format!("/callback?code=the-code&state={state}")).await.status, 200);
    assert_eq!(get(place(state)).await.status, 404, "it was announced, so the state is not enough");
    let forged = format!("{}{}", &state[..42], "A".repeat(43));
    assert_eq!(
        get(format!("/callback?code=x&state={forged}")).await.status,
        410,
        "one of ours that nobody announced"
    );

    let mut statuses = Vec::new();
    for n in 0..30 {
        statuses.push(get(format!("/callback?code=x&state=entry-{n}")).await.status);
    }
    let kept = statuses.iter().filter(|status| **status == 200).count();
    assert!((15..=20).contains(&kept), "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
    let collected = http().get(created.text("callback_uri")).header("X-Admin-Token", ADMIN_TOKEN);
    assert_eq!(send(collected).await.text("auth_code"), "the-code");
}

/// Whoever asks an open relay for what is not there may do so often, and not endlessly.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_floods_an_open_relay_is_slowed_down() {
    let (sandbox, _server) = relay(&["--open"]);
    let client = http();
    let mut asked = 0;
    // The count begins anew each minute: until there is time left to see what it does.
    loop {
        let answer = send(client.get(format!("{}/api/callback/guess-{asked}", sandbox.issuer()))).await;
        if answer.status == 429 {
            if answer.header("retry-after").parse::<i64>().unwrap() > 10 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            continue;
        }
        assert_eq!(answer.status, 404);
        asked += 1;
        assert!(asked < 5000, "nobody is slowed down");
    }
    assert!(asked >= 600, "a program that polls is not slowed down: {asked}");
    // Every way to ask is slowed down, and for everything.
    assert_eq!(
        send(http().get(format!("{}/callback?code=x&state=guessed", sandbox.issuer())))
            .await
            .status,
        200
    );
    for (method, end) in [("GET", ""), ("GET", "/events"), ("DELETE", "")] {
        let request = http().request(method.parse().unwrap(), format!("{}/api/callback/guessed{end}", sandbox.issuer()));
        assert_eq!(send(request).await.status, 429, "{method} {end}");
    }
}

/// The relay alone has the relay's paths, those of probes, and no others.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_served() {
    let (sandbox, _server) = relay(&[]);
    let status = |path: &'static str| {
        let request = http().get(format!("{}{path}", sandbox.issuer()));
        async move { request.send().await.unwrap().status().as_u16() }
    };
    for path in ["/healthz", "/readyz", "/ping", "/health", "/static/gatehouse.css", "/favicon.ico"] {
        assert_eq!(status(path).await, 200, "{path}");
    }
    for path in [
        "/",
        "/login",
        "/authorize",
        "/token",
        "/setup",
        "/admin",
        "/account",
        "/register",
        "/jwks",
        "/api/docs",
        "/api/admin/v1/clients",
        "/dev/seed",
        "/callback/continue",
        "/oauth2/callback",
        "/.well-known/openid-configuration",
    ] {
        assert_eq!(status(path).await, 404, "{path}");
    }
    let page = http().get(format!("{}/nowhere", sandbox.issuer())).header("accept", "text/html");
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Page not found") && !page.contains("href=\"/\""), "{page}");
}

/// A bound person has to sign in, which nobody can where the relay runs alone.
#[tokio::test(flavor = "multi_thread")]
async fn people_cannot_be_bound_where_nobody_signs_in() {
    let (sandbox, _server) = relay(&[]);
    let request = http()
        .post(format!("{}/api/callbacks", sandbox.issuer()))
        .header("X-Admin-Token", ADMIN_TOKEN);
    let answer = send(request.json(&json!({ "user_id": "somebody" }))).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.text("error_description").contains("needs the whole server"),
        "{}",
        answer.body
    );
}

/// A client of the same database uses it, too, and the address that browsers reach is the operator's to say.
#[tokio::test(flavor = "multi_thread")]
async fn clients_are_those_of_the_database() {
    let sandbox = Sandbox::new().with("GATEHOUSE_RELAY_URL", "https://relay.example");
    let secret = sandbox.service_client("agent", "relay", &[]);
    let port = sandbox.address().port().to_string();
    let _server = sandbox.serve_with(&["relay", "--host", "localhost", "--port", &port]);
    let request = http().post(format!("{}/api/callbacks", sandbox.issuer()));
    let answer = send(request.basic_auth("agent", Some(&secret)).json(&json!({}))).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.text("redirect_uri"), "https://relay.example/callback");
}

#[test]
fn its_address_has_the_path_of_the_issuer() {
    let sandbox = Sandbox::bare().with("GATEHOUSE_RELAY_URL", "https://relay.example/auth");
    let line = sandbox.run(&["relay"]).refused();
    assert!(line.contains("relay_url") && line.contains("issuer"), "{line}");
}

#[test]
fn where_it_listens_is_said_in_one_way() {
    let refused = |name: &str, value: &str, arguments: &[&str]| {
        let sandbox = Sandbox::bare().with(name, value);
        sandbox.run(&[&["relay"], arguments].concat()).refused()
    };
    let line = refused("OAUTH_CALLBACK_HOST", "relay.example", &[]);
    assert!(line.contains("OAUTH_CALLBACK_HOST") && line.contains("0.0.0.0"), "{line}");
    let line = refused("OAUTH_CALLBACK_PORT", "80000", &[]);
    assert!(line.contains("OAUTH_CALLBACK_PORT"), "{line}");
    let line = refused("OAUTH_CALLBACK_HOST", "relay.example", &["--host", "nowhere"]);
    assert!(line.contains("--host"), "{line}");
    let line = refused("X", "", &["--listen", "127.0.0.1:8000", "--port", "9000"]);
    assert!(line.contains("--listen says both"), "{line}");
    let help = Sandbox::bare().program(BINARY).args(["relay", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for word in [
        "--host",
        "--port",
        "--open",
        "OAUTH_CALLBACK_HOST",
        "OAUTH_CALLBACK_PORT",
        "0.0.0.0",
        "8000",
    ] {
        assert!(help.contains(word), "{word} is missing: {help}");
    }
}
