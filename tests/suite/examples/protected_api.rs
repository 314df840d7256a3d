//! The programs of `docs/protect-an-api/rust.md`: what they answer to whom, and that the page shows them as they are.

use std::net::SocketAddr;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{Stage, agent_of_eve, binary, complaint, example};
use crate::cli::person::{Application, PASSWORD, Person, text};
use crate::support::browser::http;
use crate::support::process::{Sandbox, Server, free_port};

#[test]
fn the_page_shows_the_programs() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/protect-an-api/rust.md");
    let page = std::fs::read_to_string(page).expect("the page");
    for file in ["tokens.rs", "guard.rs", "actix.rs", "axum.rs"] {
        let program = std::fs::read_to_string(example("protected_api").join(file)).expect("a program");
        assert!(page.contains(&format!("```rust\n{program}```\n")), "the page has another {file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_actix() {
    tokens_open_what_they_should("protected_api_actix").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_axum() {
    tokens_open_what_they_should("protected_api_axum").await;
}

/// An API with a server beside it, and somebody with a client for it.
fn stage(program: &str) -> (Stage, Application, Person) {
    let (sandbox, port) = (Sandbox::new(), free_port());
    let listen = format!("localhost:{port}");
    let base = format!("http://{listen}");
    for scope in ["notes:read", "notes:write"] {
        sandbox.run(&["scope", "add", scope, "--description", "Notes"]).done();
    }
    let scope = ["--scope", "notes:read notes:write"];
    let resource = ["resource", "add", &base, "--name", "Notes"];
    sandbox.run(&[&resource[..], &scope[..]].concat()).done();
    agent_of_eve(&sandbox, "openid profile offline_access notes:read notes:write");
    let (server, issuer) = (sandbox.serve(), sandbox.issuer());
    let mut command = sandbox.program(&binary(program).display().to_string());
    command.args([&issuer, &listen]);
    let example = Server::start(command, SocketAddr::from(([127, 0, 0, 1], port)));
    example.await_connection();
    let stage = Stage {
        sandbox,
        server,
        example,
        base,
    };
    (stage, Application::public(&issuer, "agent"), Person::new(&issuer, "eve", PASSWORD))
}

/// Status, challenge and JSON of an answer.
async fn answer(request: RequestBuilder) -> (StatusCode, String, Value) {
    let answer = request.send().await.expect("an answer");
    let challenge = answer.headers().get("www-authenticate");
    let challenge = challenge.map_or("", |value| value.to_str().expect("text")).to_owned();
    (answer.status(), challenge, answer.json().await.unwrap_or_default())
}

async fn tokens_open_what_they_should(program: &str) {
    let (mut stage, application, person) = stage(program);
    let http = http();
    let url = stage.url("/notes");
    let (read, write) = (|| http.get(&url), || http.post(&url).json(&json!({ "text": "milk" })));
    let metadata = stage.url("/.well-known/oauth-protected-resource");
    let challenge = |start: &str| format!("Bearer {start}resource_metadata=\"{metadata}\"");
    let tokens = async |scope: &str| {
        let code = person.authorize("agent", scope).await.expect("a code");
        let (status, tokens) = application.redeem(&code).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens
    };

    let (status, _, told) = answer(http.get(&metadata)).await;
    let issuer = stage.sandbox.issuer();
    assert_eq!(
        (status, &told["resource"], &told["authorization_servers"]),
        (StatusCode::OK, &json!(stage.base), &json!([issuer]))
    );
    for request in [
        read(),
        read().basic_auth("eve", Some(PASSWORD)),
        read().header("authorization", "Bearer"),
    ] {
        let (status, told, _) = answer(request).await;
        assert_eq!((status, told), (StatusCode::UNAUTHORIZED, challenge("scope=\"notes:read\", ")));
    }

    let narrow = tokens("notes:read").await;
    let token = text(&narrow, "access_token");
    let (status, told, body) = answer(read().bearer_auth(&token)).await;
    assert_eq!((status, &body["by"]), (StatusCode::OK, &json!("agent")), "{told} {body}");
    let (status, told, _) = answer(write().bearer_auth(&token)).await;
    let expected = challenge("error=\"insufficient_scope\", scope=\"notes:write\", ");
    assert_eq!((status, told), (StatusCode::FORBIDDEN, expected));
    let wide = text(&tokens("notes:read notes:write").await, "access_token");
    assert_eq!(answer(write().bearer_auth(&wide)).await.0, StatusCode::OK);
    // Who has no token is told so, whatever they send.
    let broken = || http.post(&url).header("content-type", "application/json").body("{");
    let (status, told, _) = answer(broken()).await;
    assert_eq!((status, told), (StatusCode::UNAUTHORIZED, challenge("scope=\"notes:write\", ")));
    assert_eq!(answer(broken().bearer_auth(&token)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(answer(broken().bearer_auth(&wide)).await.0, StatusCode::BAD_REQUEST);

    let elsewhere = tokens("openid profile").await;
    let forged = forged(&token);
    for (name, wrong) in [
        ("another resource's", text(&elsewhere, "access_token")),
        ("an ID token", text(&elsewhere, "id_token")),
        ("a refresh token", text(&narrow, "refresh_token")),
        (
            "another's signature",
            format!("{}.{}", token.rsplit_once('.').expect("a JWT").0, "A".repeat(342)),
        ),
        ("no signature", forged),
        ("nothing like it", "x".to_owned()),
    ] {
        let (status, told, _) = answer(read().bearer_auth(&wrong)).await;
        assert_eq!(
            (status, told),
            (StatusCode::UNAUTHORIZED, challenge("error=\"invalid_token\", ")),
            "{name}"
        );
    }
    // Keys that are known are not asked for: the issuer may be away.
    stage.server.kill();
    assert_eq!(answer(read().bearer_auth(&token)).await.0, StatusCode::OK, "nobody is asked");
}

#[test]
fn they_say_what_is_missing() {
    for program in ["protected_api_actix", "protected_api_axum"] {
        let sandbox = Sandbox::new();
        let mut command = sandbox.program(&binary(program).display().to_string());
        command.arg("http://127.0.0.1:9");
        let output = complaint(Server::start(command, sandbox.address()));
        let expected = format!("{program}: http://127.0.0.1:9/.well-known/openid-configuration does not answer");
        assert!(output.starts_with(&expected), "{output}");
    }
}

/// The token with the algorithm `none`.
fn forged(token: &str) -> String {
    let header = gatehouse::base::encoding::base64url(br#"{"alg":"none","typ":"at+jwt","kid":"x"}"#);
    let claims = token.split('.').nth(1).expect("claims");
    format!("{header}.{claims}.")
}
