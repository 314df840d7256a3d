//! The resource servers of `docs/protect-an-api/`: what they let through, and how they refuse the rest.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse::base::clock::Clock;
use reqwest::{Method, RequestBuilder, Response};
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
        self.send(Method::POST, "", token, Some(message(tool, &arguments).to_string()))
            .await
    }

    async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<String>) -> Answer {
        let mut request = self.request(method, path);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        Answer::of(request.send().await.expect("an answer")).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = http().request(method, format!("{}{path}", self.stage.resource));
        request
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
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

    /// A token that cannot be checked is not called a bad one.
    async fn waits_for_gatehouse(&mut self) {
        let token = self.token("read").await;
        self.stage.stop_gatehouse();
        let answer = self.read(Some(&token)).await;
        assert_eq!((answer.status, &*answer.challenge), (503, ""), "{answer:?}");
        self.stage.start_gatehouse();
        let answer = self.read(Some(&self.token("read").await)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Requests that two programs could read in two ways get nobody to write who may only read.
    async fn cannot_be_fooled(&self, read: &str) {
        let write = message("write_data", &json!({ "text": "hello" }));
        let path = match self.kind {
            Kind::Api => "/data",
            Kind::Mcp => "",
        };
        for others in [["x", ""], ["", "x"], ["Bearer x", ""], ["", "Basic eDp4"]] {
            let mut request = self.request(Method::POST, path).body(write.to_string());
            let headers = [others[0], &format!("Bearer {read}"), others[1]];
            for header in headers.into_iter().filter(|header| !header.is_empty()) {
                request = request.header("authorization", header);
            }
            let answer = Answer::of(request.send().await.expect("an answer")).await;
            assert_eq!(answer.status, 401, "{others:?}: {answer:?}");
        }
        if matches!(self.kind, Kind::Api) {
            return;
        }
        let bodies = [
            json!([write]).to_string(),
            json!([write, write]).to_string(),
            json!("text").to_string(),
            "null".to_owned(),
            "[".repeat(60_000),
            String::new(),
        ];
        for body in bodies {
            let answer = self.send(Method::POST, path, Some(read), Some(body.clone())).await;
            assert_eq!(answer.status, 400, "{}: {answer:?}", &body[..body.len().min(80)]);
        }
        // A body that is not called JSON is looked at all the same, or not at all.
        let request = self.request(Method::POST, path).bearer_auth(read).body(write.to_string());
        let (client, request) = request.build_split();
        let mut request = request.expect("a request");
        request
            .headers_mut()
            .insert("content-type", "text/plain; a=application/json".parse().expect("a value"));
        let answer = Answer::of(client.execute(request).await.expect("an answer")).await;
        assert!([400, 403].contains(&answer.status), "{answer:?}");
        for name in ["constructor", "__proto__", "nothing"] {
            let answer = self.call(name, json!({}), Some(read)).await;
            assert!(answer.status < 500 && answer.status != 403, "{name}: {answer:?}");
            assert!(answer.body.contains("rror"), "{name}: {answer:?}");
        }
    }

    /// Everything that a resource server has to do.
    async fn behaves(mut self) {
        self.waits_for_gatehouse().await;
        // Whoever comes without a token is told where to go, as in RFC 9728 §5.1, and of no error.
        let answer = self.read(None).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.challenge.starts_with("Bearer "), "{answer:?}");
        assert_eq!(
            (answer.parameter("error"), answer.parameter("scope")),
            (None, Some("read")),
            "{answer:?}"
        );
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
        // All that the request needs, and no more.
        let needed = match self.kind {
            Kind::Api => "write",
            Kind::Mcp => "read write",
        };
        assert_eq!(answer.parameter("scope"), Some(needed), "{answer:?}");
        self.cannot_be_fooled(&self.token("read").await).await;
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
        for typ in ["null", "5", "[\"at+jwt\"]", "{}", &"[".repeat(3000)] {
            let header = format!(r#"{{"alg":"RS256","typ":{typ}}}"#);
            let token = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(&header));
            self.refuses_as_invalid(&token, &header).await;
        }
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

/// A call of a tool.
fn message(tool: &str, arguments: &Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
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

/// The tools look for themselves: without the part that knows what each of them needs, nobody gets more.
#[tokio::test(flavor = "multi_thread")]
async fn tools_do_not_rely_on_what_stands_before_them() {
    let programs = [
        PYTHON_SERVER.with("StepUp(app)", "app"),
        TYPESCRIPT_SERVER.with("SCOPES.get(body.params?.name)", "undefined"),
    ];
    for program in programs {
        let subject = Subject::new(program, Kind::Mcp);
        let answer = subject.write(&subject.token("read").await).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(
            answer.body.contains("needs the scope write") && !answer.body.contains("written"),
            "{answer:?}"
        );
        let answer = subject.write(&subject.token("read write").await).await;
        assert!(answer.body.contains("written"), "{answer:?}");
    }
}

/// The Python API once more, which asks Gatehouse instead of looking at signatures. It sees what was revoked.
#[tokio::test(flavor = "multi_thread")]
async fn the_python_api_that_introspects() {
    let subject = Subject::new(PYTHON_API.with("from tokens import", "from introspection import"), Kind::Api);
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
