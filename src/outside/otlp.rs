//! The way out for traces: OTLP over HTTP to the collector that the operator names (OTLP §5.1).
//!
//! It is used by a thread of the tracing library that sends what has gathered. So it may wait, and it has a small runtime
//! of its own: whether the server is busy, or stops, makes no difference to it. Its requests are no spans themselves.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Request, Response};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::base::fault::Fault;

use super::address::special_use;
use super::fetch::FetchError;
use super::resolver::Resolver;
use super::wire;

/// How long the collector may take for one request.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of its answer.
const MAX_ANSWER: usize = 64 * 1024;

/// The collector.
struct Collector {
    url: Url,
    headers: HeaderMap,
    resolver: Resolver,
    tls: TlsConnector,
    runtime: Mutex<Runtime>,
    /// It was said that it does not answer as it should
    is_failing: AtomicBool,
}

/// What sends spans to a URL, with these headers.
///
/// # Errors
/// When a header or the URL cannot be used, or TLS cannot be set up.
pub fn exporter<'h>(url: &Url, headers: impl Iterator<Item = (&'h str, &'h str)>) -> Result<SpanExporter, Fault> {
    let mut sent = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(name).map_err(|_| Fault::internal("otlp_headers has a name that cannot be sent"))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| Fault::internal("otlp_headers has a value that cannot be sent"))?;
        value.set_sensitive(true);
        sent.insert(name, value);
    }
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(Fault::internal)?;
    let collector = Collector {
        url: url.clone(),
        headers: sent,
        resolver: Resolver::system(),
        tls: wire::tls().map_err(Fault::internal)?,
        runtime: Mutex::new(runtime),
        is_failing: AtomicBool::new(false),
    };
    // Everything is said here, so that nothing is taken from variables that this program's list of settings does not have.
    SpanExporter::builder()
        .with_http()
        .with_http_client(collector)
        .with_endpoint(url.as_str())
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(PATIENCE)
        .build()
        .map_err(Fault::internal)
}

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let outcome = self.send(request);
            self.note(&outcome);
            Ok(outcome?)
        })
    }
}

impl Collector {
    /// Sends the body of a request, and nothing else of it: headers that others have added do not go out.
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        let sending = async { tokio::time::timeout(PATIENCE, self.post(request.into_body())).await };
        runtime.block_on(sending).unwrap_or(Err(FetchError::Slow))
    }

    async fn post(&self, body: Bytes) -> Result<Response<Bytes>, FetchError> {
        let addresses = self.addresses().await?;
        // It is the operator's choice where that is; but what people do is not for everybody on the way.
        if self.url.scheme() == "http" && addresses.iter().any(|address| special_use(*address).is_none()) {
            return Err(FetchError::Url("is not an https URL, and its host is on the public internet"));
        }
        let mut question = Request::post(self.url.as_str())
            .body(body.to_vec())
            .map_err(|_| FetchError::Url("cannot be posted to"))?;
        *question.headers_mut() = self.headers.clone();
        question
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let answer = wire::ask(&self.tls, &self.url, &addresses, question, MAX_ANSWER).await?;
        Ok(answer.map(Bytes::from))
    }

    async fn addresses(&self) -> Result<Vec<IpAddr>, FetchError> {
        match self.url.host() {
            Some(Host::Ipv4(address)) => Ok(vec![IpAddr::V4(address)]),
            Some(Host::Ipv6(address)) => Ok(vec![IpAddr::V6(address)]),
            Some(Host::Domain(name)) => {
                let found = self.resolver.resolve(name).await;
                found.map_err(|error| FetchError::Name(error.to_string()))
            }
            None => Err(FetchError::Url("has no host")),
        }
    }

    /// Says when it begins to fail, and when it works again: not each time, which may be every few seconds for days.
    fn note(&self, outcome: &Result<Response<Bytes>, FetchError>) {
        let problem = match outcome {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(FetchError::Status(answer.status().as_u16())),
            Err(error) => Some(error.clone()),
        };
        let was_failing = self.is_failing.swap(problem.is_some(), Ordering::Relaxed);
        match problem {
            Some(problem) if !was_failing => {
                tracing::warn!(
                    event = "traces_not_sent",
                    "otlp_endpoint does not take traces, which are lost: {problem}"
                );
            }
            None if was_failing => tracing::info!(event = "traces_sent_again", "otlp_endpoint takes traces again"),
            _ => {}
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collector({})", self.url)
    }
}
