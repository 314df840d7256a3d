//! HTTP/2 of the server itself, as curl meets it, and frame by frame (RFC 9113 §4).

use std::process::Command;
use std::time::{Duration, Instant};

use super::tls::sandbox;
use crate::support::curl::{curl, printed};
use crate::support::process::Sandbox;
use crate::support::tls_wire::TlsWire;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
/// A flag of `DATA` and `HEADERS`
const END_STREAM: u8 = 1;
/// A flag of `HEADERS`
const END_HEADERS: u8 = 4;
/// A flag of `SETTINGS` and `PING`
const ACK: u8 = 1;
/// The first stream of a client.
const STREAM: u8 = 1;

/// A part of what goes over a connection.
#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    payload: Vec<u8>,
}

/// A connection on which frames are written by hand.
struct Frames(TlsWire);

impl Frames {
    /// Connects and says that it speaks HTTP/2.
    fn to(sandbox: &Sandbox) -> Self {
        let mut frames = Self(TlsWire::to(sandbox, "h2"));
        frames.0.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        frames.send(SETTINGS, 0, 0, &[]);
        frames
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
        let length = u16::try_from(payload.len()).expect("a short frame").to_be_bytes();
        let head = [0, length[0], length[1], kind, flags, 0, 0, 0, stream];
        self.0.send(&[&head[..], payload].concat());
    }

    /// The next frame; what must be acknowledged is. An error when the connection has ended.
    fn next(&mut self) -> std::io::Result<Frame> {
        let head = self.0.receive(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let frame = Frame {
            kind: head[3],
            flags: head[4],
            payload: self.0.receive(usize::try_from(length).expect("a length"))?,
        };
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => self.send(SETTINGS, ACK, 0, &[]),
            PING if frame.flags & ACK == 0 => self.send(PING, ACK, 0, &frame.payload),
            _ => {}
        }
        Ok(frame)
    }

    /// The next frame of a kind, and with these flags.
    fn await_frame(&mut self, kind: u8, flags: u8) -> Frame {
        loop {
            let frame = self.next().expect("the connection is open");
            if frame.kind == kind && frame.flags & flags == flags {
                return frame;
            }
        }
    }

    /// Begins to post a form (HPACK, RFC 7541: two fields of the static table, and three with values of their own).
    fn begin_to_post(&mut self, path: &str) {
        let mut fields = vec![0x83, 0x87];
        for (name, value) in [
            (&[0x04][..], path),
            (&[0x01], "localhost"),
            (&[0x0f, 0x10], "application/x-www-form-urlencoded"),
        ] {
            fields.extend_from_slice(name);
            fields.push(u8::try_from(value.len()).expect("a short value"));
            fields.extend_from_slice(value.as_bytes());
        }
        self.send(HEADERS, END_HEADERS, STREAM, &fields);
    }
}

fn url(sandbox: &Sandbox, path: &str) -> String {
    format!("https://127.0.0.1:{}{path}", sandbox.address().port())
}

#[test]
fn many_requests_share_connections() {
    let sandbox = sandbox().with("GATEHOUSE_HSTS", "730d includeSubDomains preload");
    let secret = sandbox.service_client("job", "openid", &["--secret-post"]);
    let server = sandbox.serve();
    server.await_line("gatehouse is ready");
    let ask = |arguments: &[&str]| {
        let mut curl: Command = curl(&sandbox);
        curl.args(["--output", "/dev/null"]).args(arguments);
        printed(curl)
    };

    let discovery = url(&sandbox, "/.well-known/openid-configuration");
    let head = ask(&["--http2", "--dump-header", "-", &discovery]);
    assert!(head.starts_with("HTTP/2 200"), "{head}");
    assert!(
        head.contains("strict-transport-security: max-age=63072000; includeSubDomains; preload\r\n"),
        "{head}"
    );
    let plain = ask(&["--http1.1", "--dump-header", "-", &discovery]);
    assert!(plain.starts_with("HTTP/1.1 200"), "{plain}");

    // Many at once.
    let token = url(&sandbox, "/token#[1-50]");
    let body = format!("grant_type=client_credentials&client_id=job&client_secret={secret}");
    let arguments = ["--http2", "--parallel", "--parallel-max", "50", "--data", &body];
    let written = ["--write-out", "%{http_version} %{response_code} %{num_connects}\n", &token];
    let answers = ask(&[&arguments[..], &written].concat());
    assert_eq!(answers.lines().filter(|line| line.starts_with("2 200")).count(), 50, "{answers}");
    let connections: u32 = answers.lines().map(|line| line[6..].parse::<u32>().expect("a number")).sum();
    assert!(connections < 50, "they share connections: {answers}");
}

/// A connection that has nothing to say does not hold the server up for the time that requests would get.
#[test]
fn an_idle_connection_is_told_to_go() {
    let sandbox = sandbox();
    let mut server = sandbox.serve();
    server.await_line("gatehouse is ready");
    let mut idle = Frames::to(&sandbox);
    idle.await_frame(SETTINGS, ACK);
    let told = Instant::now();
    server.terminate();
    assert_eq!(&idle.await_frame(GOAWAY, 0).payload[4..8], [0; 4], "nobody did anything wrong");
    assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
    assert!(
        told.elapsed() < Duration::from_secs(20),
        "it waited for a connection on which nobody asked"
    );
}

/// Whoever is asking when the server is told to stop is told to ask nothing more (§6.8), and is answered.
#[test]
fn a_request_under_way_is_answered_before_it_stops() {
    let sandbox = sandbox();
    let secret = sandbox.service_client("job", "openid", &["--secret-post"]);
    let mut server = sandbox.serve();
    server.await_line("gatehouse is ready");
    let body = format!("grant_type=client_credentials&client_id=job&client_secret={secret}");
    let (first, rest) = body.as_bytes().split_at(10);
    let mut frames = Frames::to(&sandbox);
    frames.begin_to_post("/token");
    frames.send(DATA, 0, STREAM, first);
    // Frames are taken in their order: who answers this has what came before.
    frames.send(PING, 0, 0, b"are here");
    frames.await_frame(PING, ACK);

    server.terminate();
    assert_eq!(&frames.await_frame(GOAWAY, 0).payload[4..8], [0; 4], "nobody did anything wrong");
    frames.send(DATA, END_STREAM, STREAM, rest);
    let head = frames.await_frame(HEADERS, END_HEADERS);
    assert_eq!(head.payload.first(), Some(&0x88), "the status is 200: {head:?}");
    let mut answer = Vec::new();
    loop {
        let part = frames.await_frame(DATA, 0);
        answer.extend_from_slice(&part.payload);
        if part.flags & END_STREAM != 0 {
            break;
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("access_token"), "{answer}");
    while frames.next().is_ok() {}
    assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
    assert!(server.output().contains("the server has stopped"), "{}", server.output());
}
