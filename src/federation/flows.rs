//! Flows of agents that end at the browser of their person.
//!
//! ```text
//! agent ── bind (a token of the person, the session of the flow) ──▶ user_bindings row
//! provider ── browser of the person ──▶ complete: the person is the one of the row, once ──▶ whoever has the session
//! ```
//!
//! The one who finishes a flow is the one for whom it was begun: the binding is of one flow, and the session at the
//! browser says who is there.

use serde_json::json;
use tracing::Instrument;

use crate::app::App;
use crate::audit;
use crate::base::clock::Seconds;
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::base::request;
use crate::config::relay::CompletionUrl;
use crate::identity::session::SignedIn;
use crate::model::event::{Actor, EventKind};
use crate::model::user_binding::{LIFETIME, OPEN, REPLAY_MEMORY, UserBinding};
use crate::protocol::error::{Refusal, invalid_request};
use crate::store::Tx;

use super::program::Program;
use super::user_tokens::{self, Named};

/// The most characters of the name of a session.
pub const MAX_SESSION: usize = 1024;

/// What binding came to.
#[derive(Debug)]
pub enum Binding {
    /// The flow is bound, for so many seconds
    Bound(Seconds),
    /// It is not
    Refused(Refusal),
    /// There were too many tokens that name nobody; try again after so many seconds
    TooMany(Seconds),
    /// The issuer of the token cannot be asked for its keys now
    Unreadable,
}

/// Binds a flow to the person whom a token names: the one of this session, or else the next that this person comes
/// back from.
///
/// # Errors
/// When the database fails.
pub async fn bind(app: &App, program: &Program, user_token: &str, session: Option<&str>) -> Result<Binding, Fault> {
    let now = app.now();
    if session.is_some_and(|session| session.is_empty() || session.len() > MAX_SESSION) {
        let refusal = invalid_request("session_id is empty or has more than 1024 characters");
        return Ok(Binding::Refused(refusal));
    }
    let owner = program.owner();
    let user = match user_tokens::named(app, owner.client_id(), user_token).await? {
        Named::Account(user) => user,
        Named::Unreadable => return Ok(Binding::Unreadable),
        Named::Nobody => return refuse_token(app, program).await,
    };
    let id = session.map_or_else(|| format!("{OPEN}{}", new_id(&app.clock, &app.random)), sha256_text);
    let sealed = app.secrets.user_token.seal(&app.random, id.as_bytes(), user_token.as_bytes())?;
    let event = app.event(EventKind::FlowBound).by(program.actor()).subject(&user.id);
    let event = event.target(&id).client_if_any(owner.client_id());
    let binding = UserBinding {
        id,
        owner,
        user_id: user.id.clone(),
        sealed_user_token: Some(sealed),
        created_at: now,
        expires_at: now + LIFETIME,
        completed_at: None,
    };
    let mut tx = app.store.begin().await?;
    if !tx.insert_user_binding(&binding).await? {
        let refusal = invalid_request("the flow of this session is bound already, or was completed");
        return Ok(Binding::Refused(refusal));
    }
    tx.record(event).await?;
    tx.commit().await?;
    Ok(Binding::Bound(LIFETIME))
}

/// Counts and notes a token that names nobody.
async fn refuse_token(app: &App, program: &Program) -> Result<Binding, Fault> {
    let owner = program.owner();
    let event = app.event(EventKind::FlowRefused).refused().by(program.actor());
    let event = event.client_if_any(owner.client_id()).detail("reason", "user token");
    Ok(match user_tokens::refuse(app, owner.client_id(), event).await? {
        Err(seconds) => Binding::TooMany(seconds),
        Ok(refusal) => Binding::Refused(refusal),
    })
}

/// What completing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// Done
    Done,
    /// No flow of this session waits for this person: it is unknown, over, or was completed
    Unknown,
    /// The flow waits for somebody else
    SomebodyElse,
    /// Whoever has the session did not complete it
    Failed,
}

/// Completes the flow of a session, if it is bound to the person who is signed in. It is consumed before anybody else
/// is told: the same address does nothing a second time, whatever becomes of it.
///
/// # Errors
/// When the database fails.
pub async fn complete(app: &App, url: &CompletionUrl, session: &str, visitor: &SignedIn) -> Result<Completion, Fault> {
    if !is_known(app, session, &visitor.user.id).await? {
        return Ok(Completion::Unknown);
    }
    let (app, url, session, visitor) = (app.clone(), url.clone(), session.to_owned(), visitor.clone());
    // Once it is consumed it comes to its end, and to an event, although the browser may have gone away.
    let completing =
        tokio::spawn(request::carried(async move { complete_to_the_end(&app, &url, &session, &visitor).await }).in_current_span());
    completing.await.map_err(Fault::internal)?
}

/// Whether there is anything to complete: looking costs less than what whoever completes holds.
async fn is_known(app: &App, session: &str, user_id: &str) -> Result<bool, Fault> {
    let mut connection = app.store.read().await?;
    let of_session = connection.user_binding(&sha256_text(session)).await?;
    Ok(of_session.is_some() || connection.open_user_binding(user_id, app.now()).await?.is_some())
}

async fn complete_to_the_end(app: &App, url: &CompletionUrl, session: &str, visitor: &SignedIn) -> Result<Completion, Fault> {
    let target = sha256_text(session);
    let event = |kind, of: &UserBinding| {
        let event = app.event(kind).by(Actor::User(visitor.user.id.clone())).subject(&of.user_id);
        event.target(&target).client_if_any(of.owner.client_id())
    };
    let binding = match consume(app, session, visitor).await? {
        Consumed::Binding(binding) => binding,
        Consumed::Nothing => return Ok(Completion::Unknown),
        Consumed::SomebodyElse(binding) => {
            let refused = event(EventKind::FlowRefused, &binding).refused();
            audit::record_seldom(app, refused.detail("reason", "somebody else")).await?;
            return Ok(Completion::SomebodyElse);
        }
    };
    let outcome = tell(app, url, session, &binding).await;
    let event = match &outcome {
        Ok(()) => event(EventKind::FlowCompleted, &binding),
        Err(problem) => event(EventKind::FlowRefused, &binding).refused().detail("reason", problem.as_str()),
    };
    let mut tx = app.store.begin().await?;
    tx.record(event).await?;
    tx.commit().await?;
    Ok(if outcome.is_ok() { Completion::Done } else { Completion::Failed })
}

enum Consumed {
    Binding(UserBinding),
    Nothing,
    SomebodyElse(UserBinding),
}

/// How often another binding is looked for when somebody else was faster.
const ATTEMPTS: usize = 20;

async fn consume(app: &App, session: &str, visitor: &SignedIn) -> Result<Consumed, Fault> {
    for _ in 0..ATTEMPTS {
        if let Some(consumed) = try_to_consume(app, session, visitor).await? {
            return Ok(consumed);
        }
    }
    Ok(Consumed::Nothing)
}

/// Consumes the binding of the session, or else the oldest one of the person whose session is not known. `None` when
/// somebody else took that one.
async fn try_to_consume(app: &App, session: &str, visitor: &SignedIn) -> Result<Option<Consumed>, Fault> {
    let (now, id) = (app.now(), sha256_text(session));
    let mut tx = app.store.begin().await?;
    if let Some(binding) = tx.user_binding(&id).await? {
        if binding.user_id != visitor.user.id {
            return Ok(Some(Consumed::SomebodyElse(binding)));
        }
        let is_done = may_complete(&mut tx, &binding).await? && tx.complete_user_binding(&id, now, now + REPLAY_MEMORY).await?;
        if !is_done {
            return Ok(Some(Consumed::Nothing));
        }
        tx.commit().await?;
        return Ok(Some(Consumed::Binding(binding)));
    }
    let Some(binding) = tx.open_user_binding(&visitor.user.id, now).await? else {
        return Ok(Some(Consumed::Nothing));
    };
    if !may_complete(&mut tx, &binding).await? {
        return Ok(Some(Consumed::Nothing));
    }
    let spent = UserBinding {
        id,
        sealed_user_token: None,
        expires_at: now + REPLAY_MEMORY,
        completed_at: Some(now),
        ..binding.clone()
    };
    if !tx.take_user_binding(&binding.id).await? {
        return Ok(None);
    }
    if !tx.insert_user_binding(&spent).await? {
        return Ok(Some(Consumed::Nothing));
    }
    tx.commit().await?;
    Ok(Some(Consumed::Binding(binding)))
}

/// Whether the agent that bound the flow is still there, and may still do that.
async fn may_complete(tx: &mut Tx, binding: &UserBinding) -> Result<bool, Fault> {
    let Some(client_id) = binding.owner.client_id() else {
        return Ok(true);
    };
    let client = tx.client(client_id).await?;
    Ok(client.is_some_and(|client| !client.is_disabled && client.may_use_relay()))
}

/// Tells whoever has the session that its person is there; what went wrong, for the operator.
async fn tell(app: &App, url: &CompletionUrl, session: &str, binding: &UserBinding) -> Result<(), String> {
    let sealed = binding.sealed_user_token.as_deref().unwrap_or_default();
    let token = app.secrets.user_token.open(binding.id.as_bytes(), sealed);
    let token = token.and_then(|token| String::from_utf8(token).ok());
    let Some(token) = token else {
        return Err("the user token does not open".to_owned());
    };
    let body = json!({ "sessionUri": session, "userIdentifier": { "userToken": token } });
    let bearer = app.config.relay.completion_token.as_ref().map(secrecy::ExposeSecret::expose_secret);
    let answer = app.posts.post(url.as_url(), bearer, body.to_string().into_bytes()).await;
    let problem = match answer {
        Ok(status) if (200..300).contains(&status) => return Ok(()),
        Ok(status) => format!("the answer has status {status}"),
        Err(error) => error.to_string(),
    };
    tracing::warn!(event = "flow_not_completed", "the completion of a flow failed: {problem}");
    Err(problem)
}
