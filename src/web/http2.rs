//! HTTP/2 (RFC 9113), bounded: how many requests one connection may have at once, how long their heads are, how many frames ask for
//! nothing (`frames`), how long it may say nothing and how slowly an answer may be taken.
//!
//! The web framework has a dispatcher of its own, which sets none of these bounds: thousands of requests could be open on one
//! connection, each with a head of megabytes. What a stream does when its client resets it is decided here, too: nobody goes on
//! with what nobody waits for, or a client could open and reset streams without end.

mod frames;

use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_http::body::{BodySize, MessageBody};
use actix_http::error::PayloadError;
use actix_http::{BoxedPayloadStream, Payload, Request};
use actix_web::HttpResponse;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderName, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING, UPGRADE};
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

use super::doors::{Guest, Head, Large};
use super::error::{HEAD_TOO_LONG, NO_ROOM};
use super::patience::{GOODBYE_PATIENCE, HEAD_PATIENCE, STALL_PATIENCE, USUAL_HEAD};

use frames::{Frames, Room};

/// How many requests of a connection may be open at once.
const STREAMS: u32 = 100;
/// How long the head of a request may be, in bytes as RFC 9113 §6.5.2 counts them.
const HEAD: u32 = 32 * 1024;
/// How many fields it may have: as many as with HTTP/1.1. One that is said again is a single byte here (RFC 7541 §6.1), and a hundred in memory.
const FIELDS: usize = 96;
/// What a field counts besides its name and its value (RFC 9113 §6.5.2).
const FIELD: usize = 32;
/// How much of a body, and of all bodies of a connection, is taken before somebody reads it.
const BODY_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// How long a connection may have no request open.
const IDLE: Duration = Duration::from_secs(30);
/// How much of an answer is sent at once.
const PART: usize = 16 * 1024;
/// How much of an answer a client takes in a second at least, once it has had [`STALL_PATIENCE`].
const PACE: usize = 1024;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Serves the connection of `guest` until its client goes, says nothing for too long, or `stopping` is done and what is open has been
/// answered.
pub async fn serve<T, S, B>(
    stream: T,
    guest: Guest,
    service: Rc<S>,
    peer: Option<SocketAddr>,
    clock: Clock,
    stopping: impl Future<Output = ()>,
) where
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
    let stream = Frames::new(stream);
    let room = stream.room();
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
            next = accept(&mut connection, &room, requests.len()) => {
                let (request, respond) = match next {
                    Ok(next) => next,
                    Err(Over::Flood) => break,
                    Err(Over::End) => return,
                };
                room.request();
                // At once: a hundred of them are in memory otherwise before the first is looked at.
                let admitted = match admit(&request, &guest) {
                    Ok(admitted) => admitted,
                    Err(status) => {
                        refuse(respond, status);
                        continue;
                    }
                };
                let answered = answer(Rc::clone(&service), request, respond, peer, clock.clone());
                requests.spawn_local(async move {
                    let _admitted = admitted;
                    answered.await;
                });
            }
            Some(_) = requests.join_next() => {
                quiet_since = Instant::now();
                // The last answer still has to be written.
                leaves_at = leaves_at.map(|_| quiet_since + GOODBYE_PATIENCE);
            }
            () = &mut stopping, if leaves_at.is_none() => {
                connection.graceful_shutdown();
                leaves_at = Some(Instant::now() + GOODBYE_PATIENCE);
            }
            () = sleep_until(patience_ends), if requests.is_empty() => {
                if leaves_at.is_some() {
                    return;
                }
                connection.graceful_shutdown();
                leaves_at = Some(Instant::now() + GOODBYE_PATIENCE);
            }
        }
    }
    guest.floods();
    drop(requests);
    calm(connection).await;
}

/// Why there is no next request.
enum Over {
    /// Too many frames that ask for nothing
    Flood,
    /// Its client is gone, or speaks no HTTP/2
    End,
}

type Next = Result<(http::Request<RecvStream>, SendResponse<Bytes>), Over>;

/// The next request; none is taken while as many are answered as may be, although their streams are closed.
async fn accept<T>(connection: &mut Connection<Frames<T>, Bytes>, room: &Room, open: usize) -> Next
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let is_full = u32::try_from(open).unwrap_or(u32::MAX) >= STREAMS;
    poll_fn(|context| {
        let next = if is_full {
            connection.poll_closed(context).map(|_| Err(Over::End))
        } else {
            connection
                .poll_accept(context)
                .map(|next| next.and_then(Result::ok).ok_or(Over::End))
        };
        // Nothing more is read then, so nobody would be woken.
        if room.is_flooded() { Poll::Ready(Err(Over::Flood)) } else { next }
    })
    .await
}

/// Tells a client that it is let go because of what it sends (RFC 9113 §5.4.1), if it takes that.
async fn calm<T: AsyncRead + AsyncWrite + Unpin>(mut connection: Connection<T, Bytes>) {
    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
    // Whoever does not read it is not waited for.
    let _ = timeout(GOODBYE_PATIENCE, poll_fn(|context| connection.poll_closed(context))).await;
}

/// What a request has for its head, until it is answered.
struct Admitted {
    _head: Head,
    _large: Option<Large>,
}

/// Whether a request may have a head like that now; if not, the status that says why.
fn admit<B>(request: &http::Request<B>, guest: &Guest) -> Result<Admitted, StatusCode> {
    if request.headers().len() > FIELDS {
        return Err(HEAD_TOO_LONG);
    }
    let fields = request.headers().iter();
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let length = fields.fold(target, |length, (name, value)| length + name.as_str().len() + value.len() + FIELD);
    let large = if length > USUAL_HEAD {
        Some(guest.large().ok_or(HEAD_TOO_LONG)?)
    } else {
        None
    };
    Ok(Admitted {
        _head: guest.head(length).ok_or(NO_ROOM)?,
        _large: large,
    })
}

/// Says why a request is not looked at, and hears no more of it.
fn refuse(mut respond: SendResponse<Bytes>, status: StatusCode) {
    let mut head = http::Response::new(());
    *head.status_mut() = status;
    if status == NO_ROOM {
        head.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    // Whoever is gone needs no answer.
    let _ = respond.send_response(head, true);
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
    let payload = if body.is_end_stream() {
        Payload::None
    } else {
        let payload: BoxedPayloadStream = Box::pin(stream::unfold(body, next_part));
        Payload::Stream { payload }
    };
    let mut request = Request::with_payload(payload);
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
    let mut pace = Pace::default();
    loop {
        let part = tokio::select! {
            part = poll_fn(|context| body.as_mut().poll_next(context)) => part,
            _ = poll_fn(|context| stream.poll_reset(context)) => return,
        };
        match part {
            Some(Ok(part)) if !part.is_empty() => {
                if !send_part(&mut stream, part, &mut pace).await {
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

/// How quickly an answer is taken.
#[derive(Debug, Default)]
struct Pace {
    taken: usize,
    /// For how long it was waited for room
    waited: Duration,
}

impl Pace {
    /// How long the client may take to make more room.
    fn patience(&self) -> Duration {
        let earned = Duration::from_secs(u64::try_from(self.taken / PACE).unwrap_or(u64::MAX));
        STALL_PATIENCE.min((STALL_PATIENCE + earned).saturating_sub(self.waited))
    }
}

/// Sends a part of an answer as its client makes room for it; whether it was sent.
async fn send_part(stream: &mut SendStream<Bytes>, mut part: Bytes, pace: &mut Pace) -> bool {
    while !part.is_empty() {
        stream.reserve_capacity(part.len().min(PART));
        let begun = Instant::now();
        let room = tokio::select! {
            room = poll_fn(|context| stream.poll_capacity(context)) => room,
            () = sleep(pace.patience()) => {
                stream.send_reset(Reason::CANCEL);
                return false;
            }
        };
        pace.waited += begun.elapsed();
        let Some(Ok(room)) = room else { return false };
        let now = part.split_to(room.min(part.len()));
        pace.taken += now.len();
        if stream.send_data(now, false).is_err() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;
