//! HTTP/2 (RFC 9113), bounded: how many requests one connection may have at once, how long their heads are, how long it may say nothing.
//!
//! The web framework has a dispatcher of its own, which sets none of these bounds: thousands of requests could be open on one
//! connection, each with a head of megabytes. What a stream does when its client resets it is decided here, too: nobody goes on
//! with what nobody waits for, or a client could open and reset streams without end.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_http::body::{BodySize, MessageBody};
use actix_http::error::PayloadError;
use actix_http::{BoxedPayloadStream, Payload, Request};
use actix_web::HttpResponse;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use futures_util::future::poll_fn;
use futures_util::stream;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::base::clock::Clock;

use super::patience::HEAD_PATIENCE;

/// How many requests of a connection may be open at once.
const STREAMS: u32 = 100;
/// How long the head of a request may be, in bytes as RFC 9113 §6.5.2 counts them.
const HEAD: u32 = 64 * 1024;
/// How much of a body, and of all bodies of a connection, is taken before somebody reads it.
const BODY_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// How long a connection may have no request open.
const IDLE: Duration = Duration::from_secs(30);
/// How long a client may take nothing of an answer.
const STALL: Duration = Duration::from_secs(30);
/// How long a client may take to go when it is told to.
const GOODBYE: Duration = Duration::from_secs(1);
/// How much of an answer is sent at once.
const PART: usize = 16 * 1024;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Serves a connection until its client goes, says nothing for too long, or `stopping` is done and what is open has been answered.
pub async fn serve<T, S, B>(stream: T, service: Rc<S>, peer: Option<SocketAddr>, clock: Clock, stopping: impl Future<Output = ()>)
where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Service<Request, Response = ServiceResponse<B>, Error = HttpResponse> + 'static,
    B: MessageBody + 'static,
{
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD)
        .initial_window_size(BODY_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(PART * 4);
    let Ok(Ok(mut connection)) = timeout(HEAD_PATIENCE, builder.handshake(stream)).await else {
        return;
    };
    let mut stopping = std::pin::pin!(stopping);
    // Dropped with the connection, and so is what it was asked.
    let mut requests = JoinSet::new();
    let mut quiet_since = Instant::now();
    let mut leaves_at: Option<Instant> = None;
    loop {
        let patience_ends = leaves_at.unwrap_or(quiet_since + IDLE);
        tokio::select! {
            next = accept(&mut connection, requests.len()) => {
                let Some(Ok((request, respond))) = next else { return };
                requests.spawn_local(answer(Rc::clone(&service), request, respond, peer, clock.clone()));
            }
            Some(_) = requests.join_next() => {
                quiet_since = Instant::now();
                // The last answer still has to be written.
                leaves_at = leaves_at.map(|_| quiet_since + GOODBYE);
            }
            () = &mut stopping, if leaves_at.is_none() => {
                connection.graceful_shutdown();
                leaves_at = Some(Instant::now() + GOODBYE);
            }
            () = sleep_until(patience_ends), if requests.is_empty() => {
                if leaves_at.is_some() {
                    return;
                }
                connection.graceful_shutdown();
                leaves_at = Some(Instant::now() + GOODBYE);
            }
        }
    }
}

type Accepted = Option<Result<(http::Request<RecvStream>, SendResponse<Bytes>), h2::Error>>;

/// The next request; none is taken while as many are answered as may be, although their streams are closed.
async fn accept<T: AsyncRead + AsyncWrite + Unpin>(connection: &mut Connection<T, Bytes>, open: usize) -> Accepted {
    let is_full = u32::try_from(open).unwrap_or(u32::MAX) >= STREAMS;
    poll_fn(|context| {
        if is_full {
            connection.poll_closed(context).map(|_| None)
        } else {
            connection.poll_accept(context)
        }
    })
    .await
}

/// Answers a request, unless it is reset meanwhile.
async fn answer<S, B>(
    service: Rc<S>,
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    peer: Option<SocketAddr>,
    clock: Clock,
) where
    S: Service<Request, Response = ServiceResponse<B>, Error = HttpResponse>,
    B: MessageBody,
{
    let (parts, body) = request.into_parts();
    let is_head = parts.method == Method::HEAD;
    let body: BoxedPayloadStream = Box::pin(stream::unfold(body, next_part));
    let mut request = Request::with_payload(Payload::Stream { payload: body });
    let head = request.head_mut();
    head.uri = parts.uri;
    head.method = parts.method;
    head.version = parts.version;
    head.headers = parts.headers.into();
    head.peer_addr = peer;
    let response = tokio::select! {
        response = service.call(request) => response,
        _ = poll_fn(|context| respond.poll_reset(context)) => return,
    };
    match response {
        Ok(response) => send(response.into(), respond, is_head, &clock).await,
        Err(response) => send(response, respond, is_head, &clock).await,
    }
}

/// The next part of a body.
async fn next_part(mut body: RecvStream) -> Option<(Result<Bytes, PayloadError>, RecvStream)> {
    match body.data().await? {
        Ok(part) => {
            let released = body.flow_control().release_capacity(part.len());
            Some((released.map(|()| part).map_err(PayloadError::Http2Payload), body))
        }
        Err(error) => Some((Err(PayloadError::Http2Payload(error)), body)),
    }
}

/// Sends an answer. When its client does not take it, or is gone, nobody else is told.
async fn send<B: MessageBody>(response: HttpResponse<B>, mut respond: SendResponse<Bytes>, is_head: bool, clock: &Clock) {
    let (response, body) = response.into_parts();
    let size = body.size();
    let mut head = http::Response::new(());
    *head.status_mut() = response.status();
    for (name, value) in response.headers() {
        // What is about the connection of HTTP/1.1 is not sent here (RFC 9113 §8.2.2).
        if ![CONNECTION, TRANSFER_ENCODING, UPGRADE, CONTENT_LENGTH, KEEP_ALIVE].contains(name) {
            head.headers_mut().append(name.clone(), value.clone());
        }
    }
    if let Some(date) = date(clock) {
        head.headers_mut().insert(DATE, date);
    }
    let has_none = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let (BodySize::Sized(length), false) = (size, has_none) {
        head.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    let is_empty = is_head || has_none || size.is_eof();
    let Ok(mut stream) = respond.send_response(head, is_empty) else {
        return;
    };
    if is_empty {
        return;
    }
    let mut body = std::pin::pin!(body);
    loop {
        let part = tokio::select! {
            part = poll_fn(|context| body.as_mut().poll_next(context)) => part,
            _ = poll_fn(|context| stream.poll_reset(context)) => return,
        };
        match part {
            Some(Ok(part)) if !part.is_empty() => {
                if !send_part(&mut stream, part).await {
                    return;
                }
            }
            Some(Ok(_)) => {}
            Some(Err(_)) => return stream.send_reset(Reason::INTERNAL_ERROR),
            None => break,
        }
    }
    let _ = stream.send_data(Bytes::new(), true);
}

/// The time as HTTP writes it (RFC 9110 §5.6.7).
fn date(clock: &Clock) -> Option<HeaderValue> {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    let text = OffsetDateTime::from_unix_timestamp(clock.now()).ok()?.format(FORMAT).ok()?;
    HeaderValue::try_from(text).ok()
}

/// Sends a part of an answer as its client makes room for it; whether it was sent.
async fn send_part(stream: &mut SendStream<Bytes>, mut part: Bytes) -> bool {
    while !part.is_empty() {
        stream.reserve_capacity(part.len().min(PART));
        let room = tokio::select! {
            room = poll_fn(|context| stream.poll_capacity(context)) => room,
            () = sleep(STALL) => {
                stream.send_reset(Reason::CANCEL);
                return false;
            }
        };
        let Some(Ok(room)) = room else { return false };
        let now = part.split_to(room.min(part.len()));
        if stream.send_data(now, false).is_err() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    use actix_http::Request;
    use actix_service::{ServiceFactory, fn_service};
    use actix_web::HttpResponse;
    use actix_web::dev::ServiceResponse;
    use actix_web::test::TestRequest;
    use actix_web::web::{Bytes, BytesMut};
    use futures_util::StreamExt;
    use h2::client::SendRequest;
    use tokio::io::duplex;
    use tokio::task::LocalSet;
    use tokio::time::timeout;

    use super::{STREAMS, serve};
    use crate::base::clock::Clock;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// How many requests are being answered, and how many were at most.
    #[derive(Default)]
    struct Crowd {
        now: Cell<usize>,
        most: Cell<usize>,
        all: Cell<usize>,
    }

    struct Inside(Rc<Crowd>);

    impl Drop for Inside {
        fn drop(&mut self) {
            self.0.now.set(self.0.now.get() - 1);
        }
    }

    /// Serves a client: `/wait` is never answered, anything else with its own body.
    async fn client(crowd: &Rc<Crowd>) -> SendRequest<Bytes> {
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
        tokio::task::spawn_local(serve(far, Rc::new(service), None, clock, std::future::pending()));
        let (send, connection) = h2::client::handshake(near).await.unwrap();
        tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        send
    }

    fn request(path: &str, method: &str) -> http::Request<()> {
        http::Request::builder()
            .method(method)
            .uri(format!("https://gatehouse.example{path}"))
            .body(())
            .unwrap()
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
                let mut open = Vec::new();
                for _ in 0..STREAMS {
                    send = timeout(PATIENCE, send.ready()).await.unwrap().unwrap();
                    open.push(send.send_request(request("/wait", "GET"), true).unwrap());
                }
                // The client is told how many may be open, and one that keeps to it waits.
                let (waiting, _) = send.send_request(request("/", "GET"), true).unwrap();
                assert!(timeout(Duration::from_millis(200), waiting).await.is_err());
                assert_eq!((crowd.now.get(), crowd.all.get()), (open.len(), open.len()));
                drop(open);
                let end = tokio::time::Instant::now() + PATIENCE;
                while crowd.now.get() > 0 {
                    assert!(tokio::time::Instant::now() < end, "nobody goes on with what nobody waits for");
                    tokio::task::yield_now().await;
                }
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
                let end = tokio::time::Instant::now() + PATIENCE;
                while crowd.now.get() > 0 {
                    assert!(tokio::time::Instant::now() < end, "what was reset ends");
                    tokio::task::yield_now().await;
                }
            })
            .await;
    }

    #[tokio::test]
    async fn heads_are_as_long_as_they_may_be() {
        LocalSet::new()
            .run_until(async {
                let crowd = Rc::<Crowd>::default();
                let mut send = client(&crowd).await;
                let mut long = request("/", "GET");
                long.headers_mut().insert("x-long", "a".repeat(30_000).parse().unwrap());
                let (answer, _) = send.send_request(long, true).unwrap();
                assert_eq!(timeout(PATIENCE, answer).await.unwrap().unwrap().status(), 200);
                let mut many = request("/", "GET");
                for number in 0..2000 {
                    many.headers_mut()
                        .append("x-many", format!("{number} {}", "a".repeat(40)).parse().unwrap());
                }
                let refused = match send.send_request(many, true) {
                    Ok((answer, _)) => timeout(PATIENCE, answer)
                        .await
                        .unwrap()
                        .map_or(true, |answer| answer.status() == 431),
                    Err(_) => true,
                };
                assert!(refused);
                assert_eq!(crowd.all.get(), 1, "nobody has seen it");
            })
            .await;
    }
}
