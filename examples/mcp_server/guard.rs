//! What every request passes first: whose token is it, and may it do that? What it refuses it refuses as RFC 6750 §3
//! and RFC 9728 §5.1 say, from which clients learn where to get a token and what it has to permit.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Map, Value};

use crate::caller::{Caller, Check};
use crate::shared::introspection::CheckError;
use crate::shared::mcp::{Refusal, Resource, bearer, message};
use crate::tools::{Takes, Tool};

/// What may be asked without a token: what the server is and which tools it has.
const OPEN: [&str; 5] = ["initialize", "notifications/initialized", "ping", "server/discover", "tools/list"];

/// The guard.
pub struct Guard {
    check: Check,
    resource: Resource,
    is_private: bool,
}

impl Guard {
    /// A guard that checks tokens for this resource like this. A private one lets nobody say anything without a token.
    pub fn new(check: Check, resource: Resource, is_private: bool) -> Self {
        Self {
            check,
            resource,
            is_private,
        }
    }

    /// Who calls; `None` for who brings no token. Who brings a bad one is refused whatever the request is, so that
    /// the client gets a new one.
    async fn caller(&self, headers: &HeaderMap) -> Result<Option<Caller>, Refusal> {
        let Some(token) = bearer(headers)? else { return Ok(None) };
        match self.check.caller(token).await {
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
            let message = message(body).await?;
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
}

/// Lets a request through that may pass.
pub async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.judge(request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => guard.resource.refuse(refusal),
    }
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
