//! The tool, as MCP has it, and the three ways to ask a person: each client gets the one that it knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::request::Parts;
use rmcp::ErrorData;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ElicitRequest, ElicitRequestParams, ErrorCode, Implementation,
    InputRequest, InputRequiredResult, JsonObject, ListToolsResult, PaginatedRequestParams, ProtocolVersion, ServerCapabilities,
    ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};

use super::guard::Caller;
use super::problem::Problem;
use super::profile::{Outcome, Profiles, Reply};
use super::questions::Question;

/// The tool.
pub const TOOL: &str = "get_profile";
/// What the question is called among those of one call.
pub const ACCESS: &str = "access";
/// `URL_ELICITATION_REQUIRED`, of the revision 2025-11-25.
pub const URL_ELICITATION_REQUIRED: ErrorCode = ErrorCode(-32042);

/// What answers the requests.
#[derive(Clone)]
pub struct PeopleServer {
    profiles: Arc<Profiles>,
    provider: String,
}

/// How a person can be asked through a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The call is answered with what is missing, and comes again with it: revision 2026-07-28 and later
    InputRequired,
    /// The call fails with the link, and comes again: revision 2025-11-25
    Error,
    /// The client opens no links; somebody may read it and do so
    Text,
}

impl PeopleServer {
    /// A server of these profiles, which are at that provider.
    pub fn new(profiles: Arc<Profiles>, provider: String) -> Self {
        Self { profiles, provider }
    }

    fn ask(&self, way: Way, question: &Question) -> Result<CallToolResponse, ErrorData> {
        let message = format!("Please allow access to your account at {}.", self.provider);
        match way {
            Way::InputRequired => {
                let params = ElicitRequestParams::UrlElicitationParams {
                    meta: None,
                    message,
                    url: question.link.clone(),
                    elicitation_id: question.id.clone(),
                };
                let request = InputRequest::Elicitation(ElicitRequest::new(params));
                let requests = BTreeMap::from([(ACCESS.to_owned(), request)]);
                Ok(InputRequiredResult::new(Some(requests), Some(question.id.clone())).into())
            }
            Way::Error => {
                let elicitation = json!({ "mode": "url", "elicitationId": question.id, "url": question.link, "message": message });
                let data = json!({ "elicitations": [elicitation] });
                Err(ErrorData::new(URL_ELICITATION_REQUIRED, message, Some(data)))
            }
            Way::Text => {
                let text = format!("{message} Open {} in a browser, and call the tool again afterwards.", question.link);
                Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into())
            }
        }
    }
}

impl ServerHandler for PeopleServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("people-gateway", env!("CARGO_PKG_VERSION")))
            .with_instructions("Who you are at another provider. It may ask you to allow that first.")
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListToolsResult, ErrorData> {
        let schema = JsonObject::from_iter([("type".to_owned(), "object".into()), ("properties".to_owned(), json!({}))]);
        let hints = ToolAnnotations::new().read_only(true).destructive(false);
        let text = format!("Your name and address at {}", self.provider);
        let tool = Tool::new(TOOL, text, Arc::new(schema)).with_annotations(hints);
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        if request.name != TOOL {
            return Err(ErrorData::invalid_params(format!("there is no tool {}", request.name), None));
        }
        let caller = context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Caller>());
        // The guard lets nobody else through to here.
        let caller = caller.ok_or_else(|| ErrorData::internal_error("nobody calls", None))?;
        match self.profiles.of(caller, &reply(&request)).await {
            Ok(Outcome::Profile(profile)) => Ok(CallToolResult::structured(json!(profile)).into()),
            Ok(Outcome::Ask(question)) => self.ask(way(caller, &context), &question),
            Err(problem) => Ok(failed(&problem).into()),
        }
    }
}

/// How the person of this request can be asked.
fn way(caller: &Caller, context: &RequestContext<RoleServer>) -> Way {
    let version = context.protocol_version().unwrap_or(ProtocolVersion::V_2025_03_26);
    if version >= ProtocolVersion::V_2026_07_28 {
        // Each request says itself what its client can.
        let elicitation = context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
        return match elicitation.and_then(|elicitation| elicitation.url) {
            Some(_) => Way::InputRequired,
            None => Way::Text,
        };
    }
    if caller.can_open_links && version >= ProtocolVersion::V_2025_11_25 {
        Way::Error
    } else {
        Way::Text
    }
}

/// What the client says about the question that it was sent before; about another one it says nothing.
fn reply(request: &CallToolRequestParams) -> Reply {
    let action = request
        .input_responses
        .as_ref()
        .and_then(|responses| responses.get(ACCESS)?.get("action"));
    match (action.and_then(Value::as_str), &request.request_state) {
        (Some("decline" | "cancel"), Some(id)) => Reply::No(id.clone()),
        _ => Reply::GoOn,
    }
}

/// A failure, in words for the model and in fields for programs.
fn failed(problem: &Problem) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(problem.message.clone())]);
    result.structured_content = Some(json!(problem));
    result
}
