//! The gateway by the letter: what is refused before a tool is called, what JSON a question is, and what the vault's refusals
//! become. The issuer is one of the tests, so that tokens can be anything.

use std::net::SocketAddr;
use std::time::UNIX_EPOCH;

use aws_lc_rs::signature::Ed25519KeyPair;
use gatehouse::base::encoding::base64url;
use gatehouse::base::random::Random;
use gatehouse::keys::signing::{GeneratedKey, generate};
use gatehouse::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};

use super::{SECRETS, binary};
use crate::support::assertion::input;
use crate::support::browser::http;
use crate::support::client::{Answer, send};
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::process::{Sandbox, Server, free_port};

const WORKLOAD_TOKEN: &str = "/api/vault/workload-token";
const TOKEN: &str = "/api/vault/token";
const SESSION: &str = "/api/vault/session?uri=urn%3Aquestion&wait=20";
const LINK: &str = "https://login.example/connect/the-link";

/// An issuer that says what the test wants, and a gateway.
struct Scene {
    issuer: Elsewhere,
    key: GeneratedKey,
    resource: String,
    gateway: Server,
    _sandbox: Sandbox,
}

#[expect(clippy::disallowed_methods, reason = "the gateway looks at the real time")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("a time")
}

impl Scene {
    async fn new() -> Self {
        let issuer = Elsewhere::start().await;
        let key = generate(SigningAlgorithm::EdDsa, &Random::system()).expect("a key");
        let metadata = json!({ "issuer": issuer.url(""), "jwks_uri": issuer.url("/keys") });
        issuer.serve("/.well-known/openid-configuration", Served::json(&metadata));
        issuer.serve("/.well-known/oauth-authorization-server", Served::json(&metadata));
        let public: Value = serde_json::from_str(&key.public_jwk).expect("JSON");
        issuer.serve("/keys", Served::json(&json!({ "keys": [public] })));
        let port = free_port();
        let resource = format!("http://localhost:{port}/mcp");
        let about = format!("/.well-known/oauth-protected-resource?resource=http%3A%2F%2Flocalhost%3A{port}%2Fmcp");
        issuer.serve(
            &about,
            Served::json(&json!({ "resource": resource, "authorization_servers": [issuer.url("")] })),
        );
        let sandbox = Sandbox::bare().with("GATEWAY_SECRET", SECRETS[3].1);
        let mut command = sandbox.program(&binary("people_gateway").display().to_string());
        let listen = format!("localhost:{port}");
        command.args(["--issuer", &issuer.url(""), "--listen", &listen, "--people-api", &issuer.url("")]);
        let gateway = Server::start(command, SocketAddr::from(([127, 0, 0, 1], port)));
        gateway.await_notice("People gateway: ");
        let scene = Self {
            issuer,
            key,
            resource,
            gateway,
            _sandbox: sandbox,
        };
        scene.issuer.serve(
            WORKLOAD_TOKEN,
            Served::json(&json!({ "workload_access_token": "ghw_x", "expires_in": 900 })),
        );
        let question = json!({ "status": "consent_required", "authorization_url": LINK, "session_uri": "urn:question", "expires_in": 600 });
        scene.issuer.serve(TOKEN, Served::json(&question).status(202));
        scene.issuer.serve(SESSION, Served::json(&json!({ "status": "pending" })));
        scene
    }

    /// A token of alice for the gateway, with changes.
    fn token(&self, changes: &Value) -> String {
        let mut claims = json!({
            "iss": self.issuer.url(""), "aud": self.resource, "sub": "alice", "client_id": "agent", "scope": "people:read",
            "exp": now() + 60,
        });
        let changes = changes.as_object().expect("an object").clone();
        claims.as_object_mut().expect("an object").extend(changes);
        let input = input(&json!({ "alg": "EdDSA", "kid": self.key.id, "typ": "at+jwt" }), &claims);
        let pair = Ed25519KeyPair::from_pkcs8(&self.key.pkcs8).expect("a key");
        format!("{input}.{}", base64url(pair.sign(input.as_bytes()).as_ref()))
    }

    async fn post(&self, token: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let request = http().post(&self.resource).bearer_auth(token).json(body);
        let request = request.header("accept", "application/json, text/event-stream");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        send(request).await
    }

    /// A call of the tool in the revision 2026-07-28.
    async fn call(&self, token: &str, capabilities: Value, more: &Value) -> Answer {
        let mut params = json!({
            "name": "get_profile",
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "a client", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": capabilities,
            },
        });
        let more = more.as_object().expect("an object").clone();
        params.as_object_mut().expect("an object").extend(more);
        let headers = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "get_profile"),
        ];
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
        self.post(token, &headers, &body).await
    }

    /// Begins a session of the revision 2025-11-25; its id.
    async fn initialize(&self, token: &str, capabilities: Value) -> String {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": { "name": "a client", "version": "1" },
        });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let answer = self.post(token, &[], &body).await;
        assert_eq!(answer.body["result"]["protocolVersion"], "2025-11-25", "{}", answer.body);
        answer.header("mcp-session-id").to_owned()
    }

    /// A call of the tool in a session, or without one.
    async fn call_in(&self, token: &str, session: Option<&str>) -> Answer {
        let mut headers = vec![("mcp-protocol-version", "2025-11-25")];
        headers.extend(session.map(|session| ("mcp-session-id", session)));
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "get_profile" } });
        self.post(token, &headers, &body).await
    }

    /// How often the vault was asked for a token.
    fn questions(&self) -> usize {
        let requests = self.issuer.requests();
        requests
            .iter()
            .filter(|request| request.starts_with("POST /api/vault/token "))
            .count()
    }
}

fn links() -> Value {
    json!({ "elicitation": { "url": {} } })
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_token_for_it_comes_through() {
    let scene = Scene::new().await;
    let metadata = scene.resource.replace("/mcp", "/.well-known/oauth-protected-resource/mcp");
    let told = send(http().get(&metadata)).await;
    assert_eq!((told.status, &told.body["resource"]), (200, &json!(scene.resource)));
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let answer = send(http().post(&scene.resource).json(&list)).await;
    assert_eq!(answer.status, 401, "nothing is told without a token");
    assert_eq!(
        answer.header("www-authenticate"),
        format!("Bearer scope=\"people:read\", resource_metadata=\"{metadata}\"")
    );
    for (name, changes) in [
        ("expired", json!({ "exp": now() - 1 })),
        ("for another resource", json!({ "aud": "http://localhost:1/mcp" })),
        ("of another issuer", json!({ "iss": "https://elsewhere.example" })),
    ] {
        let answer = scene.call(&scene.token(&changes), links(), &json!({})).await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.body);
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.starts_with("Bearer error=\"invalid_token\", resource_metadata="),
            "{name}: {challenge}"
        );
    }
    let answer = scene.call("not-a-token", links(), &json!({})).await;
    assert_eq!(answer.status, 401);
    let answer = scene.call(&scene.token(&json!({ "scope": "openid" })), links(), &json!({})).await;
    assert_eq!(answer.status, 403);
    assert!(answer.header("www-authenticate").contains("insufficient_scope"));
    assert_eq!(scene.questions(), 0, "the vault has heard of none of that");
}

/// Revision 2026-07-28: the result says what is missing, and the call comes back with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_as_a_result_of_the_newest_revision() {
    let scene = Scene::new().await;
    let token = scene.token(&json!({}));
    let answer = scene.call(&token, links(), &json!({})).await;
    let state = answer.body["result"]["requestState"].as_str().expect("a state").to_owned();
    let expected = json!({
        "jsonrpc": "2.0",
        "id": 7,
        "result": {
            "resultType": "input_required",
            "inputRequests": {
                "access": {
                    "method": "elicitation/create",
                    "params": {
                        "mode": "url",
                        "message": "Please allow access to your account at people.",
                        "url": LINK,
                        "elicitationId": state,
                    },
                },
            },
            "requestState": state,
        },
    });
    assert_eq!((answer.status, &without_meta(&answer.body)), (200, &expected));
    // It comes back, and nobody has consented: the same question, which is asked no second time.
    let retry = json!({ "inputResponses": { "access": { "action": "accept" } }, "requestState": state });
    let again = scene.call(&token, links(), &retry).await;
    assert_eq!(without_meta(&again.body), expected);
    assert_eq!(scene.questions(), 1);
    // Somebody else, or the same person with another client, is not shown it.
    let bob = scene.token(&json!({ "sub": "bob" }));
    let theirs = scene.call(&bob, links(), &retry).await;
    assert_ne!(theirs.body["result"]["requestState"], state.as_str());
    let other = scene.token(&json!({ "client_id": "other" }));
    scene.call(&other, links(), &retry).await;
    assert_eq!(scene.questions(), 3);
    // And does not end it.
    let no = json!({ "inputResponses": { "access": { "action": "decline" } }, "requestState": state });
    scene.call(&bob, links(), &no).await;
    assert_eq!(without_meta(&scene.call(&token, links(), &json!({})).await.body), expected);
    // Done.
    scene
        .issuer
        .serve(SESSION, Served::json(&json!({ "status": "completed", "connection_id": "c-1" })));
    scene
        .issuer
        .serve(TOKEN, Served::json(&json!({ "access_token": "at", "token_type": "Bearer" })));
    let path = super::PEOPLE;
    let person = json!({ "names": [{ "displayName": "Alice" }], "emailAddresses": [{ "value": "a@example.com" }] });
    scene.issuer.serve(path, Served::json(&person));
    let done = scene.call(&token, links(), &retry).await;
    let result = &done.body["result"];
    assert_eq!(
        (&result["resultType"], &result["isError"], &result["structuredContent"]),
        (
            &json!("complete"),
            &json!(false),
            &json!({ "name": "Alice", "email": "a@example.com" })
        )
    );
    let requests = scene.issuer.requests();
    let to_people = requests
        .iter()
        .find(|request| request.starts_with("GET /people/me"))
        .expect("a request");
    assert!(to_people.to_lowercase().contains("authorization: bearer at\r\n"), "{to_people}");
    assert!(
        requests.iter().any(|request| request.contains("\"account\":\"c-1\"")),
        "{requests:?}"
    );
    super::agent::tells_no_secret(&scene.gateway.output());
}

/// What the server says about itself is not the point.
fn without_meta(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(result) = body["result"].as_object_mut() {
        result.remove("_meta");
    }
    body
}

/// Revision 2025-11-25: the call fails with the link.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_as_an_error_of_the_older_revision() {
    let scene = Scene::new().await;
    let token = scene.token(&json!({}));
    let session = scene.initialize(&token, links()).await;
    let answer = scene.call_in(&token, Some(&session)).await;
    let id = answer.body["error"]["data"]["elicitations"][0]["elicitationId"].clone();
    assert!(id.as_str().is_some_and(|id| id.len() >= 22), "{}", answer.body);
    let message = "Please allow access to your account at people.";
    let expected = json!({
        "jsonrpc": "2.0",
        "id": 7,
        "error": {
            "code": -32042,
            "message": message,
            "data": { "elicitations": [{ "mode": "url", "elicitationId": id, "url": LINK, "message": message }] },
        },
    });
    assert_eq!((answer.status, &answer.body), (200, &expected));
    assert_eq!(scene.call_in(&token, Some(&session)).await.body, expected, "the same again");
    assert_eq!(scene.questions(), 1);
    // A session that is somebody else's, or invented, is none; and without one nobody is known to open links.
    let bob = scene.token(&json!({ "sub": "bob" }));
    assert_eq!(scene.call_in(&bob, Some(&session)).await.status, 404);
    let flipped = session.replacen('1', "0", 1);
    for wrong in ["x", "1.99999999999.AAAA", flipped.as_str(), &session[..session.len() - 1]] {
        assert_eq!(scene.call_in(&token, Some(wrong)).await.status, 404, "{wrong}");
    }
    let forms_only = scene.initialize(&token, json!({ "elicitation": { "form": {} } })).await;
    for session in [None, Some(forms_only.as_str())] {
        let answer = scene.call_in(&token, session).await;
        let result = &answer.body["result"];
        assert_eq!(result["isError"], true, "{}", answer.body);
        assert!(result["content"][0]["text"].as_str().is_some_and(|text| text.contains(LINK)));
    }
    let answer = scene.call(&token, json!({ "elicitation": {} }), &json!({})).await;
    assert_eq!(answer.body["result"]["isError"], true, "{}", answer.body);
}

/// What the vault refuses is told in words and in fields, and what it says about time is passed on.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_vault_refuses_is_told_plainly() {
    let scene = Scene::new().await;
    let token = scene.token(&json!({}));
    let refusal = |status: u16, error: &str| Served::json(&json!({ "error": error, "error_description": "because" })).status(status);
    let asked = async || {
        let answer = scene.call(&token, links(), &json!({})).await;
        let result = answer.body["result"].clone();
        assert_eq!(result["isError"], true, "{}", answer.body);
        let fields = result["structuredContent"].clone();
        assert_eq!(result["content"][0]["text"], fields["message"]);
        (fields["problem"].clone(), fields["retry_after"].clone())
    };
    let good = Served::json(&json!({ "workload_access_token": "ghw_x", "expires_in": 900 }));
    for (status, error, problem) in [
        (400, "invalid_grant", "oauth"),
        (401, "invalid_client", "credentials"),
        (403, "insufficient_scope", "configuration"),
        (404, "invalid_request", "identity"),
        (500, "server_error", "gateway"),
    ] {
        scene.issuer.serve(WORKLOAD_TOKEN, refusal(status, error));
        assert_eq!(asked().await, (json!(problem), Value::Null), "{status}");
    }
    for status in [429, 503] {
        scene
            .issuer
            .serve(WORKLOAD_TOKEN, refusal(status, "temporarily_unavailable").with("retry-after", "33"));
        assert_eq!(asked().await, (json!("gateway"), json!(33)));
    }
    scene.issuer.serve(WORKLOAD_TOKEN, good);
    for (status, error, problem) in [(403, "access_denied", "configuration"), (502, "server_error", "configuration")] {
        scene.issuer.serve(TOKEN, refusal(status, error));
        assert_eq!(asked().await, (json!(problem), Value::Null), "{status}");
    }
    scene
        .issuer
        .serve(TOKEN, refusal(429, "temporarily_unavailable").with("retry-after", "60"));
    assert_eq!(asked().await, (json!("gateway"), json!(60)));
    // An answer that is none, and one without end.
    scene
        .issuer
        .serve(TOKEN, Served::json(&json!({ "access": "a-secret-of-the-person" })));
    assert_eq!(asked().await.0, json!("gateway"));
    let mut endless = Served::json(&json!("more and more"));
    endless.is_endless = true;
    scene.issuer.serve(TOKEN, endless);
    assert_eq!(asked().await.0, json!("gateway"));
    let output = scene.gateway.output();
    assert!(!output.contains("a-secret-of-the-person"), "{output}");
    super::agent::tells_no_secret(&output);
}
