//! The MCP client at servers that mean it ill: where they send a browser, and what they write to a terminal.

use std::time::{Duration, Instant};

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{binary, complaint};
use crate::support::process::{PATIENCE, Sandbox, Server};

/// A server of this router; where it is.
async fn serve(router: impl FnOnce(&str) -> Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let router = router(&base);
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

fn client(sandbox: &Sandbox, base: &str, flags: &[&str]) -> Server {
    let mut command = sandbox.program(&binary("mcp_client").display().to_string());
    command.args(["--server", &format!("{base}/mcp")]).args(flags);
    Server::start(command, sandbox.address())
}

/// An MCP server that wants a token, and an issuer that has people sign in at this page.
fn with_page(base: &str, page: &str) -> Router {
    let (base, page) = (base.to_owned(), page.to_owned());
    let issuer = base.clone();
    Router::new().fallback(async move |uri: Uri| -> Response {
        match uri.path() {
            "/mcp" => {
                let challenge = format!("Bearer resource_metadata=\"{base}/metadata\"");
                (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)]).into_response()
            }
            "/metadata" => Json(json!({ "resource": format!("{base}/mcp"), "authorization_servers": [issuer] })).into_response(),
            "/.well-known/oauth-authorization-server" => Json(json!({
                "issuer": issuer,
                "authorization_endpoint": page,
                "token_endpoint": format!("{base}/token"),
                "registration_endpoint": format!("{base}/register"),
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
            }))
            .into_response(),
            "/register" => {
                let client = json!({ "client_id": "x", "redirect_uris": ["http://127.0.0.1/callback"] });
                (StatusCode::CREATED, Json(client)).into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    })
}

/// A program named as what opens pages leaves a note when it is started.
#[cfg(target_os = "linux")]
fn sandbox_with_browser() -> (Sandbox, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let note = sandbox.file("opened");
    sandbox.write("xdg-open", &format!("#!/bin/sh\necho \"$1\" > {}\n", note.display()));
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.file("xdg-open"), executable).expect("it is executable");
    let path = sandbox.folder().display().to_string();
    (sandbox.with("PATH", &path), note)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn only_pages_are_opened() {
    let (sandbox, note) = sandbox_with_browser();
    for page in [
        "file:///etc/passwd",
        "smb://files.example/share",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://login.example/authorize",
        "http://127.0.0.1.login.example/authorize",
    ] {
        let base = serve(|base| with_page(base, page)).await;
        let output = complaint(client(&sandbox, &base, &[]));
        assert!(output.contains("which is not opened"), "{page}: {output}");
        assert!(!output.contains("Open this page"), "{page}: {output}");
        assert!(!note.exists(), "{page} was opened");
    }
    let base = serve(|base| with_page(base, &format!("{base}/authorize"))).await;
    let client = client(&sandbox, &base, &[]);
    client.await_line("/authorize?");
    let begun = Instant::now();
    while !note.exists() {
        assert!(begun.elapsed() < PATIENCE, "a page is opened: {}", client.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An MCP server that needs no token, and writes what it should not.
fn loud(_: &str) -> Router {
    let answer = async |Json(message): Json<Value>| -> Response {
        let result = match message["method"].as_str().unwrap_or_default() {
            "initialize" => json!({
                "protocolVersion": "2025-06-18",
                "capabilities": { "tools": {} },
                "serverInfo": { "name": "loud", "version": "1" },
            }),
            "tools/list" => json!({ "tools": [
                { "name": "one\u{1b}[2J\ntwo", "inputSchema": { "type": "object" } },
            ] }),
            "tools/call" => json!({ "content": [], "structuredContent": { "text": "\u{9b}2J\u{7f}\u{202e}end" } }),
            method if method.starts_with("notifications/") => return StatusCode::ACCEPTED.into_response(),
            _ => {
                let error = json!({ "code": -32601, "message": "no such method" });
                return Json(json!({ "jsonrpc": "2.0", "id": message["id"], "error": error })).into_response();
            }
        };
        Json(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result })).into_response()
    };
    Router::new().route("/mcp", axum::routing::post(answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_speaks_to_the_terminal() {
    let base = serve(loud).await;
    let mut client = client(&Sandbox::new(), &base, &["--no-browser"]);
    assert!(client.await_exit().success(), "{}", client.output());
    let output = client.output();
    assert_eq!(output, "\nWithout a token\n  one[2Jtwo  ✓  {\"text\":\"2Jend\"}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_something_else_is_not_called_silent() {
    let base = serve(|_| Router::new()).await;
    let output = complaint(client(&Sandbox::new(), &base, &[]));
    assert!(
        output.contains("does not speak MCP") && !output.contains("does not answer"),
        "{output}"
    );
}
