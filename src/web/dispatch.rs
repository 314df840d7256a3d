//! What happens around every handler, in one place.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::http::{ConnectionType, Method};
use actix_web::web::{Bytes, BytesMut, Payload};
use actix_web::{HttpRequest, HttpResponse};

use futures_util::{FutureExt, StreamExt};

use crate::admin::access::{self, Rights};
use crate::app::App;
use crate::base::again::Attempts;
use crate::base::fault::Fault;
use crate::base::request;
use crate::identity::limit;
use crate::model::event::Actor;

use super::admin;
use super::call::Call;
use super::error::{self, Error};
use super::limits;
use super::pages::CONTENT_POLICY;
use super::patience::{Activity, Busy};
use super::routes::{Access, Audience, Cors, Route};

/// How long a client may take to send a body.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// Cross-Origin-Opener-Policy (HTML §7.1.3). Not for the pages of a sign-in: applications open those in a window of their own, and have
/// to hear from it.
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Serves one request to a path of the table, on behalf of which `app` is; `rows` are its rows, of which the method has chosen
/// one, if any has it.
pub async fn dispatch(
    rows: Arc<[&'static Route]>,
    chosen: Option<&'static Route>,
    app: App,
    http: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let busy = http.conn_data::<Activity>().map(Activity::begin);
    let request_id = request_id(&app);
    // An error for a method that no row has is for the reader of the first.
    let Some(route) = chosen.or(rows.first().copied()) else {
        return not_found(app, http).await;
    };
    let reader = Reader::of(route.cors, &app, &http);
    let mut response = if let Err(exceeded) = limit::by_address(&app) {
        error::render(&app, &exceeded.into(), route.audience, &request_id)
    } else if http.method() == Method::OPTIONS && reader != Reader::Nobody {
        preflight(&rows, route.cors)
    } else {
        // A bug must cost one request, not the worker with everybody else's.
        let outcome = match chosen {
            Some(route) => AssertUnwindSafe(handle(route, &app, http, payload)).catch_unwind().await,
            None => Ok(Err(Error::MethodNotAllowed(allowed(&rows)))),
        };
        match outcome.unwrap_or_else(|_| Err(Error::Fault(Fault::internal("a handler panicked")))) {
            Ok(response) => response,
            Err(error) => error::render(&app, &error, route.audience, &request_id),
        }
    };
    if route.cors == Cors::Listed {
        response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
    }
    // Who is known here is not reached from the windows of other sites.
    if route.audience == Audience::Person && route.access != Access::Open {
        response
            .headers_mut()
            .insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    }
    response = completed(&app, &reader, response);
    if response.body().size() == BodySize::Stream {
        // Until the last part of it was made.
        response = response.map_body(|_, body| BoxBody::new(Held { body, _busy: busy }));
    }
    response
}

/// The name of the request on behalf of which `app` is.
fn request_id(app: &App) -> String {
    app.context().request_id.clone().unwrap_or_default()
}

/// An answer with what every one has.
fn completed(app: &App, reader: &Reader, mut response: HttpResponse) -> HttpResponse {
    announce(app, &mut response);
    finish(app, reader, response.headers_mut());
    close_if_ending(app, &mut response);
    response
}

/// Says in an answer where those stand who were counted.
fn announce(app: &App, response: &mut HttpResponse) {
    if let Some(counted) = &app.context().counted {
        let is_refused = response.headers().contains_key(RETRY_AFTER);
        limits::announce(counted, is_refused, response.headers_mut());
    }
}

/// Serves a path that is in no table.
pub async fn not_found(app: App, http: HttpRequest) -> HttpResponse {
    let _busy = http.conn_data::<Activity>().map(Activity::begin);
    let request_id = request_id(&app);
    let wants_page = http
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let path = http.path().strip_prefix(app.issuer.path()).unwrap_or(http.path());
    let audience = match wants_page {
        _ if path.starts_with("/api/") && !path.starts_with("/api/callback") => Audience::Operator,
        true => Audience::Person,
        false => Audience::Program,
    };
    // Clients probe well-known paths from browsers; a 404 must be readable, or they take it for a network error.
    let reader = if http.path().starts_with("/.well-known/") {
        Reader::Anybody
    } else {
        Reader::Nobody
    };
    let response = if let Err(exceeded) = limit::by_address(&app) {
        error::render(&app, &exceeded.into(), audience, &request_id)
    } else if http.method() == Method::OPTIONS && reader == Reader::Anybody {
        HttpResponse::NoContent()
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET"))
            .finish()
    } else {
        error::render(&app, &Error::NotFound, audience, &request_id)
    };
    completed(&app, &reader, response)
}

/// A body for which its connection is busy.
struct Held {
    body: BoxBody,
    _busy: Option<Busy>,
}

impl MessageBody for Held {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

/// Whoever asks again asks on another connection, which may lead to another node.
fn close_if_ending(app: &App, response: &mut HttpResponse) {
    if app.ending.has_begun() {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
}

/// Which other origins' pages may read an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reader {
    Anybody,
    /// The one that asks
    Origin(HeaderValue),
    Nobody,
}

impl Reader {
    fn of(cors: Cors, app: &App, http: &HttpRequest) -> Self {
        match cors {
            Cors::Open => Self::Anybody,
            Cors::Closed => Self::Nobody,
            Cors::Listed => {
                let origin = http.headers().get(ORIGIN);
                let live = app.live();
                let is_listed = |origin: &&HeaderValue| live.relay.origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes());
                origin.filter(is_listed).cloned().map_or(Self::Nobody, Self::Origin)
            }
        }
    }
}

async fn handle(route: &'static Route, app: &App, http: HttpRequest, mut payload: Payload) -> Result<HttpResponse, Error> {
    let mut call = unread(route, app, http, Bytes::new());
    // In boxes: what is over takes no room in a request that waits.
    // Before the body: strangers do not get to send one.
    Box::pin(admit(route, &mut call)).await?;
    if route.body_limit == 0 {
        refuse_body(&call.http, payload)?;
    } else {
        let _reading = call.http.conn_data::<Activity>().map(Activity::read);
        let body = tokio::time::timeout(BODY_PATIENCE, read_body(&mut payload, route.body_limit));
        call.body = Box::pin(body).await.map_err(|_| Error::BrokenBody)??;
    }
    // And after it: a body may take its time, in which rights are taken away and sessions end.
    if !call.http.method().is_safe() {
        Box::pin(admit(route, &mut call)).await?;
    }
    if route.waits {
        // Nothing is kept for them while they wait. What they write they begin again themselves, save for counts.
        return (route.handler)(call).await;
    }
    done(route, app, call).await
}

/// A request of which it is not yet known who asks.
fn unread(route: &'static Route, app: &App, http: HttpRequest, body: Bytes) -> Call {
    Call {
        app: app.clone(),
        route,
        http,
        body,
        administrator: None,
        signed_in: None,
    }
}

/// Has the handler do it. What the database has undone in favour of another transaction is begun again, a few times, as long as nothing
/// of it is settled: neither committed, nor known to somebody elsewhere. Whoever may not do it any more by then is refused.
async fn done(route: &'static Route, app: &App, mut call: Call) -> Result<HttpResponse, Error> {
    let (http, body) = (call.http.clone(), call.body.clone());
    let mut attempts = Attempts::begin();
    loop {
        let before = request::settled();
        let outcome = (route.handler)(call).await;
        let is_untouched = before.is_some() && request::settled() == before;
        match outcome {
            Err(Error::Fault(Fault::Undone(cause))) if is_untouched => {
                if !Box::pin(attempts.go_on(&cause)).await {
                    return Err(Error::Fault(Fault::Undone(cause)));
                }
            }
            outcome => return outcome,
        }
        call = unread(route, app, http.clone(), body.clone());
        Box::pin(admit(route, &mut call)).await?;
    }
}

/// Lets in whom the route is for.
async fn admit(route: &Route, call: &mut Call) -> Result<(), Error> {
    match route.access {
        Access::Open => {}
        Access::SignedIn => {
            let visitor = call.visitor().await?.ok_or_else(|| Error::SignInNeeded(call.here()))?;
            call.app = call.app.acting_as(Actor::User(visitor.user.id.clone()));
            call.signed_in = Some(visitor);
        }
        Access::Administrator | Access::FreshAdministrator => {
            let administrator = admin::administrator(call).await?;
            let changes = !call.http.method().is_safe();
            if changes && administrator.rights < Rights::Write {
                // The row, not the address: there are few of them.
                access::note_read_only(&call.app, &administrator, route.path).await?;
                return Err(Error::ReadOnly);
            }
            // The API has no pages that could ask again, so a person's cookie must be fresh for every change.
            let must_be_fresh = route.access == Access::FreshAdministrator || route.audience == Audience::Operator;
            if changes && must_be_fresh && !administrator.is_fresh(call.app.now()) {
                return Err(Error::ProofNeeded(call.here()));
            }
            limit::by_account(&call.app, &administrator.actor.to_string())?;
            call.app = call.app.acting_as(administrator.actor.clone());
            call.administrator = Some(administrator);
        }
    }
    Ok(())
}

/// Refuses a body where there is none, without waiting for it: whoever says how long it is, or has sent some of it, is refused, and
/// what comes later is for nobody.
fn refuse_body(http: &HttpRequest, mut payload: Payload) -> Result<(), Error> {
    let length = http.headers().get(CONTENT_LENGTH);
    let is_announced = length.is_some_and(|length| length.to_str().ok().and_then(|length| length.trim().parse().ok()) != Some(0_u64));
    let mut has_come = || matches!(payload.next().now_or_never(), Some(Some(Ok(part))) if !part.is_empty());
    if is_announced || has_come() {
        return Err(Error::TooLarge);
    }
    Ok(())
}

/// Reads a body. (The library's own way takes 32 KiB for each request, most of which have none.)
async fn read_body(payload: &mut Payload, limit: usize) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    while let Some(part) = payload.next().await {
        let part = part.map_err(|_| Error::BrokenBody)?;
        if part.len() > limit - body.len() {
            return Err(Error::TooLarge);
        }
        body.extend_from_slice(&part);
    }
    Ok(body.freeze())
}

fn allowed(rows: &[&'static Route]) -> String {
    let methods: Vec<&str> = rows.iter().flat_map(|route| route.methods).map(Method::as_str).collect();
    methods.join(", ")
}

fn preflight(rows: &[&'static Route], cors: Cors) -> HttpResponse {
    let headers = match cors {
        Cors::Listed => "Authorization, Content-Type, Accept, X-Admin-Token, X-Callback-Verifier, Idempotency-Key",
        Cors::Open | Cors::Closed => "Authorization, Content-Type, Accept, DPoP, MCP-Protocol-Version",
    };
    HttpResponse::NoContent()
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, allowed(rows)))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, headers))
        .insert_header((ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

/// Headers that every answer carries. What a handler has set stays.
fn finish(app: &App, reader: &Reader, headers: &mut HeaderMap) {
    let mut default = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    default(CACHE_CONTROL, "no-store");
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(REFERRER_POLICY, "no-referrer");
    default(X_FRAME_OPTIONS, "DENY");
    default(CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    if *reader != Reader::Nobody {
        default(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            "WWW-Authenticate, Retry-After, RateLimit-Policy, RateLimit, X-Request-Id",
        );
    }
    if app.config.enable_dev_endpoints {
        default(
            HeaderName::from_static("x-gatehouse-dev"),
            "developer endpoints are enabled; never in production",
        );
    }
    if app.issuer.is_https()
        && let Some(Ok(value)) = app.config.deployment.hsts.header().map(HeaderValue::from_str)
    {
        headers.insert(STRICT_TRANSPORT_SECURITY, value);
    }
    match reader {
        Reader::Anybody => drop(headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))),
        Reader::Origin(origin) => drop(headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())),
        Reader::Nobody => {}
    }
    if let Ok(value) = HeaderValue::from_str(&request_id(app)) {
        headers.insert(REQUEST_ID, value);
    }
}
