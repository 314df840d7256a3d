//! What is seen of every request: its names in the log and in traces, what came of it, and how long that took. With HTTP/1.1 it also says
//! which answer is the last of its connection: `paced.rs` keeps back what comes after it.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header::HeaderName;
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use tracing::Instrument;

use crate::app::{App, Context};
use crate::base::encoding::base64url;
use crate::base::request::{self, Request};
use crate::model::limit::Class;
use crate::model::traffic::{Method, Outcome, Row};
use crate::protocol::error::ErrorCode;
use crate::protocol::trace_context::TraceParent;

use super::address;
use super::dispatch::{dispatch, not_found};
use super::limits;
use super::patience::Activity;
use super::routes::Route;
use super::trace;

/// What a request that no row is for is called, in place of its path.
pub const UNMATCHED: &str = "(none)";
/// The target of the line that tells of a request.
const ACCESS: &str = "access";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The longest name of a request that is taken over.
const MAX_REQUEST_ID: usize = 64;

/// The rows of a path, and where each stands in the table.
#[derive(Clone)]
pub struct Rows {
    rows: Arc<[&'static Route]>,
    numbers: Arc<[usize]>,
}

impl FromIterator<(usize, &'static Route)> for Rows {
    fn from_iter<I: IntoIterator<Item = (usize, &'static Route)>>(rows: I) -> Self {
        let (numbers, rows): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        Self {
            rows: rows.into(),
            numbers: numbers.into(),
        }
    }
}

/// Serves one request to a path of the table.
pub async fn serve(rows: Rows, app: App, http: HttpRequest, payload: Payload) -> HttpResponse {
    if is_disguised(&http) {
        return serve_nothing(app, http).await;
    }
    let chosen = rows.rows.iter().position(|route| route.methods.contains(http.method()));
    let number = chosen.unwrap_or(0);
    let route = rows.rows.get(number).copied();
    let target = Target {
        path: route.map_or(UNMATCHED, |route| route.path),
        number: rows.numbers.get(number).copied(),
        class: route.map_or(Some(Class::Page), |route| route.class(http.method())),
    };
    let (chosen, rows) = (route.filter(|_| chosen.is_some()), rows.rows);
    watched(app, http, target, |app, http| dispatch(rows, chosen, app, http, payload)).await
}

/// Whether a path has a word of the table in hexadecimal: the table would read it all the same, but a proxy that keeps people from
/// `/admin` may not. What stands in place of a placeholder is written as anybody likes.
fn is_disguised(http: &HttpRequest) -> bool {
    let path = http.path();
    path.contains('%') && http.match_pattern().is_some_and(|pattern| !has_words_of(path, &pattern))
}

fn has_words_of(path: &str, pattern: &str) -> bool {
    let mut parts = path.split('/');
    pattern
        .split('/')
        .all(|word| parts.next().is_some_and(|part| word.contains('{') || part == word))
}

/// Serves a path that is in no table.
pub async fn serve_nothing(app: App, http: HttpRequest) -> HttpResponse {
    let target = Target {
        path: UNMATCHED,
        number: None,
        class: Some(Class::Page),
    };
    watched(app, http, target, not_found).await
}

/// What a request is for.
#[derive(Clone, Copy)]
struct Target {
    /// The row, by the path that it has
    path: &'static str,
    /// Where that stands in the table
    number: Option<usize>,
    /// How it is limited
    class: Option<Class>,
}

async fn watched<F: Future<Output = HttpResponse>>(
    app: App,
    http: HttpRequest,
    target: Target,
    answer: impl FnOnce(App, HttpRequest) -> F,
) -> HttpResponse {
    let Target { path, number, class } = target;
    // With HTTP/2 there is none, and nothing that a request says of its connection.
    let connection = http.conn_data::<Activity>().cloned();
    if connection.as_ref().is_some_and(Activity::is_over) {
        // `Paced` keeps it from coming so far. It is dropped with the connection.
        return pending().await;
    }
    let is_last = http.head().connection_type() != ConnectionType::KeepAlive;
    let given = Given::of(&app, &http);
    let id = given.id.unwrap_or_else(|| base64url(&app.random.bytes::<9>()));
    let span = trace::of_request(&http, path, &id, given.parent);
    let wants_client = !span.is_disabled() || tracing::enabled!(target: ACCESS, tracing::Level::DEBUG);
    let named = Arc::new(Request::new(id.clone(), trace::id(&span), wants_client));
    let address = address::of(&http, &app.config.trusted_proxies);
    let app = app.within(Context {
        request_id: Some(id),
        address: Some(address.map(|address| address.to_string()).unwrap_or_default()),
        counted: limits::counted(&app, class, address),
        ..Context::default()
    });
    let mut watch = Watch {
        app: app.clone(),
        number,
        method: Method::of(http.method().as_str()),
        begun: Instant::now(),
        outcome: Outcome::Aborted,
    };
    let outer = span.clone();
    let shared = app.clone();
    let work = async move {
        let _in_flight = shared.measures.traffic.in_flight.enter();
        let response = answer(app, http).await;
        watch.answered(&response, path);
        request::current(|request| trace::answered(&span, response.status().as_u16(), request.client()));
        response
    };
    let response = request::within(named, work).instrument(outer).await;
    if let Some(connection) = connection
        && (is_last || !response.head().keep_alive())
    {
        connection.end();
    }
    response
}

/// The names that a proxy has given to a request.
#[derive(Default)]
struct Given {
    id: Option<String>,
    parent: Option<TraceParent>,
}

impl Given {
    /// Those of a proxy that is trusted, where it is said that they are taken over. A stranger who could name requests would hide
    /// behind the names of others, and have all of their own traced.
    fn of(app: &App, http: &HttpRequest) -> Self {
        if !app.config.monitoring.proxy_request_ids || !address::is_proxy(http, &app.config.trusted_proxies) {
            return Self::default();
        }
        Self {
            id: single(http, &REQUEST_ID).filter(|id| is_request_id(id)).map(str::to_owned),
            parent: single(http, &TRACEPARENT).and_then(TraceParent::parse),
        }
    }
}

/// A header that is there once.
fn single<'h>(http: &'h HttpRequest, name: &HeaderName) -> Option<&'h str> {
    let mut values = http.headers().get_all(name);
    let first = values.next()?;
    values.next().is_none().then(|| first.to_str().ok()).flatten()
}

/// Whether a name can stand in headers, lines and pages as it is.
fn is_request_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(is_plain)
}

/// Counts a request, whatever becomes of it: it is dropped unanswered when whoever asked goes away.
struct Watch {
    app: App,
    number: Option<usize>,
    method: Method,
    begun: Instant,
    outcome: Outcome,
}

impl Watch {
    fn row(&self) -> &Row {
        let traffic = &self.app.measures.traffic;
        self.number.map_or(&traffic.unmatched, |number| traffic.row(number))
    }

    /// It was answered: counts what the answer is, and tells of it.
    fn answered(&mut self, response: &HttpResponse, path: &str) {
        let status = response.status();
        self.outcome = outcome(status);
        if let Some(code) = response.extensions().get::<ErrorCode>() {
            self.row().refuse(*code);
        }
        let time = self.begun.elapsed();
        // The row, not the address: what stands in place of a placeholder may be a secret.
        request::current(|request| {
            tracing::debug!(
                target: ACCESS,
                method = self.method.as_str(),
                path,
                status = status.as_u16(),
                ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
                address = self.app.context().address,
                client = request.client(),
                "served"
            );
        });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.row().count(self.method, self.outcome, self.begun.elapsed());
    }
}

fn outcome(status: StatusCode) -> Outcome {
    Outcome::Status(status.as_u16() / 100)
}

#[cfg(test)]
mod tests {
    use super::{has_words_of, is_request_id};

    #[test]
    fn words_of_the_table_are_written_as_they_are() {
        for (path, pattern) in [
            ("/api/users/a%2Db%2Fc", "/api/users/{id}"),
            ("/issuer/api/%61", "/issuer/api/{id}"),
            ("/static/a/%62", "/static/{file}"),
        ] {
            assert!(has_words_of(path, pattern), "{path}");
        }
        for (path, pattern) in [
            ("/%61pi/users/a", "/api/users/{id}"),
            ("/api/user%73/a", "/api/users/{id}"),
            ("/api/users/a/gr%61nts", "/api/users/{id}/grants"),
            ("/admi%6E", "/admin"),
        ] {
            assert!(!has_words_of(path, pattern), "{path}");
        }
    }

    #[test]
    fn names_of_requests_are_plain() {
        for id in ["a", "0198-ab_c.D", &"x".repeat(64)] {
            assert!(is_request_id(id), "{id}");
        }
        for id in ["", "a b", "a\"b", "a\nb", "<b>", "ä", "a{b", &"x".repeat(65)] {
            assert!(!is_request_id(id), "{id}");
        }
    }
}
