//! What every request passes first: it brings an access token of a person that is for this gateway (RFC 9068), and what it
//! is refused with says where to get one (RFC 9728).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::questions::Asker;
use super::ticket::Tickets;
use crate::shared::mcp::{Refusal, Resource, bearer, message};
use crate::tokens::{TokenError, Verifier};

/// What a token has to permit.
pub const SCOPE: &str = "people:read";

/// The id of a session, in revisions of MCP that have sessions.
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Who calls.
#[derive(Clone)]
pub struct Caller {
    /// The person, and their client
    pub asker: Asker,
    /// What they brought. It goes to Gatehouse, and nowhere else
    pub token: SecretString,
    /// Whether the client said at the beginning of a session that it can have the person open links
    pub can_open_links: bool,
}

/// The guard.
pub struct Guard {
    /// Knows tokens for this resource
    pub verifier: Verifier,
    /// Knows tickets
    pub tickets: Tickets,
    /// The gateway
    pub resource: Resource,
}

impl Guard {
    /// The request, if it may pass, with its [`Caller`]; and the ticket to answer with.
    async fn judge(&self, request: Request) -> Result<(Request, Option<String>), Refusal> {
        let (mut parts, body) = request.into_parts();
        let token = bearer(&parts.headers)?.ok_or(Refusal::NoToken(Some(SCOPE)))?;
        let known = self.verifier.verify(token).await.map_err(|error| match error {
            TokenError::Invalid => Refusal::BadToken,
            TokenError::KeysUnavailable(problem) => {
                eprintln!("A token cannot be checked: {problem}");
                Refusal::Unavailable
            }
        })?;
        if !known.permits(SCOPE) {
            return Err(Refusal::TooLittle(SCOPE));
        }
        let asker = (known.sub, known.client_id);
        let token = SecretString::from(token.to_owned());
        let mut ticket = None;
        let mut can_open_links = self.recall(&asker, &parts.headers)?;
        let body = if parts.method == Method::POST {
            let message = message(body).await?;
            if message.get("method").and_then(Value::as_str) == Some("initialize") {
                can_open_links = says_it_opens_links(&message);
                ticket = Some(self.tickets.issue(&asker, can_open_links));
            }
            // What was judged is what goes on.
            parts.headers.remove(CONTENT_LENGTH);
            Body::from(Value::Object(message).to_string())
        } else {
            Body::empty()
        };
        parts.extensions.insert(Caller {
            asker,
            token,
            can_open_links,
        });
        Ok((Request::from_parts(parts, body), ticket))
    }

    /// What the client of a session said at its beginning. Whoever has no session said nothing.
    fn recall(&self, asker: &Asker, headers: &HeaderMap) -> Result<bool, Refusal> {
        let Some(ticket) = headers.get(SESSION) else { return Ok(false) };
        let ticket = ticket.to_str().ok();
        ticket.and_then(|ticket| self.tickets.open(asker, ticket)).ok_or(Refusal::NoSession)
    }
}

/// Lets a request through that may pass.
pub async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let (request, ticket) = match guard.judge(request).await {
        Ok(passed) => passed,
        Err(refusal) => return guard.resource.refuse(refusal),
    };
    let mut answer = next.run(request).await;
    if let Some(Ok(ticket)) = ticket.map(HeaderValue::try_from)
        && answer.status().is_success()
    {
        answer.headers_mut().insert(SESSION, ticket);
    }
    answer
}

/// Whether the first message of a session says that links can be opened (`elicitation.url`).
fn says_it_opens_links(message: &Map<String, Value>) -> bool {
    let said = message
        .get("params")
        .and_then(|params| params.pointer("/capabilities/elicitation/url"));
    said.is_some_and(Value::is_object)
}
