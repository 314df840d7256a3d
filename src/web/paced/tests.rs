//! What is let through of a connection, and when.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::{MOST, Paced};
use crate::config::Config;
use crate::web::doors::Doors;
use crate::web::patience::Patience;

const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\nVia: HTTP/1.1 proxy\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

fn pair() -> (DuplexStream, Paced<DuplexStream>) {
    let (client, server) = duplex(1 << 20);
    (client, Paced::new(server, Patience::default()))
}

/// What is let through now.
async fn read(server: &mut Paced<DuplexStream>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut part = [0; 100];
    let patience = Duration::from_millis(20);
    while let Ok(Ok(length @ 1..)) = timeout(patience, server.read(&mut part)).await {
        all.extend_from_slice(&part[..length]);
    }
    all
}

fn count(bytes: &[u8]) -> usize {
    bytes.windows(4).filter(|window| window == b"GET ").count()
}

#[tokio::test]
async fn no_more_requests_come_than_may_wait() {
    let (mut client, mut server) = pair();
    let activity = server.activity().clone();
    let mut busy = Some(activity.begin());
    client.write_all(&REQUEST.repeat(40)).await.unwrap();
    let first = read(&mut server).await;
    assert_eq!(count(&first), MOST);
    assert!(read(&mut server).await.is_empty());
    // As many as are answered come after them, and nothing is lost or changed.
    let mut all = first;
    for _ in MOST..40 {
        drop(busy.take());
        busy = Some(activity.begin());
        assert!(read(&mut server).await.is_empty(), "it is not sent yet");
        server.write_all(ANSWER).await.unwrap();
        server.flush().await.unwrap();
        all.extend(read(&mut server).await);
    }
    assert_eq!(count(&all), 40);
    drop(busy);
    server.flush().await.unwrap();
    all.extend(read(&mut server).await);
    assert_eq!(all, REQUEST.repeat(40));
}

#[tokio::test]
async fn nothing_comes_after_the_last_answer() {
    let (mut client, mut server) = pair();
    client.write_all(&REQUEST.repeat(2)).await.unwrap();
    let busy = server.activity().begin();
    let came = read(&mut server).await;
    assert!(came.len() < REQUEST.len() * 2, "the second one waits");
    server.activity().end();
    drop(busy);
    server.write_all(ANSWER).await.unwrap();
    server.flush().await.unwrap();
    client.write_all(REQUEST).await.unwrap();
    assert_eq!(server.read(&mut [0; 100]).await.unwrap(), 0, "as if the client had hung up");
}

/// What an answer says is no answer, and what a body says is no request.
#[tokio::test]
async fn only_what_is_answered_makes_room() {
    let (mut client, mut server) = pair();
    let activity = server.activity().clone();
    let _busy = activity.begin();
    client.write_all(&REQUEST.repeat(100)).await.unwrap();
    assert_eq!(count(&read(&mut server).await), MOST);
    server.write_all(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(50)).await.unwrap();
    server.flush().await.unwrap();
    assert!(read(&mut server).await.is_empty());
}

#[tokio::test]
async fn a_body_full_of_first_lines_is_one_request() {
    for marks in [MOST - 1, MOST, MOST * 3, 6000] {
        let (mut client, mut server) = pair();
        let activity = server.activity().clone();
        let body = b"a HTTP/1.1\r\n".repeat(marks);
        let request = [&b"POST /a HTTP/1.1\r\nHost: x\r\n\r\n"[..], &body].concat();
        client.write_all(&request).await.unwrap();
        let busy = activity.begin();
        let mut came = read(&mut server).await;
        assert!(count(&came) <= MOST);
        let reading = activity.read();
        came.extend(read(&mut server).await);
        assert_eq!(came, request, "{marks}");
        drop((reading, busy));
        server.write_all(ANSWER).await.unwrap();
        server.flush().await.unwrap();
        // The next one on this connection may be somebody else's.
        for _ in 0..3 {
            client.write_all(REQUEST).await.unwrap();
            assert_eq!(read(&mut server).await, REQUEST, "{marks}");
            drop(activity.begin());
            server.write_all(ANSWER).await.unwrap();
            server.flush().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_head_full_of_first_lines_is_one_request() {
    let (mut client, mut server) = pair();
    let head = [REQUEST, &b"X: GET / HTTP/1.1\r\n".repeat(400)].concat();
    client.write_all(&head).await.unwrap();
    assert_eq!(read(&mut server).await, head);
}

#[tokio::test]
async fn who_hangs_up_is_noticed_although_they_asked_much() {
    let (mut client, mut server) = pair();
    let _busy = server.activity().begin();
    client.write_all(&REQUEST.repeat(20)).await.unwrap();
    read(&mut server).await;
    drop(client);
    assert_eq!(server.read(&mut [0; 10]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_long_body_is_one_request() {
    let (mut client, mut server) = pair();
    let _busy = server.activity().begin();
    let mut request = b"POST /a HTTP/1.1\r\nContent-Length: 100000\r\n\r\n".to_vec();
    request.extend_from_slice(&b"a line \r\n\r\n".repeat(10_000));
    client.write_all(&request).await.unwrap();
    assert_eq!(read(&mut server).await, request);
}

#[tokio::test]
async fn who_may_send_no_long_head_is_told_so() {
    let doors = Arc::new(Doors::new(&Config::default()));
    let peer = "192.0.2.1".parse().ok();
    let other = doors.enter(peer).unwrap();
    let taken: Vec<_> = std::iter::from_fn(|| other.large()).collect();
    let (mut client, server) = duplex(1 << 20);
    let mut server = Paced::new(server, Patience::with(doors.enter(peer).unwrap()));
    let head = [&b"GET /a HTTP/1.1\r\nX: "[..], &vec![b'a'; 30_000]].concat();
    client.write_all(&head).await.unwrap();
    let over = async {
        let mut part = [0; 1000];
        while server.read(&mut part).await.is_ok_and(|length| length > 0) {}
    };
    let mut said = Vec::new();
    let (_, ()) = tokio::join!(client.read_to_end(&mut said), over);
    assert!(said.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&said));
    drop(taken);
    let (mut client, server) = duplex(1 << 20);
    let mut server = Paced::new(server, Patience::with(doors.enter(peer).unwrap()));
    client.write_all(&head).await.unwrap();
    assert_eq!(read(&mut server).await, head);
}
