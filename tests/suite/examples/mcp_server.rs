//! The MCP server's guard: what it answers to whom, by the letter of RFC 6750 and RFC 9728.

use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{Stage, agent_of_eve, complaint, start};
use crate::cli::person::{Application, PASSWORD, Person, text};
use crate::support::browser::http;
use crate::support::process::{Sandbox, free_port};

/// The longest that the server believes what it was told, and the time that a slow machine may take besides.
const BOUND: Duration = Duration::from_secs(10 + 3);

/// A client that somebody uses, and what it says to the server.
struct Agent {
    stage: Stage,
    http: Client,
    application: Application,
    person: Person,
}

impl Agent {
    fn new(stage: Stage) -> Self {
        agent_of_eve(&stage.sandbox, "openid profile read write offline_access");
        let issuer = stage.sandbox.issuer();
        Self {
            stage,
            http: http(),
            application: Application::public(&issuer, "agent"),
            person: Person::new(&issuer, "eve", PASSWORD),
        }
    }

    async fn tokens(&self, scope: &str) -> Value {
        let code = self.person.authorize("agent", scope).await.expect("a code");
        let (status, tokens) = self.application.redeem(&code).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens
    }

    fn post(&self, body: impl Into<String>) -> RequestBuilder {
        self.post_at("/mcp", body)
    }

    fn post_at(&self, path: &str, body: impl Into<String>) -> RequestBuilder {
        let request = self.http.post(self.stage.url(path)).body(body.into());
        request
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
    }

    fn call(&self, tool: &str) -> RequestBuilder {
        self.post(message(tool, &json!({})))
    }

    fn challenge(&self, start: &str) -> String {
        let metadata = self.stage.url("/.well-known/oauth-protected-resource/mcp");
        format!("Bearer {start}resource_metadata=\"{metadata}\"")
    }
}

fn message(tool: &str, arguments: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": arguments } }).to_string()
}

/// Status, challenge and JSON of an answer.
async fn answer(request: RequestBuilder) -> (StatusCode, String, Value) {
    let answer = request.send().await.expect("an answer");
    let challenge = challenge(answer.headers());
    (answer.status(), challenge, answer.json().await.unwrap_or_default())
}

fn challenge(headers: &HeaderMap) -> String {
    let value = headers.get(WWW_AUTHENTICATE);
    value.map_or_else(String::new, |value| value.to_str().expect("text").to_owned())
}

/// What both ways of checking have in common.
async fn tokens_open_what_they_should(agent: &Agent) {
    let unauthorized = |start: &str| (StatusCode::UNAUTHORIZED, agent.challenge(start));
    let (status, _, body) = answer(agent.call("public_info")).await;
    assert_eq!(
        (status, &body["result"]["structuredContent"]["name"]),
        (StatusCode::OK, &json!("Team notes"))
    );
    for (tool, start) in [
        ("get_user_profile", ""),
        ("list_available_resources", ""),
        ("no_such_tool", ""),
        ("read_data", "scope=\"read\", "),
        ("write_data", "scope=\"write\", "),
        ("admin_operation", "scope=\"admin\", "),
    ] {
        let (status, told, _) = answer(agent.call(tool)).await;
        assert_eq!((status, told), unauthorized(start), "{tool}");
    }

    let read = agent.tokens("read").await;
    let token = text(&read, "access_token");
    for tool in ["public_info", "get_user_profile", "list_available_resources", "read_data"] {
        let (status, told, body) = answer(agent.call(tool).bearer_auth(&token)).await;
        assert_eq!(
            (status, &body["result"]["isError"]),
            (StatusCode::OK, &json!(false)),
            "{tool}: {told} {body}"
        );
    }
    for (tool, scope) in [("write_data", "write"), ("admin_operation", "admin")] {
        let (status, told, _) = answer(agent.call(tool).bearer_auth(&token)).await;
        let expected = agent.challenge(&format!("error=\"insufficient_scope\", scope=\"{scope}\", "));
        assert_eq!((status, told), (StatusCode::FORBIDDEN, expected));
    }
    let write = text(&agent.tokens("read write").await, "access_token");
    let note = message("write_data", &json!({ "title": "Milk", "text": "two" }));
    let (status, _, body) = answer(agent.post(note).bearer_auth(&write)).await;
    assert_eq!((status, &body["result"]["isError"]), (StatusCode::OK, &json!(false)), "{body}");
    let (_, _, body) = answer(agent.call("read_data").bearer_auth(&token)).await;
    assert_eq!(body["result"]["structuredContent"], json!({ "Milk": "two" }));

    // What is no access token for this resource is worth nothing, not even where none is needed.
    let elsewhere = agent.tokens("openid profile").await;
    for (name, wrong) in [
        ("another resource's", text(&elsewhere, "access_token")),
        ("an ID token", text(&elsewhere, "id_token")),
        ("a refresh token", text(&read, "refresh_token")),
        ("a part", token[..token.len() - 2].to_owned()),
        ("nothing like it", "x".to_owned()),
    ] {
        for tool in ["public_info", "read_data"] {
            let (status, told, _) = answer(agent.call(tool).bearer_auth(&wrong)).await;
            assert_eq!((status, told), unauthorized("error=\"invalid_token\", "), "{name}");
        }
    }
    // What is not one bearer token at all (RFC 6750 §3.1).
    for malformed in [
        agent.call("read_data").bearer_auth(&token).header("authorization", "Bearer x"),
        agent.call("public_info").basic_auth("alice", Some("password123")),
        agent.call("public_info").header("authorization", "Bearer"),
    ] {
        let (status, told, _) = answer(malformed).await;
        let expected = agent.challenge("error=\"invalid_request\", ");
        assert_eq!((status, told), (StatusCode::BAD_REQUEST, expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checked_by_introspection() {
    let agent = Agent::new(Stage::mcp_server(Sandbox::new(), &[]));
    tokens_open_what_they_should(&agent).await;

    let tokens = agent.tokens("read").await;
    let token = text(&tokens, "access_token");
    let read = || answer(agent.call("read_data").bearer_auth(&token));
    assert_eq!(read().await.0, StatusCode::OK);
    let (status, _) = agent
        .application
        .post("/revoke", &[("token", &text(&tokens, "refresh_token"))])
        .await
        .expect("an answer");
    assert_eq!(status, StatusCode::OK);
    let revoked_at = Instant::now();
    while read().await.0 != StatusCode::UNAUTHORIZED {
        assert!(revoked_at.elapsed() < BOUND, "the token opens the door still");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let mut agent = agent;
    let unseen = text(&agent.tokens("read").await, "access_token");
    agent.stage.server.kill();
    let (status, told, _) = answer(agent.call("read_data").bearer_auth(&unseen)).await;
    assert_eq!(
        (status, told.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, ""),
        "what cannot be checked is refused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn checked_by_the_keys() {
    let mut agent = Agent::new(Stage::mcp_server(Sandbox::new(), &["--check", "keys"]));
    tokens_open_what_they_should(&agent).await;

    // Nobody is asked: the issuer may be away.
    let token = text(&agent.tokens("read").await, "access_token");
    agent.stage.server.kill();
    let (status, told, _) = answer(agent.call("read_data").bearer_auth(&token)).await;
    assert_eq!(status, StatusCode::OK, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_slips_past_the_guard() {
    let agent = Agent::new(Stage::mcp_server(Sandbox::new(), &["--check", "keys"]));
    // The guard and the server read the same message, whichever of two keys that is.
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"read_data"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"public_info","name":"read_data"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"public_info"},"params":{"name":"read_data"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"read_data"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
    ] {
        assert_eq!(answer(agent.post(body)).await.0, StatusCode::UNAUTHORIZED, "{body}");
    }
    let shadowed = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_data","name":"public_info"}}"#;
    let (status, _, body) = answer(agent.post(shadowed)).await;
    assert!(
        status == StatusCode::OK && body.to_string().contains("Team notes"),
        "{status} {body}"
    );
    let batch = format!("[{}]", message("read_data", &json!({})));
    for body in [batch.as_str(), "", "1", "{"] {
        assert_eq!(answer(agent.post(body)).await.0, StatusCode::BAD_REQUEST, "{body}");
    }
    let long = message("public_info", &json!({ "x": "y".repeat(70_000) }));
    assert_eq!(answer(agent.post(long)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let get = agent.http.get(agent.stage.url("/mcp")).header("accept", "text/event-stream");
    assert_eq!(answer(get).await.0, StatusCode::METHOD_NOT_ALLOWED);
    for (name, value) in [("host", "evil.example"), ("origin", "https://evil.example")] {
        let (status, ..) = answer(agent.call("public_info").header(name, value)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_one_says_nothing_without_a_token() {
    let agent = Agent::new(Stage::mcp_server(Sandbox::new(), &["--check", "keys", "--private"]));
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" },
    } })
    .to_string();
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let public = message("public_info", &json!({}));
    let token = text(&agent.tokens("read").await, "access_token");
    for body in [initialize.as_str(), list, &public] {
        let (status, told, _) = answer(agent.post(body)).await;
        assert_eq!((status, told), (StatusCode::UNAUTHORIZED, agent.challenge("")), "{body}");
        let (status, told, body) = answer(agent.post(body).bearer_auth(&token)).await;
        assert!(status == StatusCode::OK && body["result"].is_object(), "{told} {body}");
    }
    // Not even that it is no message.
    assert_eq!(answer(agent.post("{")).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_a_path_is_served_as_it_is() {
    let port = free_port();
    let base = format!("http://localhost:{port}/team");
    let resource = format!("{base}/mcp");
    let flags = ["--check", "keys", "--url", &base];
    let agent = Agent::new(Stage::mcp_server_at(Sandbox::new(), port, &resource, &flags));
    // The well-known part comes before the path (RFC 9728 §3.1).
    let metadata = agent.stage.url("/.well-known/oauth-protected-resource/team/mcp");
    let request = |tool: &str| agent.post_at("/team/mcp", message(tool, &json!({})));
    let (status, _, body) = answer(request("public_info")).await;
    assert_eq!(
        (status, &body["result"]["structuredContent"]["name"]),
        (StatusCode::OK, &json!("Team notes")),
        "its host is allowed"
    );
    let (status, told, _) = answer(request("read_data")).await;
    let expected = format!("Bearer scope=\"read\", resource_metadata=\"{metadata}\"");
    assert_eq!((status, told), (StatusCode::UNAUTHORIZED, expected));
    let (status, _, told) = answer(agent.http.get(&metadata)).await;
    assert_eq!((status, &told["resource"]), (StatusCode::OK, &json!(resource)));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_what_the_issuer_says_of_it() {
    let stage = Stage::mcp_server(Sandbox::new(), &[]);
    let answer = http()
        .get(stage.url("/.well-known/oauth-protected-resource/mcp"))
        .send()
        .await
        .expect("metadata");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let metadata: Value = answer.json().await.expect("JSON");
    assert_eq!(
        metadata,
        json!({
            "resource": stage.url("/mcp"),
            "resource_name": "Team notes",
            "authorization_servers": [stage.sandbox.issuer()],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["read", "write", "admin"],
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_is_missing() {
    let sandbox = Sandbox::new();
    let (example, _) = start(&sandbox, "mcp_server");
    let output = complaint(example);
    assert!(output.contains("does not answer") && output.contains("cargo run"), "{output}");

    let _server = sandbox.serve();
    let (example, base) = start(&sandbox, "mcp_server");
    let output = complaint(example);
    assert!(output.contains(&format!("does not know the resource {base}/mcp")), "{output}");
    assert!(output.contains("gatehouse apply -f examples/mcp_server/gatehouse.yaml"), "{output}");

    sandbox.run(&["resource", "add", &format!("{base}/mcp"), "--name", "Notes"]).done();
    let port: u16 = base.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let (example, _) = super::start_at(&sandbox, "mcp_server", port, &[]);
    let output = complaint(example);
    assert!(output.contains("MCP_SERVER_SECRET is not set"), "{output}");
}
