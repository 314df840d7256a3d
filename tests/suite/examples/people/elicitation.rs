//! The gateway with clients of the library `rmcp`, and people who consent at another Gatehouse.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use rmcp::handler::client::ClientHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationCapability, ErrorData, Implementation, ProtocolVersion, UrlElicitationCapability,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RequestContext, RoleClient, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};

use super::{Places, consent};
use crate::cli::person::{Application, PASSWORD, Person, text};
use crate::examples::{agent_of_eve, binary};
use crate::support::process::{Sandbox, Server};

/// The gateway by itself, with a workload of its client.
pub struct Stage {
    pub places: Places,
    pub gateway: Server,
}

impl Stage {
    pub async fn open() -> Self {
        let places = Places::open(Sandbox::new(), "people_gateway").await;
        agent_of_eve(&places.here, "openid profile people:read");
        let workload = json!({
            "name": "people-gateway",
            "client_id": "people-gateway",
            "ceilings": { "people": "openid profile" },
        });
        let answer = places.administer(Method::POST, "workloads", &workload).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let gateway = start(&places, &places.people_api);
        Self { places, gateway }
    }

    pub fn address(&self) -> String {
        format!("http://localhost:{}/mcp", self.places.port)
    }

    /// A token of somebody, got by a client that is not the gateway's.
    pub async fn token(&self, username: &str, scope: &str) -> Value {
        let issuer = self.places.here.issuer();
        let code = Person::new(&issuer, username, PASSWORD).authorize("agent", scope).await;
        let tokens = Application::public(&issuer, "agent").redeem(&code.expect("a code")).await;
        tokens.expect("an answer").1
    }
}

/// The gateway, in front of this API.
pub fn start(places: &Places, people_api: &str) -> Server {
    let mut command = places.here.program(&binary("people_gateway").display().to_string());
    let (issuer, listen) = (places.here.issuer(), format!("localhost:{}", places.port));
    command.args(["--issuer", &issuer, "--listen", &listen, "--people-api", people_api]);
    let gateway = Server::start(command, SocketAddr::from(([127, 0, 0, 1], places.port)));
    gateway.await_notice("People gateway: ");
    gateway
}

/// A client that somebody uses: they open what they are shown, and consent or say no.
#[derive(Clone)]
struct Client {
    username: &'static str,
    opens_links: bool,
    answer: ElicitationAction,
    version: ProtocolVersion,
    shown: Arc<Mutex<Vec<String>>>,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        if self.opens_links {
            capabilities.elicitation = Some(ElicitationCapability::new().with_url(UrlElicitationCapability::new()));
        }
        let config = ClientConfig::new(capabilities, Implementation::new("a client", "1"));
        config.with_protocol_version(self.version.clone())
    }

    async fn create_elicitation(&self, request: ElicitRequestParams, _: RequestContext<RoleClient>) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::UrlElicitationParams { url, .. } = request else {
            panic!("a form: {request:?}");
        };
        self.shown.lock().expect("no panic").push(url.clone());
        if self.answer == ElicitationAction::Accept {
            consent(&url, self.username).await;
        }
        Ok(ElicitResult::new(self.answer.clone()))
    }
}

impl Client {
    fn of(username: &'static str, version: ProtocolVersion) -> Self {
        Self {
            username,
            opens_links: true,
            answer: ElicitationAction::Accept,
            version,
            shown: Arc::default(),
        }
    }

    async fn connect(&self, stage: &Stage) -> RunningService<RoleClient, Self> {
        let token = stage.token(self.username, "people:read").await;
        let transport = StreamableHttpClientTransportConfig::with_uri(stage.address()).auth_header(text(&token, "access_token"));
        let transport = StreamableHttpClientTransport::with_client(reqwest_of_rmcp::Client::new(), transport);
        let lifecycle = if self.version >= ProtocolVersion::V_2026_07_28 {
            ClientLifecycleMode::Discover {
                preferred_versions: vec![self.version.clone()],
            }
        } else {
            ClientLifecycleMode::Initialize
        };
        self.clone().serve_with_lifecycle(transport, lifecycle).await.expect("a connection")
    }

    fn shown(&self) -> Vec<String> {
        self.shown.lock().expect("no panic").clone()
    }
}

fn call() -> CallToolRequestParams {
    CallToolRequestParams::new("get_profile")
}

fn name(result: &CallToolResult) -> &str {
    let fields = result.structured_content.as_ref();
    fields
        .and_then(|fields| fields["name"].as_str())
        .unwrap_or_else(|| panic!("no name: {result:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_their_own_profile() {
    let stage = Stage::open().await;
    let alice = Client::of("alice", ProtocolVersion::V_2026_07_28);
    let connection = alice.connect(&stage).await;
    let tools = connection.list_all_tools().await.expect("tools");
    assert_eq!(tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(), ["get_profile"]);
    // The library drives the rounds: the person consents in the middle of one call.
    let result = connection.call_tool(call()).await.expect("a result");
    assert_eq!(name(&result), "Alice There");
    assert_eq!(alice.shown().len(), 1);
    // Nobody is asked again.
    let result = connection.call_tool(call()).await.expect("a result");
    assert_eq!((name(&result), alice.shown().len()), ("Alice There", 1));

    // Bob is asked himself, by another revision of the protocol, and never sees what is Alice's.
    let bob = Client::of("bob", ProtocolVersion::V_2025_11_25);
    let connection = bob.connect(&stage).await;
    let link = link_of_error(connection.call_tool(call()).await);
    assert!(!alice.shown().contains(&link));
    consent(&link, "bob").await;
    let result = connection.call_tool(call()).await.expect("a result");
    assert_eq!(name(&result), "Bob There");
    assert_eq!(stage.places.events("connection.made"), 2);

    // Nothing of all that is in what the gateway wrote.
    let output = stage.gateway.output();
    super::agent::tells_no_secret(&output);
    assert!(!output.contains("/connect/"), "{output}");
}

/// The link of a call that failed with `URL_ELICITATION_REQUIRED`.
fn link_of_error(result: Result<CallToolResult, ServiceError>) -> String {
    let Err(ServiceError::McpError(error)) = result else {
        panic!("no error: {result:?}");
    };
    assert_eq!(error.code.0, -32042, "{error:?}");
    let data = error.data.expect("data");
    data["elicitations"][0]["url"].as_str().expect("a link").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_no_links_is_told_in_words() {
    let stage = Stage::open().await;
    for version in [
        ProtocolVersion::V_2026_07_28,
        ProtocolVersion::V_2025_11_25,
        ProtocolVersion::V_2025_06_18,
    ] {
        let client = Client {
            opens_links: false,
            ..Client::of("alice", version.clone())
        };
        let connection = client.connect(&stage).await;
        let result = connection.call_tool(call()).await.expect("a result");
        assert_eq!(result.is_error, Some(true), "{version:?} {result:?}");
        let told = json!(result.content)[0]["text"].as_str().expect("a text").to_owned();
        let link = told.split(' ').find(|word| word.contains("/connect/")).expect("a link");
        assert!(told.contains("Open ") && told.contains("call the tool again"), "{told}");
        consent(link, "alice").await;
        let result = connection.call_tool(call()).await.expect("a result");
        assert_eq!(name(&result), "Alice There");
        // For the next one.
        let list = stage
            .places
            .administer(Method::GET, "connections?workload=people-gateway", &Value::Null)
            .await;
        let id = list.body["items"][0]["id"].as_str().expect("a connection").to_owned();
        let path = format!("connections/{id}");
        stage.places.administer(Method::DELETE, &path, &Value::Null).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_no_is_not_asked_on() {
    let stage = Stage::open().await;
    for answer in [ElicitationAction::Decline, ElicitationAction::Cancel] {
        let client = Client {
            answer,
            ..Client::of("alice", ProtocolVersion::V_2026_07_28)
        };
        let connection = client.connect(&stage).await;
        let result = connection.call_tool(call()).await.expect("a result");
        assert_eq!(result.is_error, Some(true), "{result:?}");
        assert_eq!(result.structured_content.expect("fields")["problem"], "oauth");
        let page = super::open(&crate::support::Browser::new(), &client.shown()[0], "alice").await;
        assert_eq!(page.status, 410, "the question is taken back: {}", page.body);
    }
    assert_eq!(stage.places.events("connection.cancelled"), 2);
}

/// An API that refuses a token has the person asked once, and not for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_has_the_person_asked_once() {
    use crate::support::elsewhere::{Elsewhere, Served};
    let mut stage = Stage::open().await;
    let api = Elsewhere::start().await;
    let path = super::PEOPLE;
    let profile =
        Served::json(&json!({ "names": [{ "displayName": "Second" }, { "displayName": "First", "metadata": { "primary": true } }] }));
    drop(stage.gateway);
    stage.gateway = start(&stage.places, &api.url(""));
    let alice = Client::of("alice", ProtocolVersion::V_2026_07_28);
    let connection = alice.connect(&stage).await;
    api.serve(path, profile.clone());
    assert_eq!(name(&connection.call_tool(call()).await.expect("a result")), "First");
    // From now on every token is refused: a question, and then an error.
    api.serve(path, Served::json(&json!({})).status(401));
    let result = connection.call_tool(call()).await.expect("a result");
    assert_eq!(result.is_error, Some(true), "{result:?}");
    assert_eq!(alice.shown().len(), 2, "asked again, once");
    assert_eq!(result.structured_content.expect("fields")["problem"], "gateway");
    // Told to come back soon, it does so itself; told to come back late, it says so.
    let late = Served::json(&json!({})).status(429).with("retry-after", "77");
    api.serve(path, late);
    let result = connection.call_tool(call()).await.expect("a result");
    let fields = result.structured_content.expect("fields");
    assert_eq!((&fields["problem"], &fields["retry_after"]), (&json!("gateway"), &json!(77)));
    let before = api.hits(path);
    api.serve(path, Served::json(&json!({})).status(503).with("retry-after", "0"));
    let result = connection.call_tool(call()).await.expect("a result");
    assert_eq!(result.is_error, Some(true));
    assert_eq!(api.hits(path) - before, 2, "once more");
    api.serve(path, Served::json(&json!({})).status(500));
    let result = connection.call_tool(call()).await.expect("a result");
    assert!(
        json!(result.content).to_string().contains("the People API answers 500"),
        "{result:?}"
    );
}
