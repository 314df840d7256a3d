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

use crate::app::App;
use crate::audit;
use crate::base::clock::Seconds;
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::config::relay::CompletionUrl;
use crate::identity::quota::Quota;
use crate::identity::session::SignedIn;
use crate::model::event::{Actor, EventKind};
use crate::model::user_binding::{LIFETIME, REPLAY_MEMORY, UserBinding};
use crate::protocol::error::{Refusal, invalid_grant, invalid_request};
use crate::store::Tx;

use super::relay::program::{Program, has_scope};
use super::user_tokens;

/// The most characters of the name of a session.
pub const MAX_SESSION: usize = 1024;

/// What the id of a binding begins with whose session is not known.
const OPEN: &str = "open.";

/// What binding came to.
#[derive(Debug)]
pub enum Binding {
    /// The flow is bound, for so many seconds
    Bound(Seconds),
    /// It is not
    Refused(Refusal),
    /// There were too many tokens that name nobody; try again after so many seconds
    TooMany(Seconds),
}

/// Binds a flow to the person whom a token names: the one of this session, or else the next that this person comes
/// back from.
///
/// # Errors
/// When the database fails.
pub async fn bind(app: &App, program: &Program, user_token: &str, session: Option<&str>) -> Result<Binding, Fault> {
    let now = app.now();
    if session.is_some_and(|session| session.is_empty() || session.len() > MAX_SESSION) {
        return Ok(Binding::Refused(invalid_request(
            "session_id is empty or has more than 1024 characters",
        )));
    }
    let owner = program.owner();
    let client_id = owner.client_id().unwrap_or_default();
    let quota = Quota::of_refused_binding(app, client_id);
    let mut connection = app.store.read().await?;
    if let Some(seconds) = quota.exceeded_for(&mut connection, now).await? {
        return Ok(Binding::TooMany(seconds));
    }
    drop(connection);
    let Some(user) = user_tokens::account(app, owner.client_id(), user_token).await? else {
        let mut tx = app.store.begin().await?;
        if quota.spend(&mut tx, now).await?.is_none() {
            let mut event = app.event(EventKind::FlowRefused).refused().by(program.actor());
            event.client_id = owner.client_id().map(str::to_owned);
            tx.record(event.detail("reason", "user token")).await?;
            tx.commit().await?;
        }
        return Ok(Binding::Refused(invalid_grant(
            "user_token is not a token of a person here: it is unknown, has expired, or is for somebody else",
        )));
    };
    let id = session.map_or_else(|| format!("{OPEN}{}", new_id(&app.clock, &app.random)), sha256_text);
    let sealed = app.secrets.user_token.seal(&app.random, id.as_bytes(), user_token.as_bytes())?;
    let binding = UserBinding {
        client_id: client_id.to_owned(),
        user_id: user.id.clone(),
        sealed_user_token: Some(sealed),
        created_at: now,
        expires_at: now + LIFETIME,
        completed_at: None,
        id,
    };
    let mut event = app
        .event(EventKind::FlowBound)
        .by(program.actor())
        .subject(&user.id)
        .target(&binding.id);
    event.client_id = owner.client_id().map(str::to_owned);
    let mut tx = app.store.begin().await?;
    if !tx.insert_user_binding(&binding).await? {
        return Ok(Binding::Refused(invalid_request(
            "the flow of this session is bound already, or was completed",
        )));
    }
    tx.record(event).await?;
    tx.commit().await?;
    Ok(Binding::Bound(LIFETIME))
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
    let event = |kind| app.event(kind).by(Actor::User(visitor.user.id.clone())).subject(&visitor.user.id);
    let binding = match consume(app, session, visitor).await? {
        Consumed::Binding(binding) => binding,
        Consumed::Nothing => return Ok(Completion::Unknown),
        Consumed::SomebodyElse(user_id) => {
            let refused = event(EventKind::FlowRefused)
                .refused()
                .subject(&user_id)
                .target(&sha256_text(session));
            audit::record_seldom(app, refused.detail("reason", "somebody else")).await?;
            return Ok(Completion::SomebodyElse);
        }
    };
    let outcome = tell(app, url, session, &binding).await;
    let mut event = match &outcome {
        Ok(()) => event(EventKind::FlowCompleted),
        Err(problem) => event(EventKind::FlowRefused).refused().detail("reason", problem.as_str()),
    };
    event = event.target(&sha256_text(session));
    event.client_id = Some(binding.client_id).filter(|id| !id.is_empty());
    let mut tx = app.store.begin().await?;
    tx.record(event).await?;
    tx.commit().await?;
    Ok(if outcome.is_ok() { Completion::Done } else { Completion::Failed })
}

enum Consumed {
    Binding(UserBinding),
    Nothing,
    SomebodyElse(String),
}

async fn consume(app: &App, session: &str, visitor: &SignedIn) -> Result<Consumed, Fault> {
    let (now, id) = (app.now(), sha256_text(session));
    let mut tx = app.store.begin().await?;
    if let Some(binding) = tx.user_binding(&id).await? {
        if binding.user_id != visitor.user.id {
            return Ok(Consumed::SomebodyElse(binding.user_id));
        }
        if !may_complete(&mut tx, &binding).await? {
            return Ok(Consumed::Nothing);
        }
        if !tx.complete_user_binding(&id, now, now + REPLAY_MEMORY).await? {
            return Ok(Consumed::Nothing);
        }
        tx.commit().await?;
        return Ok(Consumed::Binding(binding));
    }
    let Some(binding) = tx.open_user_binding(&visitor.user.id, now).await? else {
        return Ok(Consumed::Nothing);
    };
    if !may_complete(&mut tx, &binding).await? {
        return Ok(Consumed::Nothing);
    }
    let spent = UserBinding {
        id,
        sealed_user_token: None,
        expires_at: now + REPLAY_MEMORY,
        completed_at: Some(now),
        ..binding.clone()
    };
    if !tx.take_user_binding(&binding.id).await? || !tx.insert_user_binding(&spent).await? {
        return Ok(Consumed::Nothing);
    }
    tx.commit().await?;
    Ok(Consumed::Binding(binding))
}

/// Whether the agent that bound the flow is still there, and may still do that.
async fn may_complete(tx: &mut Tx, binding: &UserBinding) -> Result<bool, Fault> {
    if binding.client_id.is_empty() {
        return Ok(true);
    }
    let client = tx.client(&binding.client_id).await?;
    Ok(client.is_some_and(|client| !client.is_disabled && has_scope(&client)))
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
    let answer = app.operator_fetch.post(url.as_url(), bearer, body.to_string().into_bytes()).await;
    let problem = match answer {
        Ok(status) if (200..300).contains(&status) => return Ok(()),
        Ok(status) => format!("the answer has status {status}"),
        Err(error) => error.to_string(),
    };
    tracing::warn!(event = "flow_not_completed", "the completion of a flow failed: {problem}");
    Err(problem)
}
