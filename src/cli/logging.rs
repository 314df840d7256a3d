//! Log lines: what is written, and how it looks.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::Handle;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

use crate::config::{Config, LogFormat};

use super::Failure;
use super::lines::Lines;

/// Which lines are written; it can be changed while the process runs.
#[derive(Clone)]
pub struct LogLevel(Handle<Targets, Registry>);

impl LogLevel {
    /// Changes it, from a value of the setting `log_level`.
    ///
    /// # Errors
    /// When it cannot be read; then everything stays as it was.
    #[allow(dead_code, reason = "for whoever reloads the settings")]
    pub fn set(&self, level: &str) -> Result<(), Failure> {
        Ok(self.0.reload(targets(level)?)?)
    }
}

fn targets(level: &str) -> Result<Targets, Failure> {
    Ok(level.parse()?)
}

/// Starts logging: the server to standard output, by way of `lines`, so that no request waits for whoever
/// reads it; commands, which have none, to standard error and only what is wrong.
pub fn init(config: &Config, lines: Option<&Lines>) -> Result<LogLevel, Failure> {
    let level = if lines.is_some() { config.log_level.as_str() } else { "warn" };
    let (filter, handle) = reload::Layer::new(targets(level)?);
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
    let layer = match (config.log_format, lines.cloned()) {
        (LogFormat::Json, Some(lines)) => layer.json().flatten_event(true).with_writer(move || lines.clone()).boxed(),
        (LogFormat::Json, None) => layer.json().flatten_event(true).with_writer(std::io::stderr).boxed(),
        (LogFormat::Text, Some(lines)) => layer.with_writer(move || lines.clone()).boxed(),
        (LogFormat::Text, None) => layer.with_writer(std::io::stderr).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).try_init()?;
    Ok(LogLevel(handle))
}
