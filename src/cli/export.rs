//! `gatehouse export`

use std::io::Write;

use crate::admin::declaration::{self, Section};
use crate::app::App;

use super::Failure;

/// What people see below the flags.
const EXAMPLE: &str = "\
Example:

  gatehouse export > gatehouse.yaml
  gatehouse export --only scopes,clients > clients.yaml
  gatehouse apply -f gatehouse.yaml --dry-run     # nothing to do

What is as it would be anyway is left out: fields with the default of their kind, and the scopes
that every server defines. Secrets and passwords are never exported. Users are personal data; leave them out with --only.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Only these sections, separated by commas: settings, scopes, resources, clients, providers, workloads, users
    #[arg(long, value_name = "SECTIONS", value_delimiter = ',', value_parser = section)]
    only: Vec<Section>,
}

fn section(text: &str) -> Result<Section, String> {
    Section::parse(text.trim()).ok_or_else(|| format!("must be one of {}", Section::names()))
}

pub async fn run(app: &App, args: Args) -> Result<(), Failure> {
    let only: &[Section] = if args.only.is_empty() { &Section::ALL } else { &args.only };
    let text = declaration::export(app, only).await?;
    // Half a text would be a declaration, too: one that says less.
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())?;
    Ok(())
}
