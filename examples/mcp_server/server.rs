//! The tools at work. Whoever comes here has passed `guard.rs`.

use std::sync::Arc;

use axum::http::request::Parts;
use rmcp::ErrorData;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::notes::Notes;
use crate::tools::{Takes, Tool};

/// What answers the requests.
#[derive(Clone)]
pub struct NotesServer {
    notes: Arc<Notes>,
}

/// What came of a call; an error is for the model to read.
type Outcome = Result<Value, String>;

impl NotesServer {
    /// A server of these notes.
    pub fn new(notes: Arc<Notes>) -> Self {
        Self { notes }
    }

    /// Calls a tool; `caller` is `None` for who brought no token.
    fn call(&self, tool: Tool, caller: Option<&Caller>, arguments: &Value) -> Outcome {
        let Some(caller) = caller else {
            return match tool {
                Tool::PublicInfo => Ok(public_info()),
                // The guard lets nobody through to here.
                _ => Err(format!("{} takes a token", tool.name())),
            };
        };
        let text = |name: &str| arguments.get(name).and_then(Value::as_str);
        match tool {
            Tool::PublicInfo => Ok(public_info()),
            Tool::GetUserProfile => Ok(json!({
                "subject": caller.subject,
                "username": caller.username,
                "client_id": caller.client_id,
                "scope": caller.scope,
            })),
            Tool::ListAvailableResources => Ok(available(caller)),
            Tool::ReadData => {
                let notes = self.notes.of(&caller.subject);
                match text("title") {
                    None => Ok(json!(notes)),
                    Some(title) => {
                        let note = notes.get(title).ok_or_else(|| format!("there is no note {title}"))?;
                        Ok(json!({ title: note }))
                    }
                }
            }
            Tool::WriteData => {
                let (Some(title), Some(note)) = (text("title"), text("text")) else {
                    return Err("a note has a title and a text".to_owned());
                };
                self.notes.write(&caller.subject, title, note)?;
                Ok(json!({ "written": title }))
            }
            Tool::AdminOperation => match (text("operation"), text("subject")) {
                (Some("count"), _) => Ok(json!({ "notes": self.notes.count() })),
                (Some("remove"), Some(subject)) => Ok(json!({ "removed": self.notes.remove(subject) })),
                (Some("remove"), None) => Err("whose notes? subject is missing".to_owned()),
                _ => Err("operation is count or remove".to_owned()),
            },
        }
    }
}

impl ServerHandler for NotesServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("team-notes", env!("CARGO_PKG_VERSION")))
            .with_instructions("Notes that belong to who wrote them. Some tools take a token, and some of those a scope.")
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(Tool::ALL.map(Tool::description).to_vec()))
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        let name = &request.name;
        let tool = Tool::named(name).ok_or_else(|| ErrorData::invalid_params(format!("there is no tool {name}"), None))?;
        let caller = context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Caller>());
        let arguments = request.arguments.map_or(Value::Null, Value::Object);
        let result = match self.call(tool, caller, &arguments) {
            Ok(value) => CallToolResult::structured(value),
            Err(problem) => CallToolResult::error(vec![ContentBlock::text(problem)]),
        };
        Ok(result.into())
    }
}

fn public_info() -> Value {
    json!({ "name": "Team notes", "about": "An example of a protected MCP server", "tools": Tool::ALL.len() })
}

/// Every tool, and whether this caller may call it.
fn available(caller: &Caller) -> Value {
    let tools = Tool::ALL.map(|tool| {
        let (takes, is_open) = match tool.takes() {
            Takes::Nothing => ("nothing".to_owned(), true),
            Takes::Token => ("a token".to_owned(), true),
            Takes::Scope(scope) => (format!("the scope {scope}"), caller.scope.contains(scope)),
        };
        json!({ "tool": tool.name(), "takes": takes, "open_to_you": is_open })
    });
    json!({ "tools": tools })
}
