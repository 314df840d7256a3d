//! The resource servers of `docs/protect-an-api/`: what they let through, and how they refuse the rest.

use std::time::Duration;

use gatehouse::base::clock::Clock;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::{PYTHON_API, PYTHON_SERVER, Program, Stage, TYPESCRIPT_API, TYPESCRIPT_SERVER};
use crate::support::browser::http;
use crate::support::process::Sandbox;

/// How a program is asked for something.
#[derive(Clone, Copy)]
enum Kind {
    Api,
    Mcp,
}

/// A program that runs, and how to ask it.
struct Subject {
    stage: Stage,
    kind: Kind,
}

/// What it answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    challenge: String,
    body: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let challenge = response.headers().get("www-authenticate");
        let challenge = challenge.map(|value| value.to_str().expect("a header").to_owned());
        Self {
            status: response.status().as_u16(),
            challenge: challenge.unwrap_or_default(),
            body: response.text().await.expect("a text"),
        }
    }

    /// A parameter of the challenge.
    fn parameter(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.challenge.split_once(&format!("{name}=\""))?;
        rest.split('"').next()
    }
}

impl Subject {
    fn new(program: Program, kind: Kind) -> Self {
        let stage = Stage::new(Sandbox::new(), program, "15");
        Self { stage, kind }
    }

    /// Reads, with whatever is given as a token.
    async fn read(&self, token: Option<&str>) -> Answer {
        match self.kind {
            Kind::Api => self.send(Method::GET, "/data", token, None).await,
            Kind::Mcp => self.call("read_data", json!({}), token).await,
        }
    }

    async fn write(&self, token: &str) -> Answer {
        match self.kind {
            Kind::Api => self.send(Method::POST, "/data", Some(token), None).await,
            Kind::Mcp => self.call("write_data", json!({ "text": "hello" }), Some(token)).await,
        }
    }

    async fn call(&self, tool: &str, arguments: Value, token: Option<&str>) -> Answer {
        let params = json!({ "name": tool, "arguments": arguments });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        self.send(Method::POST, "", token, Some(message)).await
    }

    async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = http().request(method, format!("{}{path}", self.stage.resource));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("accept", "application/json, text/event-stream").json(&body);
        }
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// An access token for this program.
    async fn token(&self, scope: &str) -> String {
        let tokens = self.stage.tokens(scope, &self.stage.resource).await;
        tokens["access_token"].as_str().expect("a token").to_owned()
    }

    async fn refuses_as_invalid(&self, token: &str, why: &str) {
        let answer = self.read(Some(token)).await;
        assert_eq!(answer.status, 401, "{why}: {answer:?}");
        assert_eq!(answer.parameter("error"), Some("invalid_token"), "{why}: {answer:?}");
        assert!(answer.parameter("resource_metadata").is_some(), "{why}: {answer:?}");
    }

    /// Everything that a resource server has to do.
    async fn behaves(self) {
        // Whoever comes without a token is told where to go, as in RFC 9728 §5.1.
        let answer = self.read(None).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.challenge.starts_with("Bearer "), "{answer:?}");
        let metadata = answer.parameter("resource_metadata").expect("metadata");
        let metadata = http().get(metadata).send().await.expect("an answer");
        assert_eq!(metadata.status(), 200);
        let metadata: Value = metadata.json().await.expect("JSON");
        assert_eq!(metadata["resource"], self.stage.resource, "{metadata}");
        assert_eq!(
            metadata["authorization_servers"],
            json!([self.stage.sandbox.issuer()]),
            "{metadata}"
        );

        let born = Clock::system().now();
        let read = self.token("read").await;
        let answer = self.read(Some(&read)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains("one") && answer.body.contains("three"), "{answer:?}");
        let answer = self.write(&self.token("read").await).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(answer.parameter("error"), Some("insufficient_scope"), "{answer:?}");
        let scope = answer.parameter("scope").expect("a scope");
        assert!(scope.split(' ').any(|scope| scope == "write"), "{answer:?}");
        let answer = self.write(&self.token("read write").await).await;
        assert!(
            (200..=201).contains(&answer.status) && answer.body.contains("written"),
            "{answer:?}"
        );
        let answer = self.read(Some(&self.token("profile").await)).await;
        assert_eq!(
            (answer.status, answer.parameter("error")),
            (403, Some("insufficient_scope")),
            "{answer:?}"
        );

        self.refuses_as_invalid("garbage", "no token at all").await;
        self.refuses_as_invalid(&format!("{}x", self.token("read").await), "another signature")
            .await;
        let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJ4In0.";
        self.refuses_as_invalid(unsigned, "no signature").await;
        let issuer = self.stage.sandbox.issuer();
        let tokens = self.stage.tokens("openid profile", &issuer).await;
        let text = |name: &str| tokens[name].as_str().expect("a token");
        self.refuses_as_invalid(text("id_token"), "an ID token").await;
        self.refuses_as_invalid(text("access_token"), "a token for the issuer").await;
        let other = "http://127.0.0.1:1/other";
        self.stage.sandbox.run(&["resource", "add", other, "--name", "Other"]).done();
        let tokens = self.stage.tokens("profile", other).await;
        self.refuses_as_invalid(tokens["access_token"].as_str().expect("a token"), "a token for another resource")
            .await;

        let left = u64::try_from(born + 17 - Clock::system().now()).unwrap_or(0);
        tokio::time::sleep(Duration::from_secs(left)).await;
        self.refuses_as_invalid(&read, "a token that has expired").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_api() {
    Subject::new(PYTHON_API, Kind::Api).behaves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_mcp_server() {
    Subject::new(PYTHON_SERVER, Kind::Mcp).behaves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_api() {
    Subject::new(TYPESCRIPT_API, Kind::Api).behaves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_mcp_server() {
    Subject::new(TYPESCRIPT_SERVER, Kind::Mcp).behaves().await;
}

/// The Python API once more, which asks Gatehouse instead of looking at signatures. It sees what was revoked.
#[tokio::test(flavor = "multi_thread")]
async fn the_python_api_that_introspects() {
    let subject = Subject::new(PYTHON_API.with("tokens", "introspection"), Kind::Api);
    let tokens = subject.stage.tokens("read", &subject.stage.resource).await;
    let text = |name: &str| tokens[name].as_str().expect("a token").to_owned();
    let revoke = http().post(format!("{}/revoke", subject.stage.sandbox.issuer()));
    let client = subject.stage.introspect(&text("access_token")).await["client_id"].clone();
    let form = [
        ("token", text("access_token")),
        ("client_id", client.as_str().expect("a client").to_owned()),
    ];
    assert_eq!(revoke.form(&form).send().await.expect("an answer").status(), 200);
    subject.refuses_as_invalid(&text("access_token"), "a token that was revoked").await;
    subject.behaves().await;
}
