//! The agent itself: it calls the tool, shows the person what they have to open, and calls again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest_of_rmcp::Client as Http;
use rmcp::handler::client::ClientHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitationCapability,
    Implementation, InputRequest, InputRequiredResult, ProtocolVersion, UrlElicitationCapability,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RoleClient, RunningService, ServiceError};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{AuthClient, StreamableHttpClientTransport};
use serde_json::json;
use url::Url;

use crate::gateway::problem::{Kind, Problem};
use crate::gateway::server::{TOOL, URL_ELICITATION_REQUIRED};
use crate::shared::error::printable;

/// How long one call may take. The gateway waits for the person within it.
const PATIENCE: Duration = Duration::from_secs(90);
/// The shortest and the longest pause between two calls.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// What a server can ask this client for: to have a person open a page, and nothing else.
#[derive(Clone)]
struct Handler(ClientConfig);

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        self.0.clone()
    }
}

/// A connection to the gateway.
pub struct Agent {
    service: RunningService<RoleClient, Handler>,
    /// The only server whose pages are shown
    gatehouse: Url,
    shown: Option<String>,
}

impl Agent {
    /// Connects, with the newest revision of MCP or with that of 2025-11-25.
    ///
    /// # Errors
    /// When the gateway does not answer as it should.
    pub async fn connect(address: &str, client: AuthClient<Http>, issuer: &str, is_old: bool) -> Result<Self, Problem> {
        let gatehouse = Url::parse(issuer).map_err(|error| Problem::new(Kind::Configuration, format!("{issuer}: {error}")))?;
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(ElicitationCapability::new().with_url(UrlElicitationCapability::new()));
        let config = ClientConfig::new(capabilities, Implementation::new("hello-agent", env!("CARGO_PKG_VERSION")));
        let (config, lifecycle) = if is_old {
            let config = config.with_protocol_version(ProtocolVersion::V_2025_11_25);
            (config, ClientLifecycleMode::Initialize)
        } else {
            let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
            (config, ClientLifecycleMode::Discover { preferred_versions })
        };
        let transport = StreamableHttpClientTransportConfig::with_uri(address.to_owned());
        let transport = StreamableHttpClientTransport::with_client(client, transport);
        let connecting = Handler(config).serve_with_lifecycle(transport, lifecycle);
        let connected = tokio::time::timeout(PATIENCE, connecting).await.map_err(|_| silent())?;
        let service = connected.map_err(|error| Problem::new(Kind::Gateway, format!("the gateway cannot be talked to: {error}")))?;
        Ok(Self {
            service,
            gatehouse,
            shown: None,
        })
    }

    /// What the person is called. Whoever has not consented within `patience` is not waited for any longer.
    ///
    /// # Errors
    /// When it cannot be found out.
    pub async fn name(&mut self, patience: Duration) -> Result<String, Problem> {
        let deadline = Instant::now() + patience;
        let mut request = CallToolRequestParams::new(TOOL);
        let mut pause = PAUSES.0;
        loop {
            let begun = Instant::now();
            let answer = tokio::time::timeout(PATIENCE, self.service.call_tool_once(request)).await;
            request = CallToolRequestParams::new(TOOL);
            match answer.map_err(|_| silent())? {
                Ok(CallToolResponse::Complete(result)) => match said(&result) {
                    Ok(name) => return Ok(name),
                    Err(problem) => match problem.retry_after.map(Duration::from_secs) {
                        // It may be better soon.
                        Some(wait) if Instant::now() + wait < deadline => pause = wait.max(PAUSES.0),
                        _ => return Err(problem),
                    },
                },
                Ok(CallToolResponse::InputRequired(asked)) => {
                    request = self.asked(asked)?;
                    pause = PAUSES.0;
                }
                Err(ServiceError::McpError(error)) if error.code == URL_ELICITATION_REQUIRED => {
                    for elicitation in elicitations(error.data.unwrap_or_default()) {
                        self.show(&elicitation)?;
                    }
                    pause = (pause * 2).min(PAUSES.1);
                }
                Err(error) => return Err(failed(&error)),
                Ok(_) => return Err(Problem::new(Kind::Gateway, "the gateway answers in a way that nobody asked for")),
            }
            if Instant::now() >= deadline {
                // Nobody is on their way back.
                self.shown = None;
                return Err(Problem::new(Kind::Oauth, "nobody allowed it in time"));
            }
            // A gateway that waited for the person itself is asked again at once.
            tokio::time::sleep(pause.saturating_sub(begun.elapsed())).await;
        }
    }

    /// Ends the connection; whether somebody was shown a page, and may be on their way back from it.
    pub async fn leave(self) -> bool {
        let _ = tokio::time::timeout(PAUSES.0, self.service.cancel()).await;
        self.shown.is_some()
    }

    /// Shows what a call was answered with, and gives the call to come back with: the person has been shown it, and the
    /// state of the gateway goes back as it came.
    fn asked(&mut self, asked: InputRequiredResult) -> Result<CallToolRequestParams, Problem> {
        let mut responses = BTreeMap::new();
        for (key, request) in asked.input_requests.unwrap_or_default() {
            let InputRequest::Elicitation(request) = request else {
                return Err(Problem::new(
                    Kind::Gateway,
                    "the gateway asks for something that this agent cannot do",
                ));
            };
            self.show(&request.params)?;
            responses.insert(key, json!({ "action": "accept" }));
        }
        let request = CallToolRequestParams::new(TOOL).with_input_responses(responses);
        Ok(match asked.request_state {
            Some(state) => request.with_request_state(state),
            None => request,
        })
    }

    /// Shows the person a page, once. It is not opened for them: they look at the address first, and decide.
    fn show(&mut self, elicitation: &ElicitRequestParams) -> Result<(), Problem> {
        let ElicitRequestParams::UrlElicitationParams { message, url, .. } = elicitation else {
            return Err(Problem::new(
                Kind::Gateway,
                "the gateway asks for a form, which this agent cannot do",
            ));
        };
        if self.shown.as_ref() == Some(url) {
            return Ok(());
        }
        // Of all its pages, only the one that asks who wants what.
        let questions = format!("{}/connect/", self.gatehouse.path().trim_end_matches('/'));
        let is_question = |page: &Url| page.origin() == self.gatehouse.origin() && page.path().starts_with(&questions);
        let page = Url::parse(url).ok().filter(is_question);
        let page = page.ok_or_else(|| {
            Problem::new(
                Kind::Gateway,
                "the gateway names a page at which Gatehouse asks nobody, so it is not shown",
            )
        })?;
        println!("\n{}", printable(message));
        println!("Open this page, at {}:\n  {page}", self.gatehouse.origin().ascii_serialization());
        self.shown = Some(url.clone());
        Ok(())
    }
}

/// The links of the error, of those that are links.
fn elicitations(data: serde_json::Value) -> Vec<ElicitRequestParams> {
    let list = data.get("elicitations").cloned().unwrap_or_default();
    serde_json::from_value(list).unwrap_or_default()
}

/// The name, or why there is none.
fn said(result: &CallToolResult) -> Result<String, Problem> {
    let fields = result.structured_content.clone().unwrap_or_default();
    if result.is_error == Some(true) {
        let problem = serde_json::from_value(fields);
        return Err(problem.unwrap_or_else(|_| Problem::new(Kind::Gateway, "the gateway fails, and does not say why")));
    }
    let name = fields["name"].as_str().filter(|name| !name.is_empty());
    name.map(printable)
        .ok_or_else(|| Problem::new(Kind::Gateway, "the account has no name that the scope covers"))
}

fn failed(error: &ServiceError) -> Problem {
    if error.is_authorization_required() || error.auth_challenge().is_some() {
        return Problem::new(Kind::Oauth, "the gateway does not take the token any more: sign in again");
    }
    Problem::new(Kind::Gateway, format!("the gateway fails: {error}"))
}

fn silent() -> Problem {
    Problem::new(
        Kind::Gateway,
        format!("the gateway does not answer within {} seconds", PATIENCE.as_secs()),
    )
}
