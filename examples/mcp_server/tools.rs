//! The tools, and what each of them takes. There is no tool without a line here: a name that is not in this list is
//! none.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool as Description, ToolAnnotations};
use serde_json::{Value, json};

/// Permission to read notes.
pub const READ: &str = "read";
/// Permission to write notes.
pub const WRITE: &str = "write";
/// Permission to look after everybody's notes.
pub const ADMIN: &str = "admin";

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    PublicInfo,
    GetUserProfile,
    ListAvailableResources,
    ReadData,
    WriteData,
    AdminOperation,
}

/// What it takes to call one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: everybody may
    Nothing,
    /// A token, whatever it permits
    Token,
    /// A token with this scope
    Scope(&'static str),
}

impl Tool {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PublicInfo,
        Self::GetUserProfile,
        Self::ListAvailableResources,
        Self::ReadData,
        Self::WriteData,
        Self::AdminOperation,
    ];

    /// The tool of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::PublicInfo => "public_info",
            Self::GetUserProfile => "get_user_profile",
            Self::ListAvailableResources => "list_available_resources",
            Self::ReadData => "read_data",
            Self::WriteData => "write_data",
            Self::AdminOperation => "admin_operation",
        }
    }

    /// What it takes.
    pub fn takes(self) -> Takes {
        match self {
            Self::PublicInfo => Takes::Nothing,
            Self::GetUserProfile | Self::ListAvailableResources => Takes::Token,
            Self::ReadData => Takes::Scope(READ),
            Self::WriteData => Takes::Scope(WRITE),
            Self::AdminOperation => Takes::Scope(ADMIN),
        }
    }

    /// What is told to clients, and by them to their model.
    pub fn description(self) -> Description {
        let (text, properties, required) = match self {
            Self::PublicInfo => ("What this server is; no token needed", json!({}), json!([])),
            Self::GetUserProfile => ("Who you are to this server, and what you may do", json!({}), json!([])),
            Self::ListAvailableResources => ("The tools, and which of them your token opens", json!({}), json!([])),
            Self::ReadData => (
                "Your notes, or the one with this title",
                json!({ "title": { "type": "string", "description": "Which note; all when left out" } }),
                json!([]),
            ),
            Self::WriteData => (
                "Writes a note, or writes it anew",
                json!({ "title": { "type": "string" }, "text": { "type": "string" } }),
                json!(["title", "text"]),
            ),
            Self::AdminOperation => (
                "Looks after everybody's notes: counts them, or removes those of one person",
                json!({
                    "operation": { "type": "string", "enum": ["count", "remove"] },
                    "subject": { "type": "string", "description": "Whose notes to remove" },
                }),
                json!(["operation"]),
            ),
        };
        let schema = json!({ "type": "object", "properties": properties, "required": required });
        let schema: JsonObject = match schema {
            Value::Object(schema) => schema,
            _ => JsonObject::new(),
        };
        let hints = ToolAnnotations::new()
            .read_only(!matches!(self, Self::WriteData | Self::AdminOperation))
            .destructive(matches!(self, Self::AdminOperation));
        Description::new(self.name(), text, Arc::new(schema)).with_annotations(hints)
    }
}
