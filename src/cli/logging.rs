//! Log lines: what is written, and how it looks.

use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Config, LogFormat};

use super::Failure;

/// Starts logging: the server to standard output, commands to standard error and only what is wrong.
pub fn init(config: &Config, is_server: bool) -> Result<(), Failure> {
    let level = if is_server { config.log_level.as_str() } else { "warn" };
    let filter: Targets = level.parse()?;
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
    let layer = match (config.log_format, is_server) {
        (LogFormat::Json, true) => layer.json().flatten_event(true).boxed(),
        (LogFormat::Json, false) => layer.json().flatten_event(true).with_writer(std::io::stderr).boxed(),
        (LogFormat::Text, true) => layer.boxed(),
        (LogFormat::Text, false) => layer.with_writer(std::io::stderr).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).try_init()?;
    Ok(())
}
