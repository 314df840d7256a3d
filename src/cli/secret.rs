//! Where commands get secrets from: never from an argument, which everybody on the machine can see.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::admin::declaration::Origin;
use crate::config::sources::Sources;

use super::Failure;

#[derive(clap::Args)]
pub struct Source {
    /// Read the secret from standard input
    #[arg(id = "secret_stdin", long = "secret-stdin", conflicts_with_all = ["secret_env", "secret_file"])]
    stdin: bool,
    /// Read the secret from an environment variable
    #[arg(id = "secret_env", long = "secret-env", value_name = "NAME", conflicts_with = "secret_file")]
    variable: Option<String>,
    /// Read the secret from a file
    #[arg(id = "secret_file", long = "secret-file", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Source {
    /// What to say where none was given.
    pub const MISSING: &'static str = "where is the secret? Say --secret-stdin, --secret-env or --secret-file";

    /// The secret, if it was said where it is. A line break at its end does not belong to it.
    pub fn fetch(&self) -> Result<Option<SecretString>, Failure> {
        let origin = match (&self.variable, &self.file) {
            (Some(name), _) => Origin::Environment(name.clone()),
            (None, Some(file)) => Origin::File(file.display().to_string()),
            (None, None) if self.stdin => return read_input().map(Some),
            (None, None) => return Ok(None),
        };
        let secret = origin.fetch(&Sources::environment(), Path::new(""))?;
        Ok(Some(secret.text))
    }
}

fn read_input() -> Result<SecretString, Failure> {
    let text = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("Secret: ")?
    } else {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        text
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err("standard input is empty".into());
    }
    Ok(SecretString::from(text))
}
