//! Many requests on one connection, without waiting for answers.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::browser::http;
use crate::support::{Database, TestApp};

use super::smuggling::{exchange, statuses};

/// Far less than the ten seconds after which a connection is closed that waits for a head.
const SOON: Duration = Duration::from_secs(5);

fn address(app: &TestApp) -> &str {
    app.base.strip_prefix("http://").expect("an address")
}

/// They are all answered, one after the other, and what comes with them, too.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_are_sent_at_once_are_answered() {
    let app = TestApp::start(Database::Sqlite).await;
    let mut stream = TcpStream::connect(address(&app)).await.unwrap();
    let get = "GET /healthz HTTP/1.1\r\nHost: x\r\nVia: HTTP/1.1 proxy\r\n\r\n";
    let post =
        "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\ngrant_type=x";
    let last = "GET /jwks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let all = format!("{}{}{last}", get.repeat(300), post.repeat(100));
    let (mut reader, mut writer) = stream.split();
    let mut answers = Vec::new();
    let (written, read) = tokio::join!(writer.write_all(all.as_bytes()), reader.read_to_end(&mut answers));
    written.unwrap();
    read.unwrap();
    let answers = String::from_utf8_lossy(&answers);
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    let expected = [vec!["200"; 300], vec!["400"; 100], vec!["200"]].concat();
    // Whoever is no client is told so by 400 or 401.
    let seen: Vec<&str> = statuses
        .iter()
        .map(|status| if *status == "401" { "400" } else { *status })
        .collect();
    assert_eq!(seen, expected);
}

/// Somebody who reads no answer keeps nobody else from theirs, and is let go when they are.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_nothing_holds_nobody_up() {
    let app = TestApp::start(Database::Sqlite).await;
    let mut floods = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(address(&app)).await.unwrap();
        let part = b"GET /nowhere HTTP/1.1\r\nHost:x\r\n\r\n".repeat(2000);
        let flood = async {
            while tokio::time::timeout(Duration::from_millis(300), stream.write_all(&part))
                .await
                .is_ok()
            {}
        };
        flood.await;
        floods.push(stream);
    }
    for _ in 0..20 {
        let answer = tokio::time::timeout(Duration::from_secs(5), http().get(app.url("/healthz")).send()).await;
        assert_eq!(answer.expect("an answer").unwrap().status(), 200);
    }
}

/// The status of one answer, which comes soon; what it says is read to its end.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = tokio::time::timeout(SOON, stream.read_u8()).await;
        let byte = byte.unwrap_or_else(|_| panic!("no answer soon, after {}", String::from_utf8_lossy(&head)));
        head.push(byte.unwrap_or_else(|error| panic!("{error}, after {}", String::from_utf8_lossy(&head))));
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a length"))];
    stream.read_exact(&mut body).await.expect("a body");
    head[9..12].parse().expect("a status")
}

async fn ask(stream: &mut TcpStream, request: &[u8]) -> u16 {
    stream.write_all(request).await.expect("the connection is open");
    status(stream).await
}

/// Proxies give a connection to one after the other. What somebody sends is answered, whatever it says, and whoever comes after
/// them, too.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_says_is_no_other_request() {
    let app = TestApp::start(Database::Sqlite).await;
    let next_get = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let next_post =
        b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\ngrant_type=x";
    for marks in [1, 14, 15, 16, 40, 5000] {
        let body = format!("x={}", "a HTTP/1.1\n".repeat(marks));
        let length = body.len();
        let mut chunks = String::new();
        for chunk in body.as_bytes().chunks(1000) {
            write!(chunks, "{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)).unwrap();
        }
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let cases = [
            (
                "a form",
                format!("POST /token HTTP/1.1\r\nHost: x\r\n{form}Content-Length: {length}\r\n\r\n{body}"),
            ),
            (
                "a GET with a body",
                format!("GET /login HTTP/1.1\r\nHost: x\r\n{form}Content-Length: {length}\r\n\r\n{body}"),
            ),
            (
                "chunks",
                format!("POST /token HTTP/1.1\r\nHost: x\r\n{form}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"),
            ),
            (
                "chunks that are for nobody",
                format!("GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"),
            ),
        ];
        for (what, request) in cases {
            let mut stream = TcpStream::connect(address(&app)).await.unwrap();
            let first = ask(&mut stream, request.as_bytes()).await;
            assert!(matches!(first, 200 | 303 | 400 | 401), "{what}, {marks}: {first}");
            for _ in 0..20 {
                assert_eq!(ask(&mut stream, next_get).await, 200, "{what}, {marks}");
                let refused = ask(&mut stream, next_post).await;
                assert!(matches!(refused, 400 | 401), "{what}, {marks}: {refused}");
            }
        }
    }
    // A proxy may say in each request what was asked of it.
    let mut stream = TcpStream::connect(address(&app)).await.unwrap();
    for _ in 0..50 {
        let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Original-Request: GET /healthz HTTP/1.1\r\nX-Other: a HTTP/1.1\r\n\r\n";
        assert_eq!(ask(&mut stream, request).await, 200);
    }
}

/// Where no body is taken nobody waits for one.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_takes_is_not_waited_for() {
    let app = TestApp::start(Database::Sqlite).await;
    for (header, expected) in [
        ("Content-Length: 5", 413),
        ("Content-Length: 0", 200),
        ("Transfer-Encoding: chunked", 200),
        ("X: y", 200),
    ] {
        let mut stream = TcpStream::connect(address(&app)).await.unwrap();
        let request = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
        assert_eq!(ask(&mut stream, request.as_bytes()).await, expected, "{header}");
    }
}

/// RFC 9112 §9.6: whoever says that a request is the last one, or hears that an answer is, can rely on it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_after_the_last_request_is_carried_out() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.public_client().await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let token = client.tokens("alice", &[]).await.text("access_token").to_owned();
    let fields = format!("token={token}&client_id={}", client.id());
    let length = fields.len();
    let revoke = format!("POST /revoke HTTP/1.1\r\nHost: x\r\n{form}Content-Length: {length}\r\n\r\n{fields}");
    let post = |more: &str| format!("POST /token HTTP/1.1\r\nHost: x\r\n{form}{more}Content-Length: 12\r\n\r\ngrant_type=x");
    let mark = "X-Said: GET / HTTP/1.1\r\n";
    let next = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for (what, last) in [
        ("a GET", "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned()),
        ("HTTP/1.0", "GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n".to_owned()),
        ("a POST", post("Connection: close\r\n")),
        ("what looks like requests", post(&format!("{mark}Connection: close\r\n{mark}"))),
        (
            "a body that nobody reads",
            "POST /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n".to_owned(),
        ),
    ] {
        let address = address(&app);
        for (before, answers) in [(String::new(), 1), (next.repeat(3), 4)] {
            let answer = exchange(address, format!("{before}{last}{revoke}{next}").as_bytes()).await;
            assert_eq!(statuses(&answer).len(), answers, "{what}: {answer}");
        }
        assert_eq!(client.userinfo(&token).await.status, 200, "{what}: the token was revoked");
    }
    // What comes later, behind the rest of a body that nobody waits for.
    let mut stream = TcpStream::connect(address(&app)).await.unwrap();
    let begin = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
    assert_eq!(ask(&mut stream, begin).await, 404);
    let _ = stream.write_all(format!("0\r\n\r\n{revoke}").as_bytes()).await;
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok() && rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    assert_eq!(client.userinfo(&token).await.status, 200);
    // It would be, if it was asked.
    let answer = exchange(address(&app), format!("{}{revoke}", post("")).as_bytes()).await;
    assert_eq!(statuses(&answer).len(), 2, "{answer}");
    assert_eq!(client.userinfo(&token).await.status, 401);
}

/// Whether an answer has a body is for the request that it answers to say, not for one that came with it.
#[tokio::test(flavor = "multi_thread")]
async fn each_answer_is_for_its_own_request() {
    let app = TestApp::start(Database::Sqlite).await;
    let mut stream = TcpStream::connect(address(&app)).await.unwrap();
    let post =
        "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\ngrant_type=x";
    let head = "HEAD /jwks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{post}{head}").as_bytes()).await.unwrap();
    let refused = status(&mut stream).await;
    assert!(matches!(refused, 400 | 401), "{refused}");
    let mut rest = String::new();
    let closed = tokio::time::timeout(SOON, stream.read_to_string(&mut rest)).await;
    closed.expect("it is closed").unwrap();
    assert!(rest.starts_with("HTTP/1.1 ") && rest.ends_with("\r\n\r\n"), "{rest}");
    assert_eq!(statuses(&rest).len(), 1, "{rest}");
}
