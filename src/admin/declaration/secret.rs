//! Secrets of a declaration: they stand elsewhere, and the declaration says where.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;

use super::Secret;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In this environment variable
    Environment(String),
    /// In this file, relative to the one that names it
    File(String),
}

impl Origin {
    /// Fetches the secret. A line break at its end does not belong to it.
    ///
    /// # Errors
    /// When there is none, in words.
    pub fn fetch(&self, environment: &BTreeMap<String, String>, folder: &Path) -> Result<Secret, String> {
        let (text, origin) = match self {
            Self::Environment(name) => {
                let text = environment.get(name);
                let text = text.ok_or_else(|| format!("the environment variable {name} is not set"))?;
                (text.clone(), format!("environment variable {name}"))
            }
            Self::File(name) => {
                let path = folder.join(name);
                let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                (text, format!("file {name}"))
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(format!("the {origin} is empty"));
        }
        Ok(Secret {
            text: SecretString::from(text),
            origin,
        })
    }
}
