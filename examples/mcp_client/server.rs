//! The MCP server, as a client sees it.

use reqwest_of_rmcp::Client as Http;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService, ServiceError, ServiceExt};
use rmcp::transport::streamable_http_client::{StreamableHttpClient, StreamableHttpClientTransportConfig};
use rmcp::transport::{AuthClient, StreamableHttpClientTransport, WWWAuthenticateParams};
use serde_json::{Value, json};
use url::Url;

use crate::arguments;
use crate::report::Outcome;

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
    pub async fn connect(url: &str) -> Result<Self, String> {
        Self::over(url, Http::new()).await
    }

    /// Connects with a client that has tokens.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn connect_with(url: &str, client: AuthClient<Http>) -> Result<Self, String> {
        Self::over(url, client).await
    }

    async fn over<C: StreamableHttpClient + Send + 'static>(address: &str, client: C) -> Result<Self, String> {
        let url = Url::parse(address).map_err(|error| format!("{address} is no address: {error}"))?;
        let config = StreamableHttpClientTransportConfig::with_uri(address.to_owned());
        let transport = StreamableHttpClientTransport::with_client(client, config);
        let service = ().serve(transport).await.map_err(|error| {
            format!("{address} does not answer ({error}). Start an MCP server first, such as cargo run --example mcp_server")
        })?;
        Ok(Self { service, url })
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
