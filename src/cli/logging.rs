//! Log lines: what is written, and how it looks.

use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Config, LogFormat};

use super::Failure;
use super::lines::Lines;

/// Starts logging: the server to standard output, by way of `lines`, so that no request waits for whoever
/// reads it; commands, which have none, to standard error and only what is wrong.
pub fn init(config: &Config, lines: Option<&Lines>) -> Result<(), Failure> {
    let level = if lines.is_some() { config.log_level.as_str() } else { "warn" };
    let filter: Targets = level.parse()?;
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
    let layer = match (config.log_format, lines.cloned()) {
        (LogFormat::Json, Some(lines)) => layer.json().flatten_event(true).with_writer(move || lines.clone()).boxed(),
        (LogFormat::Json, None) => layer.json().flatten_event(true).with_writer(std::io::stderr).boxed(),
        (LogFormat::Text, Some(lines)) => layer.with_writer(move || lines.clone()).boxed(),
        (LogFormat::Text, None) => layer.with_writer(std::io::stderr).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).try_init()?;
    Ok(())
}
