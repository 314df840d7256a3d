//! HTTP/2 as a client meets it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::Request;
use actix_service::{ServiceFactory, fn_service};
use actix_web::HttpResponse;
use actix_web::dev::ServiceResponse;
use actix_web::test::TestRequest;
use actix_web::web::{Bytes, BytesMut};
use futures_util::StreamExt;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::{FIELDS, STREAMS, serve};
use crate::base::clock::Clock;
use crate::config::Config;
use crate::web::doors::Doors;

const PATIENCE: Duration = Duration::from_secs(30);

/// How many requests are being answered, and how many were at most.
#[derive(Default)]
struct Crowd {
    now: Cell<usize>,
    most: Cell<usize>,
    all: Cell<usize>,
}

impl Crowd {
    /// Waits until nothing is being answered.
    async fn is_gone(&self, why: &str) {
        let end = tokio::time::Instant::now() + PATIENCE;
        while self.now.get() > 0 {
            assert!(tokio::time::Instant::now() < end, "{why}");
            tokio::task::yield_now().await;
        }
    }
}

struct Inside(Rc<Crowd>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.now.set(self.0.now.get() - 1);
    }
}

/// Serves a client: `/wait` is never answered, anything else with its own body.
async fn client(crowd: &Rc<Crowd>) -> SendRequest<Bytes> {
    let (send, connection) = h2::client::handshake(wire(crowd).await).await.unwrap();
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    send
}

/// Serves whoever is at this end of a wire.
async fn wire(crowd: &Rc<Crowd>) -> DuplexStream {
    let (near, far) = duplex(1 << 16);
    let crowd = Rc::clone(crowd);
    let service = fn_service(move |mut request: Request| {
        let crowd = Rc::clone(&crowd);
        async move {
            crowd.now.set(crowd.now.get() + 1);
            crowd.most.set(crowd.most.get().max(crowd.now.get()));
            crowd.all.set(crowd.all.get() + 1);
            let _inside = Inside(crowd);
            if request.path() == "/wait" {
                std::future::pending::<()>().await;
            }
            let mut body = BytesMut::new();
            let mut payload = request.take_payload();
            while let Some(Ok(part)) = payload.next().await {
                body.extend_from_slice(&part);
            }
            let response = HttpResponse::Ok().insert_header(("connection", "close")).body(body.freeze());
            Ok::<_, HttpResponse>(ServiceResponse::new(TestRequest::default().to_http_request(), response))
        }
    });
    let service = service.new_service(()).await.unwrap();
    let clock = Clock::from_millis(|| 1_800_000_000_000);
    let guest = Arc::new(Doors::new(&Config::default())).enter("192.0.2.1".parse().ok()).unwrap();
    tokio::task::spawn_local(serve(far, guest, Rc::new(service), None, clock, std::future::pending()));
    near
}

fn request(path: &str, method: &str) -> http::Request<()> {
    http::Request::builder()
        .method(method)
        .uri(format!("https://gatehouse.example{path}"))
        .body(())
        .unwrap()
}

/// As many of these as may be open at once, with their end or without it.
async fn as_many_as_may_be(
    send: &SendRequest<Bytes>,
    request: impl Fn() -> http::Request<()>,
    is_whole: bool,
) -> Vec<(ResponseFuture, SendStream<Bytes>)> {
    let mut open = Vec::new();
    for _ in 0..STREAMS {
        let mut ready = timeout(PATIENCE, send.clone().ready()).await.unwrap().unwrap();
        open.push(ready.send_request(request(), is_whole).unwrap());
    }
    open
}

#[tokio::test]
async fn a_body_comes_back_whole_and_a_head_has_none() {
    LocalSet::new()
        .run_until(async {
            let mut send = client(&Rc::default()).await;
            let whole = Bytes::from(vec![b'a'; 300_000]);
            let (answer, mut body) = send.send_request(request("/", "POST"), false).unwrap();
            body.send_data(whole.clone(), true).unwrap();
            let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["content-length"], "300000");
            assert_eq!(answer.headers()["date"], "Fri, 15 Jan 2027 08:00:00 GMT");
            assert!(!answer.headers().contains_key("connection"));
            let mut body = answer.into_body();
            let mut all = BytesMut::new();
            while let Some(part) = body.data().await {
                let part = part.unwrap();
                body.flow_control().release_capacity(part.len()).unwrap();
                all.extend_from_slice(&part);
            }
            assert_eq!(all.freeze(), whole);
            let (answer, _) = send.send_request(request("/", "HEAD"), true).unwrap();
            assert!(answer.await.unwrap().into_body().data().await.is_none());
        })
        .await;
}

#[tokio::test]
async fn no_more_requests_are_open_than_may_be() {
    LocalSet::new()
        .run_until(async {
            let crowd = Rc::<Crowd>::default();
            let mut send = client(&crowd).await;
            let open = as_many_as_may_be(&send, || request("/wait", "GET"), true).await;
            // The client is told how many may be open, and one that keeps to it waits.
            let (waiting, _) = send.send_request(request("/", "GET"), true).unwrap();
            assert!(timeout(Duration::from_millis(200), waiting).await.is_err());
            assert_eq!((crowd.now.get(), crowd.all.get()), (open.len(), open.len()));
            drop(open);
            crowd.is_gone("nobody goes on with what nobody waits for").await;
            let mut send = timeout(PATIENCE, send.ready()).await.unwrap().unwrap();
            let (answer, _) = send.send_request(request("/", "GET"), true).unwrap();
            assert_eq!(timeout(PATIENCE, answer).await.unwrap().unwrap().status(), 200);
        })
        .await;
}

/// CVE-2023-44487: streams that are opened and reset at once do not count as open for their client.
#[tokio::test]
async fn who_opens_and_resets_streams_without_end_is_let_go_or_served_in_turn() {
    LocalSet::new()
        .run_until(async {
            let crowd = Rc::<Crowd>::default();
            let mut send = client(&crowd).await;
            for number in 0..20_000 {
                let Ok(Ok(ready)) = timeout(PATIENCE, send.clone().ready()).await else {
                    break;
                };
                send = ready;
                let Ok((_, mut body)) = send.send_request(request("/wait", "POST"), false) else {
                    break;
                };
                body.send_reset(h2::Reason::CANCEL);
                if number % 10 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            assert!(crowd.most.get() <= STREAMS as usize, "{}", crowd.most.get());
            crowd.is_gone("what was reset ends").await;
        })
        .await;
}

async fn status(send: &mut SendRequest<Bytes>, request: http::Request<()>) -> u16 {
    let mut send = send.clone().ready().await.unwrap();
    let (answer, _) = send.send_request(request, true).unwrap();
    // Where the library finds it too long, it may reset the stream, too.
    timeout(PATIENCE, answer)
        .await
        .unwrap()
        .map_or(431, |answer| answer.status().as_u16())
}

/// The same field again and again: one byte each on the wire.
fn with_fields(path: &str, fields: usize) -> http::Request<()> {
    let mut request = request(path, "GET");
    for _ in 0..fields {
        request.headers_mut().append("a", http::HeaderValue::from_static("b"));
    }
    request
}

fn with_length(path: &str, length: usize) -> http::Request<()> {
    let mut request = request(path, "GET");
    request.headers_mut().insert("x-long", "a".repeat(length).parse().unwrap());
    request
}

#[tokio::test]
async fn heads_have_as_many_fields_as_they_may_have() {
    LocalSet::new()
        .run_until(async {
            let crowd = Rc::<Crowd>::default();
            let mut send = client(&crowd).await;
            assert_eq!(status(&mut send, with_fields("/", FIELDS)).await, 200);
            for fields in [FIELDS + 1, 900, 1800] {
                assert_eq!(status(&mut send, with_fields("/", fields)).await, 431, "{fields}");
            }
            // As many at once as may be open, none of them with its end.
            let open = as_many_as_may_be(&send, || with_fields("/wait", 800), false).await;
            for (answer, _) in open {
                assert_eq!(timeout(PATIENCE, answer).await.unwrap().unwrap().status(), 431);
            }
            assert_eq!(crowd.all.get(), 1, "nobody has seen them");
            assert_eq!(status(&mut send, with_fields("/", 1)).await, 200);
        })
        .await;
}

#[tokio::test]
async fn heads_are_as_long_as_they_may_be_and_few_of_them_long() {
    LocalSet::new()
        .run_until(async {
            let crowd = Rc::<Crowd>::default();
            let mut send = client(&crowd).await;
            assert_eq!(status(&mut send, with_length("/", 31_000)).await, 200);
            assert_eq!(status(&mut send, with_length("/", 33_000)).await, 431);
            // A few long ones at a time.
            let mut open = Vec::new();
            let mut refused = 0;
            for _ in 0..20 {
                send = send.ready().await.unwrap();
                let (mut answer, _) = send.send_request(with_length("/wait", 20_000), true).unwrap();
                match timeout(Duration::from_millis(100), &mut answer).await {
                    Ok(answer) => {
                        assert_eq!(answer.unwrap().status(), 431);
                        refused += 1;
                    }
                    Err(_) => open.push(answer),
                }
            }
            assert_eq!((open.len(), refused), (8, 12));
            assert_eq!(crowd.all.get(), 9);
            assert_eq!(status(&mut send, with_length("/", 15_000)).await, 200);
        })
        .await;
}

/// RFC 9113 §5.4.1, §6.8, §7
#[tokio::test]
async fn who_floods_is_told_why_it_is_let_go() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    /// For a stream that nobody has opened, of a type that nobody knows.
    const NOTHING: &[u8] = &[0, 0, 0, 200, 0, 0, 0, 0, 1];
    const GOAWAY: u8 = 7;
    const ENHANCE_YOUR_CALM: u32 = 11;
    LocalSet::new()
        .run_until(async {
            let (mut reads, mut writes) = tokio::io::split(wire(&Rc::default()).await);
            writes.write_all(PREFACE).await.unwrap();
            writes.write_all(SETTINGS).await.unwrap();
            tokio::task::spawn_local(async move {
                // It is cut off in the middle.
                let _ = writes.write_all(&NOTHING.repeat(5000)).await;
            });
            let mut said = Vec::new();
            timeout(PATIENCE, reads.read_to_end(&mut said)).await.unwrap().unwrap();
            let mut frames = said.as_slice();
            let mut last = None;
            while let Some((head, rest)) = frames.split_at_checked(9) {
                let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
                let (payload, rest) = rest.split_at(length);
                last = Some((head[3], payload.to_vec()));
                frames = rest;
            }
            assert!(frames.is_empty(), "a frame was cut: {frames:?}");
            let (kind, payload) = last.expect("a frame");
            assert_eq!(kind, GOAWAY);
            assert_eq!(payload[4..8], ENHANCE_YOUR_CALM.to_be_bytes());
        })
        .await;
}
