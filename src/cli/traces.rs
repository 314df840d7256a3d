//! Traces of the running server, sent to the collector that the operator names.
//!
//! Spans gather in a queue of bounded size, and a thread of its own sends them. When the collector is slow or away the queue
//! is full, and spans are lost; no request waits.

use std::time::Duration;

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample,
};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::base::encoding::base64url;
use crate::base::random::Random;
use crate::base::spans;
use crate::config::monitoring::Monitoring;
use crate::outside::otlp;

use super::Failure;

/// How many spans may wait to be sent.
const QUEUE: usize = 8192;
/// How many are sent at once.
const BATCH: usize = 512;
/// How long they gather, at most.
const DELAY: Duration = Duration::from_secs(2);
/// How long sending the last ones may take when the server ends.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// What makes and sends traces, where anything does.
#[derive(Default)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// What the settings say.
    ///
    /// # Errors
    /// When the collector cannot be used as they say.
    pub fn of(monitoring: &Monitoring) -> Result<Self, Failure> {
        let Some(endpoint) = &monitoring.otlp_endpoint else {
            return Ok(Self::default());
        };
        let exporter = otlp::exporter(&endpoint.traces(), monitoring.otlp_headers.all())?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        // Which node it is, as long as it runs.
        let instance = base64url(&Random::system().bytes::<9>());
        let resource = Resource::builder_empty()
            .with_service_name("gatehouse")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", instance))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(OfRequests(Sampler::TraceIdRatioBased(
                monitoring.trace_ratio,
            )))))
            .with_resource(resource)
            .build();
        Ok(Self(Some(provider)))
    }

    /// What takes spans, and nothing but them: no line of the log gets into a trace.
    pub fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let tracer = self.0.as_ref()?.tracer("gatehouse");
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(Targets::new().with_target(spans::TARGET, LevelFilter::TRACE)))
    }

    /// Sends the last spans. Waits for that, for a while.
    pub fn finish(&self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown_with_timeout(LAST_SPANS)
        {
            tracing::warn!(event = "traces_not_sent", "the last traces were not sent: {error}");
        }
    }
}

/// Begins traces at requests only. What happens by itself asks the database several times a second, and each question would be
/// a trace.
#[derive(Clone, Debug)]
struct OfRequests(Sampler);

impl ShouldSample for OfRequests {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        if *kind == SpanKind::Server {
            return self.0.should_sample(parent, trace_id, name, kind, attributes, links);
        }
        SamplingResult {
            decision: SamplingDecision::Drop,
            attributes: Vec::new(),
            trace_state: parent
                .map(|parent| parent.span().span_context().trace_state().clone())
                .unwrap_or_default(),
        }
    }
}
