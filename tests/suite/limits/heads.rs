//! Long heads of HTTP/2 over TLS, of requests that are never finished, and frames without anything in them: what they hold stays
//! bounded, and others are answered.
//!
//! The real program, with the limits that everybody has.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::support::app::roomy;
use crate::support::certificate::{THIS_MACHINE, certify, certify_by};
use crate::support::curl::{curl, printed};
use crate::support::process::{Sandbox, Server, free_port, wait_for};
use crate::support::wire::{Wire, connect};

/// The most that the server may hold, in MiB. (Before anybody came it holds some 40.)
const MOST_MEMORY: u64 = 300;
/// Where strangers come from, and how many connections each has. All of them together begin a few thousand requests for which there is room.
const PLACES: u8 = 6;
const CONNECTIONS: usize = 50;
/// As many requests as may be open on a connection, but for the one whose head is not complete.
const STREAMS: u32 = 99;
/// The bounds of a head.
const FIELDS: usize = 96;
const HEAD: usize = 32 * 1024;
/// What a field counts besides its name and its value (RFC 9113 §6.5.2).
const FIELD: usize = 32;
/// The longest frame.
const FRAME: usize = 16 * 1024;
/// Where bodies are waited for, by endpoints with limits of their own.
const PATHS: [&str; 6] = ["/token", "/introspect", "/userinfo", "/login", "/register", "/account/profile"];

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
/// A flag of `HEADERS` and `CONTINUATION`
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A string (RFC 7541 §5.2), as it is.
fn string(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match text.len().checked_sub(127) {
        None => bytes.push(u8::try_from(text.len()).expect("a short one")),
        Some(mut rest) => {
            bytes.push(127);
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128 + 128).expect("seven bits and a mark"));
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).expect("seven bits"));
        }
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// The fields of a POST, as many as may be and together not longer than `most`. Nothing of them is in a table, so that each is in
/// memory by itself.
fn fields(path: &str, most: usize) -> Vec<u8> {
    let form = "application/x-www-form-urlencoded";
    let mut block = [
        &[0x83, 0x87, 0x04][..],
        &string(path),
        &[0x01],
        &string("localhost"),
        &[0x0f, 0x10],
        &string(form),
    ]
    .concat();
    // The five above count 400 or less, and one field is among those that are counted.
    let more = FIELDS - 1;
    let length = (most - 400) / more - FIELD - "field-00".len();
    for number in 0..more {
        block.push(0);
        block.extend(string(&format!("field-{number:02}")));
        block.extend(string(&"v".repeat(length)));
    }
    block
}

/// A head in its frames; the last one says whether it is complete.
fn head(stream: u32, block: &[u8], is_complete: bool) -> Vec<u8> {
    let mut frames = Vec::new();
    let mut parts = block.chunks(FRAME).enumerate().peekable();
    while let Some((number, part)) = parts.next() {
        let kind = if number == 0 { HEADERS } else { CONTINUATION };
        let is_last = parts.peek().is_none() && is_complete;
        frames.extend(frame(kind, if is_last { END_HEADERS } else { 0 }, stream, part));
    }
    frames
}

/// Everything that a connection says: requests whose bodies never come, every tenth of them with a head of the longest kind, and the
/// beginning of a head that does not end.
fn unfinished(connection: usize) -> Vec<u8> {
    let mut all = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    all.extend(frame(SETTINGS, 0, 0, &[]));
    for number in 0..STREAMS {
        let path = PATHS[(connection + number as usize) % PATHS.len()];
        let most = if number % 10 == 9 { HEAD } else { HEAD / 2 };
        all.extend(head(2 * number + 1, &fields(path, most), true));
    }
    all.extend(head(2 * STREAMS + 1, &fields(PATHS[0], HEAD), false));
    all
}

/// The beginning of a request, and megabytes of its body in frames that have nothing of it in them.
fn empty() -> Vec<u8> {
    let mut all = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    all.extend(frame(SETTINGS, 0, 0, &[]));
    all.extend(head(1, &fields("/token", HEAD / 2), true));
    all.extend(frame(DATA, 0, 1, &[]).repeat(400_000));
    all
}

/// Connects and says all of that; what is answered is read until the server closes the connection, and comes back.
async fn come(connector: TlsConnector, address: SocketAddr, from: IpAddr, said: Vec<u8>) -> JoinHandle<Vec<u8>> {
    let stream = connect(address, from).await.expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = connector.connect(name, stream).await.expect("TLS");
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = tokio::spawn(async move {
        let mut heard = Vec::new();
        // Where the server does not wait until the last of it has come, that is an error.
        let _ = reader.read_to_end(&mut heard).await;
        heard
    });
    // Who is refused may notice while writing.
    let _ = writer.write_all(&said).await;
    let _ = writer.flush().await;
    tokio::spawn(async move {
        let heard = reading.await.expect("nobody fails");
        drop(writer);
        heard
    })
}

/// What a metric says.
fn measured(metrics: SocketAddr, name: &str) -> usize {
    let page = Wire::to(metrics).and_then(|mut wire| wire.get("/metrics")).expect("metrics");
    let line = page.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.expect("the metric").parse().expect("a number")
}

/// How many requests are being worked on.
fn open(metrics: SocketAddr) -> usize {
    measured(metrics, "gatehouse_http_requests_in_flight")
}

/// Somebody who does everything right, from another address.
fn ask(sandbox: &Sandbox, secret: &str) {
    let mut curl = curl(sandbox);
    curl.args([
        "--http2",
        "--max-time",
        "60",
        "--fail",
        "--write-out",
        "%{http_version}",
        "--output",
        "answer",
    ]);
    curl.args(["--user", &format!("machine:{secret}"), "--data", "grant_type=client_credentials"]);
    curl.arg(format!("https://127.0.0.1:{}/token", sandbox.address().port()));
    assert_eq!(printed(curl), "2");
    let answer = fs::read_to_string(sandbox.file("answer")).expect("an answer");
    assert!(answer.contains("\"access_token\""), "{answer}");
}

/// A server with TLS and what everybody has who sets nothing.
fn sandbox(metrics: SocketAddr) -> Sandbox {
    let sandbox = Sandbox::new();
    certify(&sandbox, "authority", 2);
    certify_by(&sandbox, "authority", "certificate", THIS_MACHINE);
    let issuer = sandbox.issuer().replace("http:", "https:");
    let sandbox = roomy().fold(sandbox, |sandbox, (key, _)| {
        sandbox.without(&format!("GATEHOUSE_{}", key.to_uppercase()))
    });
    sandbox
        .with("GATEHOUSE_ISSUER", &issuer)
        .with("GATEHOUSE_TLS_CERTIFICATE", "certificate.pem")
        .with("GATEHOUSE_TLS_KEY", "certificate.key")
        .with("GATEHOUSE_METRICS_LISTEN", &metrics.to_string())
}

fn connector(sandbox: &Sandbox) -> TlsConnector {
    let authority = CertificateDer::from_pem_file(sandbox.file("authority.pem")).expect("a certificate");
    let mut authorities = RootCertStore::empty();
    authorities.add(authority).expect("an authority");
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(authorities)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

fn assert_bounded(server: &Server) {
    let peak = server.peak_kib() / 1024;
    println!("{peak} MiB at most");
    assert!(peak < MOST_MEMORY, "{peak} MiB");
    for wrong in ["panicked", "internal fault", "event=\"fault\""] {
        assert!(!server.output().contains(wrong), "{}", server.output());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_of_requests_that_are_never_finished_do_not_fill_the_memory() {
    let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let sandbox = sandbox(metrics);
    let secret = sandbox.service_client("machine", "openid", &[]);
    let server = sandbox.serve();
    wait_for("the listener of metrics", async || Wire::to(metrics).is_ok()).await;
    ask(&sandbox, &secret);
    println!("{} MiB before", server.peak_kib() / 1024);

    let connector = connector(&sandbox);
    let all = (0..CONNECTIONS).flat_map(|connection| (0..PLACES).map(move |place| (connection, place)));
    let strangers = all.map(|(connection, place)| {
        let from = Ipv4Addr::new(127, 0, 0, 21 + place).into();
        tokio::spawn(come(connector.clone(), sandbox.address(), from, unfinished(connection)))
    });
    let strangers: Vec<_> = strangers.collect();
    let mut most = 0;
    // Ten seconds after its head a request is told that its body did not arrive.
    for _ in 0..24 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        most = most.max(open(metrics));
        ask(&sandbox, &secret);
    }
    println!("{most} requests at once");
    assert!(most > 1000, "only {most} requests were held");
    ask(&sandbox, &secret);
    assert_bounded(&server);
    // All are let go.
    let ends = async {
        for stranger in strangers {
            stranger.await.expect("nobody fails").await.expect("nobody fails");
        }
    };
    let ends = tokio::time::timeout(Duration::from_mins(2), ends).await;
    assert!(ends.is_ok(), "somebody is held for ever");
    ask(&sandbox, &secret);
    assert_bounded(&server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_without_anything_in_them_do_not_fill_the_memory() {
    const MANY: usize = 40;
    let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let sandbox = sandbox(metrics);
    let secret = sandbox.service_client("machine", "openid", &[]);
    let server = sandbox.serve();
    wait_for("the listener of metrics", async || Wire::to(metrics).is_ok()).await;
    ask(&sandbox, &secret);
    let connector = connector(&sandbox);
    let from = Ipv4Addr::new(127, 0, 0, 31).into();
    let strangers: Vec<_> = (0..MANY)
        .map(|_| tokio::spawn(come(connector.clone(), sandbox.address(), from, empty())))
        .collect();
    ask(&sandbox, &secret);
    for stranger in strangers {
        let gone = async { stranger.await.expect("nobody fails").await };
        let gone = tokio::time::timeout(Duration::from_secs(30), gone).await;
        let heard = gone.expect("they are let go").expect("nobody fails");
        let goaway = heard.last_chunk::<17>().expect("they are told why");
        assert_eq!(goaway[..9], [0, 0, 8, GOAWAY, 0, 0, 0, 0, 0]);
        assert_eq!(goaway[13..], [0, 0, 0, 11], "ENHANCE_YOUR_CALM (RFC 9113 §7)");
    }
    let name = "gatehouse_turned_away_total{reason=\"empty_frames\"}";
    assert_eq!(measured(metrics, name), MANY);
    ask(&sandbox, &secret);
    let peak = server.peak_kib() / 1024;
    assert!(peak < 150, "{peak} MiB");
    assert_bounded(&server);
}
