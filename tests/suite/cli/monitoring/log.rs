//! The log of the running program, as far as it is about requests.

use reqwest::Response;
use serde_json::Value;

use super::super::person::{Application, browser, header, text};
use super::{code_flow, register};
use crate::support::process::Sandbox;

fn lines(log: &str) -> Vec<Value> {
    let lines = log.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect()
}

async fn ask(sandbox: &Sandbox, path: &str, accept: &str) -> Response {
    let request = browser().get(format!("{}{path}", sandbox.issuer())).header("accept", accept);
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_request_names_it() {
    let sandbox = Sandbox::new()
        .with("GATEHOUSE_LOG_LEVEL", "trace")
        .with("GATEHOUSE_LOG_FORMAT", "json");
    let secret = register(&sandbox);
    let mut server = sandbox.serve();
    let application = Application::confidential(&sandbox.issuer(), "app", &secret);
    code_flow(&sandbox, &application).await;
    let refused = browser()
        .post(format!("{}/token", sandbox.issuer()))
        .basic_auth("app", Some("wrong"));
    let refused = refused.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
    let id = header(&refused, "x-request-id");
    server.terminate();
    assert!(server.await_exit().success());
    let lines = lines(&server.output());
    let of_request: Vec<&Value> = lines.iter().filter(|line| line["request"] == id.as_str()).collect();
    let has = |what: &str| of_request.iter().any(|line| line.to_string().contains(what));
    assert!(has("token_refused") && has("served"), "{of_request:?}");
    let served = of_request.iter().find(|line| line["message"] == "served").unwrap();
    assert_eq!(
        (served["status"].as_u64(), served["path"].as_str()),
        (Some(401), Some("/token")),
        "{served}"
    );
    assert_eq!(
        (served["method"].as_str(), served["address"].as_str()),
        (Some("POST"), Some("127.0.0.1"))
    );
    assert!(served["ms"].is_u64() && served.get("client").is_none());
    // Whatever happens in a request belongs to one, on whichever floor it is said.
    for event in ["signed_in", "code_redeemed", "token_refused"] {
        let said: Vec<&Value> = lines.iter().filter(|line| line["event"] == event).collect();
        assert!(!said.is_empty(), "{event}");
        assert!(said.iter().all(|line| line["request"].is_string()), "{said:?}");
    }
    let redeemed = lines.iter().find(|line| line["message"] == "served" && line["client"] == "app");
    assert_eq!(redeemed.expect("a client that proved who it is")["status"], 200);
    // And nothing else does.
    let started = lines.iter().find(|line| line["event"] == "started").unwrap();
    assert_eq!(started.get("request"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_told_of_only_where_that_is_asked_for() {
    for (level, is_told) in [("info", false), ("info,access=debug", true)] {
        let sandbox = Sandbox::new().with("GATEHOUSE_LOG_LEVEL", level);
        let mut server = sandbox.serve();
        let answer = ask(&sandbox, "/jwks?code=a-code-in-a-query", "*/*").await;
        let id = header(&answer, "x-request-id");
        server.terminate();
        assert!(server.await_exit().success());
        let log = server.output();
        let told: Vec<&str> = log.lines().filter(|line| line.contains("served")).collect();
        assert_eq!(told.len(), usize::from(is_told), "{log}");
        if let Some(line) = told.first() {
            assert!(
                line.contains("path=\"/jwks\"") && line.ends_with(&format!("request={id}")),
                "{line}"
            );
        }
        assert!(!log.contains("a-code-in-a-query"));
    }
}

/// Whoever reads an error can tell the operator which request it was.
#[tokio::test(flavor = "multi_thread")]
async fn every_error_names_its_request() {
    let sandbox = Sandbox::new();
    let _server = sandbox.serve();
    for (path, accept) in [
        ("/nothing", "text/html"),
        ("/authorize", "text/html"),
        ("/consent?interaction=x", "text/html"),
        ("/nothing", "application/json"),
        ("/userinfo", "*/*"),
        ("/token", "*/*"),
        ("/api/admin/v1/users", "*/*"),
        ("/api/nothing", "*/*"),
    ] {
        let answer = ask(&sandbox, path, accept).await;
        assert!(answer.status().is_client_error(), "{path}: {}", answer.status());
        let id = header(&answer, "x-request-id");
        assert!(id.len() >= 8, "{path}: {id:?}");
        let kind = header(&answer, "content-type");
        let body = answer.text().await.unwrap();
        if kind.starts_with("text/html") {
            assert!(
                body.contains(&format!("<code>{id}</code>")),
                "a person sees no headers: {path}: {body}"
            );
        } else if kind == "application/problem+json" {
            let problem: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(text(&problem, "request_id"), id, "{path}");
        }
    }
}
