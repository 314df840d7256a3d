//! Traces, as a collector gets them.

use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::Value;

use super::super::person::{Application, authorization_url, browser, header};
use super::collector::{Collector, attribute, hex};
use super::{code_flow, register, wait_for};
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::process::Sandbox;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traced(collector: &Collector) -> Sandbox {
    Sandbox::new()
        .with("GATEHOUSE_OTLP_ENDPOINT", &collector.url)
        .with("GATEHOUSE_LOG_FORMAT", "json")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_trace_with_all_that_it_waits_for() {
    let collector = Collector::start().await;
    let sandbox = traced(&collector)
        .with("GATEHOUSE_OTLP_HEADERS", "Authorization=Bearer for-the-collector, x-tenant=one")
        // Variables of the library that this program does not have.
        .with("OTEL_EXPORTER_OTLP_HEADERS", "x-stray=1")
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let secret = register(&sandbox);
    let mut server = sandbox.serve();
    let application = Application::confidential(&sandbox.issuer(), "app", &secret);
    code_flow(&sandbox, &application).await;
    let refused = Application::confidential(&sandbox.issuer(), "app", "wrong");
    refused.refresh("ghr_of-nobody").await.unwrap();
    // Whatever has not been sent yet is sent now.
    server.terminate();
    assert!(server.await_exit().success());

    let requests = collector.requests();
    let of = |name: &str| -> Vec<&Span> { requests.iter().filter(|span| span.name == name).collect() };
    let tokens = of("POST /token");
    assert_eq!(tokens.len(), 2, "{:?}", requests.iter().map(|span| &span.name).collect::<Vec<_>>());
    let redeemed = tokens[0];
    assert_eq!(redeemed.kind, SpanKind::Server as i32);
    assert_eq!(attribute(redeemed, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(attribute(redeemed, "http.route").as_deref(), Some("/token"));
    assert_eq!(attribute(redeemed, "gatehouse.client_id").as_deref(), Some("app"));
    assert!(redeemed.parent_span_id.is_empty(), "it begins here");
    assert_eq!(attribute(tokens[1], "http.response.status_code").as_deref(), Some("401"));
    assert_eq!(attribute(tokens[1], "gatehouse.client_id"), None, "nobody has proved who they are");
    assert_ne!(tokens[0].trace_id, tokens[1].trace_id);

    let parts = collector.trace(&redeemed.trace_id);
    let consumed = parts
        .iter()
        .find(|span| span.name == "UPDATE grants")
        .expect("the statement that consumes the code");
    assert_eq!(consumed.parent_span_id, redeemed.span_id);
    let text = attribute(consumed, "db.query.text").expect("its text");
    assert!(text.contains("$1") && !text.contains("app"), "{text}");
    assert!(parts.iter().any(|span| span.name == "begin"), "it waits for the writer");
    assert!(parts.iter().any(|span| span.name == "commit"));
    let login = of("POST /login");
    let hashed = collector.trace(&login[0].trace_id);
    assert!(hashed.iter().any(|span| span.name == "password hashing"), "{hashed:?}");
    for span in collector.spans() {
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano && span.start_time_unix_nano > 0);
        assert!(span.events.is_empty(), "no line of the log is in a trace: {span:?}");
    }
    // What happens by itself begins no traces.
    let roots = collector.spans().into_iter().filter(|span| span.parent_span_id.is_empty());
    assert!(roots.clone().count() >= 5);
    assert!(roots.into_iter().all(|span| span.kind == SpanKind::Server as i32));

    let headers = collector.headers();
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["authorization"], "Bearer for-the-collector");
    assert_eq!(headers["x-tenant"], "one");
    assert!(!headers.contains_key("x-stray"));
    assert!(collector.services().iter().all(|name| name == "gatehouse"));

    let log = server.output();
    let line = log
        .lines()
        .find(|line| line.contains("\"token_refused\""))
        .expect("a line of the refusal");
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["trace_id"].as_str(), Some(hex(&tokens[1].trace_id).as_str()), "{line}");
    assert!(!log.contains("for-the-collector"));
}

/// Asks for the keys with these headers; the name of the request.
async fn ask(sandbox: &Sandbox, headers: &[(&str, &str)]) -> String {
    let mut request = browser().get(format!("{}/jwks", sandbox.issuer()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    header(&answer, "x-request-id")
}

/// The span of the request of that name.
fn span_of(collector: &Collector, request: &str) -> Option<Span> {
    let mut spans = collector.requests().into_iter();
    spans.find(|span| attribute(span, "gatehouse.request_id").as_deref() == Some(request))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_says_which_trace_it_is() {
    let collector = Collector::start().await;
    let sandbox = traced(&collector)
        .with("GATEHOUSE_TRUSTED_PROXIES", "127.0.0.1")
        .with("GATEHOUSE_PROXY_REQUEST_IDS", "on")
        .with("GATEHOUSE_TRACE_RATIO", "0");
    let mut server = sandbox.serve();
    let sampled = format!("00-{TRACE}-{PARENT}-01");
    let unsampled = format!("00-{TRACE}-{PARENT}-00");
    let given = ask(&sandbox, &[("traceparent", &sampled), ("x-request-id", "of-the-proxy.1")]).await;
    assert_eq!(given, "of-the-proxy.1");
    let unrecorded = ask(&sandbox, &[("traceparent", &unsampled)]).await;
    let malformed = ask(
        &sandbox,
        &[("traceparent", &sampled.to_uppercase()), ("x-request-id", "not a name")],
    )
    .await;
    assert_ne!(malformed, "not a name");
    let twice = ask(
        &sandbox,
        &[
            ("traceparent", &sampled),
            ("traceparent", &sampled),
            ("x-request-id", "a"),
            ("x-request-id", "b"),
        ],
    )
    .await;
    assert!(!["a", "b"].contains(&twice.as_str()));
    server.terminate();
    assert!(server.await_exit().success());
    let span = span_of(&collector, &given).expect("it is recorded although this server records nothing by itself");
    assert_eq!(
        (hex(&span.trace_id), hex(&span.parent_span_id)),
        (TRACE.to_owned(), PARENT.to_owned())
    );
    for request in [unrecorded, malformed, twice] {
        assert_eq!(span_of(&collector, &request), None, "{request}");
    }
}

/// Neither of strangers, nor of proxies that may only pass on what strangers say.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_do_not_name_requests() {
    for (name, value) in [("GATEHOUSE_PROXY_REQUEST_IDS", "on"), ("GATEHOUSE_TRUSTED_PROXIES", "127.0.0.1")] {
        let collector = Collector::start().await;
        let sandbox = traced(&collector).with(name, value);
        let mut server = sandbox.serve();
        let traceparent = format!("00-{TRACE}-{PARENT}-00");
        let request = ask(&sandbox, &[("traceparent", &traceparent), ("x-request-id", "of-a-stranger")]).await;
        assert_ne!(request, "of-a-stranger", "{name}");
        server.terminate();
        assert!(server.await_exit().success());
        let span = span_of(&collector, &request).expect("it is recorded: that is not theirs to say");
        assert_ne!(hex(&span.trace_id), TRACE);
        assert!(span.parent_span_id.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_outside_is_told_of_a_trace() {
    let collector = Collector::start().await;
    let elsewhere = Elsewhere::start().await;
    elsewhere.serve("/client-of-somebody", Served::json(&Value::Null).status(404));
    let sandbox = traced(&collector);
    let mut server = sandbox.serve();
    let client_id = elsewhere.url("/client-of-somebody");
    let url = authorization_url(&sandbox.issuer(), "CLIENT", "openid");
    let encoded: String = url::form_urlencoded::byte_serialize(client_id.as_bytes()).collect();
    browser().get(url.replace("CLIENT", &encoded)).send().await.unwrap();
    wait_for("the request for the document", async || !elsewhere.requests().is_empty()).await;
    server.terminate();
    assert!(server.await_exit().success());
    let request = elsewhere.requests().remove(0).to_lowercase();
    assert!(!request.contains("traceparent") && !request.contains("x-request-id"), "{request}");
    let spans = collector.spans();
    let fetch = spans.iter().find(|span| span.name == "fetch").expect("a span for the request");
    assert_eq!(attribute(fetch, "server.address").as_deref(), Some("127.0.0.1"));
    assert!(!collector.text().contains("client-of-somebody"), "the host only");
}

/// A collector that is away, or takes everything and answers nothing, keeps nobody waiting, and the server stops as always.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_collector_does_requests_are_answered() {
    let silent = Elsewhere::start().await;
    let never = Served {
        delay: Duration::from_hours(1),
        ..Served::json(&Value::Null)
    };
    silent.serve("/v1/traces", never);
    let away = "http://127.0.0.1:9".to_owned();
    for endpoint in [away.clone(), silent.url("")] {
        let sandbox = Sandbox::new().with("GATEHOUSE_OTLP_ENDPOINT", &endpoint);
        let mut server = sandbox.serve();
        for _ in 0..20 {
            ask(&sandbox, &[]).await;
        }
        if endpoint == away {
            server.await_line("traces_not_sent");
            ask(&sandbox, &[]).await;
        }
        server.terminate();
        assert!(server.await_exit().success(), "{endpoint}");
        let said = server.output().matches("otlp_endpoint does not take traces").count();
        assert!(said <= 1, "said once: {}", server.output());
    }
}
