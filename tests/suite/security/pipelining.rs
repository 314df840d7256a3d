//! Many requests on one connection, without waiting for answers.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::browser::http;
use crate::support::{Database, TestApp};

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
