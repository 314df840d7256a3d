//! What every request passes first: whose token is it, and may it do that? What it refuses it refuses as RFC 6750 §3
//! and RFC 9728 §5.1 say, from which clients learn where to get a token and what it has to permit.

use std::error::Error;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use serde_json::{Map, Value, json};

use crate::caller::{Caller, Check};
use crate::shared::introspection::CheckError;
use crate::tools::{Takes, Tool};

/// How long a request may be.
const MAX_BODY: usize = 64 * 1024;

/// What may be asked without a token: what the server is and which tools it has.
const OPEN: [&str; 5] = ["initialize", "notifications/initialized", "ping", "server/discover", "tools/list"];

/// The guard.
pub struct Guard {
    check: Check,
    resource_metadata: String,
    is_private: bool,
}

impl Guard {
    /// A guard that checks tokens like this, and tells clients where the metadata is. A private one lets nobody say
    /// anything without a token.
    pub fn new(check: Check, resource_metadata: &str, is_private: bool) -> Self {
        Self {
            check,
            resource_metadata: resource_metadata.to_owned(),
            is_private,
        }
    }

    /// Who calls; `None` for who brings no token. Who brings a bad one is refused whatever the request is, so that
    /// the client gets a new one.
    async fn caller(&self, headers: &HeaderMap) -> Result<Option<Caller>, Refusal> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let token = value.to_str().ok().and_then(|value| value.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") && values.next().is_none());
        let (_, token) = token.ok_or(Refusal::Malformed)?;
        match self.check.caller(token.trim()).await {
            Ok(caller) => Ok(Some(caller)),
            Err(CheckError::NotActive) => Err(Refusal::BadToken),
            Err(CheckError::Unavailable(reason)) => {
                eprintln!("A token cannot be checked: {reason}");
                Err(Refusal::Unavailable)
            }
        }
    }

    /// The request, if it may pass, with its [`Caller`].
    async fn judge(&self, request: Request) -> Result<Request, Refusal> {
        let (mut parts, body) = request.into_parts();
        let caller = self.caller(&parts.headers).await?;
        let body = if parts.method == Method::POST {
            if self.is_private {
                permit(caller.as_ref(), Takes::Token)?;
            }
            let bytes = to_bytes(body, MAX_BODY).await.map_err(unread)?;
            let message: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|_| Refusal::NoMessage)?;
            permit(caller.as_ref(), takes(&message))?;
            // What was judged is what goes on: another reader could see another message in the same bytes, such as
            // one with a key twice.
            parts.headers.remove(CONTENT_LENGTH);
            Body::from(Value::Object(message).to_string())
        } else {
            // There are no streams here, and everybody may be told so (405). Clients ask for one as soon as they know
            // the server; a 401 would make them sign somebody in before anything needs it.
            Body::empty()
        };
        if let Some(caller) = caller {
            parts.extensions.insert(caller);
        }
        Ok(Request::from_parts(parts, body))
    }

    fn answer(&self, refusal: Refusal) -> Response {
        let (status, error, scope) = match refusal {
            // Who has not tried yet is told no error (RFC 6750 §3.1).
            Refusal::NoToken(scope) => (StatusCode::UNAUTHORIZED, None, scope),
            Refusal::BadToken => (StatusCode::UNAUTHORIZED, Some("invalid_token"), None),
            Refusal::Malformed => (StatusCode::BAD_REQUEST, Some("invalid_request"), None),
            Refusal::TooLittle(scope) => (StatusCode::FORBIDDEN, Some("insufficient_scope"), Some(scope)),
            Refusal::Unavailable => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Refusal::TooLarge => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Refusal::NoMessage => return (StatusCode::BAD_REQUEST, Json(no_message())).into_response(),
        };
        let error = error.map(|error| format!(r#"error="{error}", "#)).unwrap_or_default();
        let scope = scope.map(|scope| format!(r#"scope="{scope}", "#)).unwrap_or_default();
        let challenge = format!(r#"Bearer {error}{scope}resource_metadata="{}""#, self.resource_metadata);
        (status, [(WWW_AUTHENTICATE, challenge)]).into_response()
    }
}

/// Why a request does not pass.
enum Refusal {
    /// A token is needed, which permits this
    NoToken(Option<&'static str>),
    /// The token is worth nothing here
    BadToken,
    /// There is an `Authorization` header that is not one bearer token
    Malformed,
    /// The token does not permit this
    TooLittle(&'static str),
    /// Nobody can say what the token is worth
    Unavailable,
    /// The request is too long
    TooLarge,
    /// It is not one message
    NoMessage,
}

/// Lets a request through that may pass.
pub async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.judge(request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => guard.answer(refusal),
    }
}

/// Why a body was not read to its end.
fn unread(error: axum::Error) -> Refusal {
    let is_too_long = matches!(error.source(), Some(cause) if cause.is::<LengthLimitError>());
    if is_too_long { Refusal::TooLarge } else { Refusal::NoMessage }
}

/// Whether a caller may do what takes that.
fn permit(caller: Option<&Caller>, takes: Takes) -> Result<(), Refusal> {
    match (takes, caller) {
        (Takes::Nothing, _) | (Takes::Token, Some(_)) => Ok(()),
        (Takes::Token, None) => Err(Refusal::NoToken(None)),
        (Takes::Scope(scope), None) => Err(Refusal::NoToken(Some(scope))),
        (Takes::Scope(scope), Some(caller)) if caller.scope.contains(scope) => Ok(()),
        (Takes::Scope(scope), Some(_)) => Err(Refusal::TooLittle(scope)),
    }
}

/// What a message takes: a token, unless it says nothing that is not for everybody.
fn takes(message: &Map<String, Value>) -> Takes {
    let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
    if OPEN.contains(&method) {
        return Takes::Nothing;
    }
    if method != "tools/call" {
        return Takes::Token;
    }
    let name = message.get("params").and_then(|params| params.get("name")).and_then(Value::as_str);
    // A tool that is none is called by nobody, and only who has a token is told so.
    name.and_then(Tool::named).map_or(Takes::Token, Tool::takes)
}

/// The answer to what is no message (JSON-RPC 2.0 §5.1).
fn no_message() -> Value {
    json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32600, "message": "the body is one JSON-RPC message" } })
}
