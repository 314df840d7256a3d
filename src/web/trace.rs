//! The span of a request, and the trace that it is a part of.

use actix_web::HttpRequest;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::base::spans;
use crate::model::traffic::Method;
use crate::protocol::trace_context::TraceParent;

/// A span for a request to a row of the table of routes; it is nothing where nothing is traced. Of the address it has the row
/// only: what stands in place of a placeholder, or in the query, may be a secret.
pub fn of_request(http: &HttpRequest, path: &str, request_id: &str, parent: Option<TraceParent>) -> Span {
    // Not as a stranger wrote it: whoever counts by it would count without end.
    let method = match Method::of(http.method().as_str()) {
        Method::Other => "_OTHER",
        known => known.as_str(),
    };
    let span = tracing::info_span!(
        target: spans::TARGET,
        "request",
        otel.name = format_args!("{method} {path}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = path,
        http.response.status_code = Empty,
        gatehouse.request_id = request_id,
        gatehouse.client_id = Empty,
    );
    if let Some(parent) = parent.filter(|_| !span.is_disabled()) {
        // A span that has begun already would keep the parent that it has; this one has not.
        let _ = span.set_parent(Context::new().with_remote_span_context(remote(parent)));
    }
    span
}

fn remote(parent: TraceParent) -> SpanContext {
    let flags = if parent.is_sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::NOT_SAMPLED
    };
    SpanContext::new(
        TraceId::from(parent.trace_id),
        SpanId::from(parent.parent_id),
        flags,
        true,
        TraceState::default(),
    )
}

/// The trace of a span in hexadecimal, if it is recorded.
pub fn id(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    (context.is_valid() && context.is_sampled()).then(|| context.trace_id().to_string())
}

/// The request was answered.
pub fn answered(span: &Span, status: u16, client: Option<&str>) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", i64::from(status));
    if let Some(client) = client {
        span.record("gatehouse.client_id", client);
    }
    // A refusal is no failure of the server's.
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}
