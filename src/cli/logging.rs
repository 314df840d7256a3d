//! Log lines: what is written, and how it looks.

use std::fmt::{self, Write as _};

use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{self, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload::Handle;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

use crate::base::request::{self, Request};
use crate::base::spans;
use crate::config::{Config, LogFormat};

use super::Failure;
use super::lines::Lines;
use super::traces::Traces;

/// Which lines are written; it can be changed while the process runs.
#[derive(Clone)]
pub struct LogLevel(Handle<Targets, Registry>);

impl LogLevel {
    /// Changes it, from a value of the setting `log_level`.
    ///
    /// # Errors
    /// When it cannot be read; then everything stays as it was.
    pub fn set(&self, level: &str) -> Result<(), Failure> {
        Ok(self.0.reload(targets(level)?)?)
    }
}

/// Its lines are written only where the level names it.
const HTTP_LIBRARY: &str = "actix_http";

fn targets(level: &str) -> Result<Targets, Failure> {
    let targets = level.parse::<Targets>()?.with_target(spans::TARGET, LevelFilter::OFF);
    // It has a line for each request that is no HTTP, which anybody can send as often as they like.
    Ok(if level.contains(HTTP_LIBRARY) {
        targets
    } else {
        targets.with_target(HTTP_LIBRARY, LevelFilter::OFF)
    })
}

/// Starts logging: the server to standard output, by way of `lines`, so that no request waits for whoever
/// reads it; commands, which have none, to standard error and only what is wrong. `traces` get spans, if there are any.
pub fn init(config: &Config, lines: Option<&Lines>, traces: &Traces) -> Result<LogLevel, Failure> {
    let level = if lines.is_some() { config.log_level.as_str() } else { "warn" };
    let (filter, handle) = reload::Layer::new(targets(level)?);
    let layer = tracing_subscriber::fmt::layer().with_ansi(false);
    let text = format::format().with_ansi(false).with_target(false);
    let json = text.clone().json().flatten_event(true);
    let layer = match (config.log_format, lines.cloned()) {
        (LogFormat::Json, Some(lines)) => layer
            .event_format(OfRequest(json, write_json))
            .fmt_fields(JsonFields::new())
            .with_writer(move || lines.clone())
            .boxed(),
        (LogFormat::Json, None) => layer
            .event_format(OfRequest(json, write_json))
            .fmt_fields(JsonFields::new())
            .with_writer(std::io::stderr)
            .boxed(),
        (LogFormat::Text, Some(lines)) => layer
            .event_format(OfRequest(text, write_text))
            .with_writer(move || lines.clone())
            .boxed(),
        (LogFormat::Text, None) => layer.event_format(OfRequest(text, write_text)).with_writer(std::io::stderr).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .with(traces.layer())
        .try_init()?;
    Ok(LogLevel(handle))
}

/// A format whose lines say to which request they belong, whoever has written them.
struct OfRequest<F>(F, fn(&str, &Request) -> Result<String, fmt::Error>);

impl<S, N, F> FormatEvent<S, N> for OfRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end_matches('\n');
        match request::current(|request| (self.1)(line, request)) {
            Some(named) => writer.write_str(&named?)?,
            None => writer.write_str(line)?,
        }
        writer.write_char('\n')
    }
}

/// The names of requests need no quotes: they are made here, or looked at before they are taken over.
fn write_text(line: &str, request: &Request) -> Result<String, fmt::Error> {
    let mut named = format!("{line} request={}", request.id);
    if let Some(trace) = &request.trace {
        write!(named, " trace_id={trace}")?;
    }
    Ok(named)
}

fn write_json(line: &str, request: &Request) -> Result<String, fmt::Error> {
    let Some(object) = line.strip_suffix('}') else {
        return Ok(line.to_owned());
    };
    let mut named = format!("{object},\"request\":\"{}\"", request.id);
    if let Some(trace) = &request.trace {
        write!(named, ",\"trace_id\":\"{trace}\"")?;
    }
    named.push('}');
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::{write_json, write_text};
    use crate::base::request::Request;

    #[test]
    fn a_line_names_its_request() {
        let plain = Request::new("r-1".to_owned(), None, false);
        let traced = Request::new("r-2".to_owned(), Some("ab12".to_owned()), false);
        assert_eq!(write_text("INFO done", &plain).unwrap(), "INFO done request=r-1");
        assert_eq!(write_text("INFO done", &traced).unwrap(), "INFO done request=r-2 trace_id=ab12");
        assert_eq!(write_json(r#"{"a":1}"#, &plain).unwrap(), r#"{"a":1,"request":"r-1"}"#);
        let line = write_json(r#"{"a":1}"#, &traced).unwrap();
        assert_eq!(line, r#"{"a":1,"request":"r-2","trace_id":"ab12"}"#);
    }
}
