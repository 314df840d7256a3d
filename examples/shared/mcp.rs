//! What an MCP server that is a protected resource has, whatever its tools do: an address, metadata (RFC 9728), refusals
//! from which clients learn where to get a token (RFC 6750 §3, RFC 9728 §5.1), and a transport without sessions.

use std::error::Error;

use axum::body::{Body, to_bytes};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http_body_util::LengthLimitError;
use openidconnect::url::Url;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use serde_json::{Map, Value, json};

/// Where MCP is spoken, below the address of a server.
const PATH: &str = "/mcp";
/// How long a request may be.
const MAX_BODY: usize = 64 * 1024;

/// The server, as it is registered at the issuer.
#[derive(Clone, Debug)]
pub struct Resource(Url);

impl Resource {
    /// The resource of a server at this address.
    ///
    /// # Errors
    /// When that is no address of a server.
    pub fn below(base: &str) -> Result<Self, String> {
        let address = format!("{base}{PATH}");
        let url = Url::parse(&address).map_err(|error| format!("{address} is no address: {error}"))?;
        let is_plain = url.has_host() && url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
        if !is_plain || !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "{base} is not an address such as https://tools.example or https://tools.example/notes"
            ));
        }
        Ok(Self(url))
    }

    /// Its identifier, which is the address where clients reach it.
    pub fn identifier(&self) -> &str {
        self.0.as_str()
    }

    /// Where MCP is spoken, as a path.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// Where its metadata is, as a path: that of the resource comes last (RFC 9728 §3.1).
    fn metadata_path(&self) -> String {
        format!("/.well-known/oauth-protected-resource{}", self.0.path())
    }

    /// The answer of its metadata.
    pub fn metadata_route(&self, metadata: Value) -> Router {
        let answer = get(move || async move {
            // Clients in browsers read it, too.
            ([(ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (CACHE_CONTROL, "max-age=300")], Json(metadata))
        });
        Router::new().route(&self.metadata_path(), answer)
    }

    /// Each request stands for itself: there are no sessions that one caller could take over from another.
    pub fn transport(&self) -> StreamableHttpServerConfig {
        StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            // A name that an attacker points at this machine is not ours (DNS rebinding).
            .with_allowed_hosts([self.0.authority()])
            .enforce_origin_validation()
    }

    /// The answer to a request that is refused.
    pub fn refuse(&self, refusal: Refusal) -> Response {
        let (status, error, scope) = match refusal {
            // Who has not tried yet is told no error (RFC 6750 §3.1).
            Refusal::NoToken(scope) => (StatusCode::UNAUTHORIZED, None, scope),
            Refusal::BadToken => (StatusCode::UNAUTHORIZED, Some("invalid_token"), None),
            Refusal::Malformed => (StatusCode::BAD_REQUEST, Some("invalid_request"), None),
            Refusal::TooLittle(scope) => (StatusCode::FORBIDDEN, Some("insufficient_scope"), Some(scope)),
            Refusal::Unavailable => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Refusal::TooLarge => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Refusal::NoMessage => return (StatusCode::BAD_REQUEST, Json(no_message())).into_response(),
            Refusal::NoSession => return StatusCode::NOT_FOUND.into_response(),
        };
        let error = error.map(|error| format!(r#"error="{error}", "#)).unwrap_or_default();
        let scope = scope.map(|scope| format!(r#"scope="{scope}", "#)).unwrap_or_default();
        let metadata = format!("{}{}", self.0.origin().ascii_serialization(), self.metadata_path());
        let challenge = format!(r#"Bearer {error}{scope}resource_metadata="{metadata}""#);
        (status, [(WWW_AUTHENTICATE, challenge)]).into_response()
    }
}

/// Why a request does not pass.
#[derive(Debug)]
pub enum Refusal {
    /// There is no token, and one is needed; `Some` says what it has to permit
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
    /// It belongs to a session that is over, or that is not the caller's
    NoSession,
}

/// The token that a request brings, if it brings one.
///
/// # Errors
/// When there is a header, and it is not one bearer token.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") && values.next().is_none());
    token.map(|(_, token)| Some(token.trim())).ok_or(Refusal::Malformed)
}

/// The one message of a body.
///
/// # Errors
/// When it is none, or too long.
pub async fn message(body: Body) -> Result<Map<String, Value>, Refusal> {
    let bytes = to_bytes(body, MAX_BODY).await.map_err(unread)?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::NoMessage)
}

/// Why a body was not read to its end.
fn unread(error: axum::Error) -> Refusal {
    let is_too_long = matches!(error.source(), Some(cause) if cause.is::<LengthLimitError>());
    if is_too_long { Refusal::TooLarge } else { Refusal::NoMessage }
}

/// The answer to what is no message (JSON-RPC 2.0 §5.1).
fn no_message() -> Value {
    json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32600, "message": "the body is one JSON-RPC message" } })
}
