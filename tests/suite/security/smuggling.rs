//! Requests whose end two readers could see at different places (RFC 9112 §6, §11.2), at the real listener: what stands behind
//! such a request is never answered as one of its own.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Database, TestApp};

/// How long nothing is said until it counts as all that is said.
const QUIET: Duration = Duration::from_millis(300);

/// Sends bytes and reads until the server closes, or says nothing more for a moment. Whoever hangs up before that is not answered, and
/// would not see what is carried out nevertheless.
pub async fn exchange(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // It may be closed before all of it is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while let Ok(Ok(length @ 1..)) = tokio::time::timeout(QUIET, stream.read(&mut part)).await {
        answer.extend_from_slice(&part[..length]);
    }
    let _ = stream.shutdown().await;
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of the answers, in order.
pub fn statuses(answer: &str) -> Vec<u16> {
    answer
        .split("HTTP/1.")
        .skip(1)
        .filter_map(|rest| rest.get(2..5)?.parse().ok())
        .collect()
}

/// What is smuggled: whoever answers it shows the keys.
const HIDDEN: &str = "GET /jwks HTTP/1.1\r\nHost: hidden\r\nConnection: close\r\n\r\n";

fn was_answered(answer: &str) -> bool {
    answer.contains("\"kty\"")
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}\r\n{body}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_hides_behind_a_request() {
    let app = TestApp::start(Database::Sqlite).await;
    let address = app.base.strip_prefix("http://").unwrap();
    // It would be seen, if it was: the same bytes with an honest length in front.
    let honest = post("Content-Length: 3\r\n", &format!("a=b{HIDDEN}"));
    assert!(was_answered(&exchange(address, honest.as_bytes()).await));
    let honest = post("Transfer-Encoding: chunked\r\n", &format!("3\r\na=b\r\n0\r\n\r\n{HIDDEN}"));
    assert!(was_answered(&exchange(address, honest.as_bytes()).await));

    let length = HIDDEN.len();
    let chunked = format!("0\r\n\r\n{HIDDEN}");
    let whole = chunked.len();
    let cases: Vec<(&str, String)> = vec![
        // A length and an encoding: whoever goes by the one sees another end than whoever goes by the other.
        (
            "CL.TE",
            post(&format!("Content-Length: {whole}\r\nTransfer-Encoding: chunked\r\n"), &chunked),
        ),
        (
            "TE.CL",
            post(&format!("Transfer-Encoding: chunked\r\nContent-Length: {whole}\r\n"), &chunked),
        ),
        ("CL.CL", post(&format!("Content-Length: 0\r\nContent-Length: {length}\r\n"), HIDDEN)),
        (
            "CL.CL the other way",
            post(&format!("Content-Length: {length}\r\nContent-Length: 0\r\n"), HIDDEN),
        ),
        ("two lengths in one", post(&format!("Content-Length: 0, {length}\r\n"), HIDDEN)),
        ("a length with a sign", post("Content-Length: +0\r\n", HIDDEN)),
        ("a negative length", post("Content-Length: -0\r\n", HIDDEN)),
        ("a length in hexadecimal", post("Content-Length: 0x0\r\n", HIDDEN)),
        ("a length with a point", post("Content-Length: 0.0\r\n", HIDDEN)),
        ("a length with letters", post("Content-Length: 0a\r\n", HIDDEN)),
        ("no length", post("Content-Length:\r\n", HIDDEN)),
        ("an endless length", post("Content-Length: 18446744073709551616\r\n", HIDDEN)),
        ("blank before the colon", post(&format!("Content-Length : {length}\r\n"), HIDDEN)),
        // Encodings that are spelled so that one reader knows them and the next does not.
        ("an unknown encoding", post("Transfer-Encoding: xchunked\r\n", &chunked)),
        ("chunked and more", post("Transfer-Encoding: chunked, identity\r\n", &chunked)),
        ("identity", post("Transfer-Encoding: identity\r\n", &chunked)),
        ("chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", &chunked)),
        (
            "two encodings",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", &chunked),
        ),
        ("blank before this colon", post("Transfer-Encoding : chunked\r\n", &chunked)),
        ("a tab", post("Transfer-Encoding:\x0bchunked\r\n", &chunked)),
        ("quotes", post("Transfer-Encoding: \"chunked\"\r\n", &chunked)),
        ("folded", post("Transfer-Encoding:\r\n chunked\r\n", &chunked)),
        ("a zero", post("Transfer-Encoding: chunked\0\r\n", &chunked)),
        ("an underscore", post("Transfer_Encoding: chunked\r\n", &chunked)),
        (
            "HTTP/1.0",
            post("Transfer-Encoding: chunked\r\n", &chunked).replace("HTTP/1.1\r\nHost: x", "HTTP/1.0\r\nHost: x"),
        ),
        // Chunks that are no chunks.
        ("a sign", post("Transfer-Encoding: chunked\r\n", &format!("+0\r\n\r\n{HIDDEN}"))),
        (
            "hexadecimal",
            post("Transfer-Encoding: chunked\r\n", &format!("0x0\r\n\r\n{HIDDEN}")),
        ),
        (
            "an endless chunk",
            post("Transfer-Encoding: chunked\r\n", &format!("fffffffffffffffff\r\n{HIDDEN}")),
        ),
        (
            "a chunk that wraps around",
            post("Transfer-Encoding: chunked\r\n", &format!("10000000000000000\r\n\r\n{HIDDEN}")),
        ),
        (
            "a chunk without an end",
            post("Transfer-Encoding: chunked\r\n", &format!("3\r\na=bX\r\n0\r\n\r\n{HIDDEN}")),
        ),
        (
            "an empty size",
            post("Transfer-Encoding: chunked\r\n", &format!("\r\n\r\n{HIDDEN}")),
        ),
        // First lines and headers.
        ("a blank in the target", format!("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}")),
        ("no version", format!("GET /healthz\r\nHost: x\r\n\r\n{HIDDEN}")),
        ("another version", format!("GET /healthz HTTP/1.9\r\nHost: x\r\n\r\n{HIDDEN}")),
        (
            "a carriage return",
            format!("GET /healthz HTTP/1.1\r\nHost: x\rX: y\r\n\r\n{HIDDEN}"),
        ),
        (
            "a zero in a header",
            format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n{HIDDEN}"),
        ),
        (
            "a header without a name",
            format!("GET /healthz HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n{HIDDEN}"),
        ),
        (
            "a header without a colon",
            format!("GET /healthz HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n{HIDDEN}"),
        ),
        (
            "a blank before the first header",
            format!("GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n{HIDDEN}"),
        ),
    ];
    let mut wrong = Vec::new();
    for (what, bytes) in cases {
        let answer = exchange(address, bytes.as_bytes()).await;
        if was_answered(&answer) {
            wrong.push(format!("{what}: {:?}", statuses(&answer)));
        }
        if statuses(&answer).iter().any(|status| *status >= 500) {
            wrong.push(format!("{what}: a fault of ours: {:?}", statuses(&answer)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What follows a request that was refused before its body was read is that body, not another request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_not_read_is_no_request() {
    let app = TestApp::start(Database::Sqlite).await;
    let address = app.base.strip_prefix("http://").unwrap();
    let length = HIDDEN.len();
    let filler = "x".repeat(300 * 1024);
    for (what, bytes) in [
        (
            "too large",
            format!(
                "POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{filler}{HIDDEN}",
                filler.len() + length
            ),
        ),
        (
            "no such path",
            format!("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{HIDDEN}"),
        ),
        (
            "not this method",
            format!("POST /jwks HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{HIDDEN}"),
        ),
        (
            "no body is taken",
            format!("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{HIDDEN}"),
        ),
        (
            "for administrators",
            format!("POST /api/admin/v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{HIDDEN}"),
        ),
        (
            "expected",
            format!("POST /token HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n{HIDDEN}"),
        ),
        (
            "an upgrade",
            format!(
                "GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: {length}\r\n\r\n{HIDDEN}"
            ),
        ),
    ] {
        let answer = exchange(address, bytes.as_bytes()).await;
        assert!(!was_answered(&answer), "{what}: {:?}", statuses(&answer));
        assert!(!statuses(&answer).contains(&101), "{what}");
    }
}

/// Whoever is behind a proxy is not told another host's address, and no target names another server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_names_another_server_leads_nowhere() {
    let app = TestApp::start(Database::Sqlite).await;
    let address = app.base.strip_prefix("http://").unwrap();
    for first in [
        "CONNECT evil.example:443 HTTP/1.1",
        "GET http://evil.example/login HTTP/1.1",
        "GET //evil.example/login HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET evil.example HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        let answer = exchange(address, format!("{first}\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert!(!answer.contains("evil.example"), "{first}: {answer}");
        assert!(
            statuses(&answer).iter().all(|status| *status < 500 && *status != 101),
            "{first}: {answer}"
        );
        assert!(!answer.contains("200 Connection"), "{first}");
    }
}
