//! The MCP server, as a client sees it.

use reqwest_of_rmcp::{Client as Http, Error as HttpError};
use rmcp::model::CallToolRequestParams;
use rmcp::service::{ClientInitializeError, RoleClient, RunningService, ServiceError, ServiceExt};
use rmcp::transport::streamable_http_client::{StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError};
use rmcp::transport::{AuthClient, StreamableHttpClientTransport, WWWAuthenticateParams};
use serde_json::{Value, json};
use url::Url;

use crate::arguments;
use crate::report::Outcome;

/// How an MCP server receives who brings no token.
pub enum Reception {
    /// It talks
    Open(Server),
    /// It wants a token before it says anything (401), and says where to get one
    NeedsToken { challenge: String },
}

/// A connection to an MCP server.
pub struct Server {
    service: RunningService<RoleClient, ()>,
    url: Url,
}

impl Server {
    /// Connects without a token.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn connect(address: &str) -> Result<Reception, String> {
        match Self::over(address, Http::new()).await? {
            Ok(server) => Ok(Reception::Open(server)),
            Err(error) => match error.auth_challenge() {
                Some(challenge) => Ok(Reception::NeedsToken {
                    challenge: challenge.to_owned(),
                }),
                None => Err(explained(address, &error)),
            },
        }
    }

    /// Connects with a client that has tokens.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn connect_with(address: &str, client: AuthClient<Http>) -> Result<Self, String> {
        Self::over(address, client).await?.map_err(|error| explained(address, &error))
    }

    async fn over<C: StreamableHttpClient + Send + 'static>(
        address: &str,
        client: C,
    ) -> Result<Result<Self, ClientInitializeError>, String> {
        let url = Url::parse(address).map_err(|error| format!("{address} is no address: {error}"))?;
        let config = StreamableHttpClientTransportConfig::with_uri(address.to_owned());
        let transport = StreamableHttpClientTransport::with_client(client, config);
        Ok(().serve(transport).await.map(|service| Self { service, url }))
    }

    /// The names of its tools.
    ///
    /// # Errors
    /// When it does not tell them.
    pub async fn tools(&self) -> Result<Vec<String>, String> {
        let tools = self.service.list_all_tools().await.map_err(|error| error.to_string())?;
        Ok(tools.into_iter().map(|tool| tool.name.into_owned()).collect())
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub async fn call(&self, tool: &str) -> Result<Outcome, String> {
        let mut request = CallToolRequestParams::new(tool.to_owned());
        if let Value::Object(arguments) = arguments(tool) {
            request = request.with_arguments(arguments);
        }
        match self.service.call_tool(request).await {
            Ok(result) if result.is_error == Some(true) => Ok(Outcome::Failure(json!(result.content).to_string())),
            Ok(result) => Ok(Outcome::Answer(result.structured_content.unwrap_or_default())),
            Err(error) => self.refusal(tool, &error),
        }
    }

    /// What a refusal asks for (RFC 6750 §3).
    fn refusal(&self, tool: &str, error: &ServiceError) -> Result<Outcome, String> {
        let challenge = error.auth_challenge().ok_or_else(|| format!("{tool}: {error}"))?;
        let told = WWWAuthenticateParams::parse(challenge, &self.url);
        Ok(match told.scope.clone().filter(|_| told.is_insufficient_scope()) {
            Some(scope) => Outcome::NeedsScope { scope },
            None => Outcome::NeedsToken {
                challenge: challenge.to_owned(),
            },
        })
    }
}

/// What is wrong with a server that could not be connected to.
fn explained(address: &str, error: &ClientInitializeError) -> String {
    if is_unreachable(error) {
        return format!("{address} does not answer ({error}). Start an MCP server first, such as cargo run --example mcp_server");
    }
    match error.auth_challenge() {
        Some(challenge) => format!("{address} refuses the token: {challenge}"),
        None => format!("{address} does not speak MCP as it should: {error}"),
    }
}

fn is_unreachable(error: &ClientInitializeError) -> bool {
    match error {
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => is_unreachable(fallback),
        ClientInitializeError::TransportError { error, .. } => {
            let error = error.error.downcast_ref::<StreamableHttpError<HttpError>>();
            matches!(error, Some(StreamableHttpError::Client(error)) if error.is_connect() || error.is_timeout())
        }
        _ => false,
    }
}
