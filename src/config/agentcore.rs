//! The setting of the interface that programs written for AWS Bedrock AgentCore Identity expect.

use std::fmt;

/// Whether it is there, and who may use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AgentCore {
    /// It is not there
    #[default]
    Off,
    /// For requests that are signed with access keys
    On,
    /// For programs on this machine, signed or not: they all count as this client's
    Unsigned(String),
}

/// What stands before the id of the client.
const UNSIGNED: &str = "unsigned:";

impl AgentCore {
    /// Reads a setting.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "on" => Ok(Self::On),
            _ => match text.strip_prefix(UNSIGNED) {
                Some(client_id) if !client_id.trim().is_empty() => Ok(Self::Unsigned(client_id.trim().to_owned())),
                _ => Err("must be on, off, or unsigned: with the id of a client after it".to_owned()),
            },
        }
    }
}

impl fmt::Display for AgentCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::On => f.write_str("on"),
            Self::Unsigned(client_id) => write!(f, "{UNSIGNED}{client_id}"),
        }
    }
}
