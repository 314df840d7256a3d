//! A collector of traces. It decodes what it is sent with the types of the protocol's own definition. (The collector that
//! most people run is no library and in no package of Debian's.)

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running collector; gone when it is dropped.
pub struct Collector {
    pub url: String,
    memory: Arc<Mutex<Memory>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Memory {
    spans: Vec<Span>,
    bytes: Vec<u8>,
    headers: Vec<HeaderMap>,
    services: Vec<String>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let memory = Arc::new(Mutex::new(Memory::default()));
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&memory));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { url, memory, task }
    }

    /// Every span that has come.
    pub fn spans(&self) -> Vec<Span> {
        self.memory.lock().unwrap().spans.clone()
    }

    /// The spans of requests.
    pub fn requests(&self) -> Vec<Span> {
        self.spans()
            .into_iter()
            .filter(|span| attribute(span, "http.route").is_some())
            .collect()
    }

    /// The spans of a trace.
    pub fn trace(&self, id: &[u8]) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.trace_id == id).collect()
    }

    /// All that has come, as text as far as it is text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.memory.lock().unwrap().bytes).into_owned()
    }

    /// The headers of the first request.
    pub fn headers(&self) -> HeaderMap {
        self.memory.lock().unwrap().headers.first().cloned().expect("a request")
    }

    /// The names of the programs that have sent something.
    pub fn services(&self) -> Vec<String> {
        self.memory.lock().unwrap().services.clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(memory): State<Arc<Mutex<Memory>>>, headers: HeaderMap, body: Bytes) -> (StatusCode, Vec<u8>) {
    let Ok(request) = ExportTraceServiceRequest::decode(body.clone()) else {
        return (StatusCode::BAD_REQUEST, Vec::new());
    };
    let mut memory = memory.lock().unwrap();
    memory.bytes.extend_from_slice(&body);
    memory.headers.push(headers);
    for of_resource in request.resource_spans {
        for entry in of_resource.resource.into_iter().flat_map(|resource| resource.attributes) {
            if let (true, Some(value)) = (entry.key == "service.name", text_of(entry.value)) {
                memory.services.push(value);
            }
        }
        let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        memory.spans.extend(spans);
    }
    (StatusCode::OK, ExportTraceServiceResponse::default().encode_to_vec())
}

fn text_of(value: Option<opentelemetry_proto::tonic::common::v1::AnyValue>) -> Option<String> {
    match value?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

/// What is said of a span under a name.
pub fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|entry| entry.key == name)?;
    text_of(found.value.clone())
}

/// An id in hexadecimal.
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
