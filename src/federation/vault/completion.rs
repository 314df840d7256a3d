//! The end of the way: the code becomes tokens, and the tokens a connection.
//!
//! An agent may have asked to complete its sessions itself (`needs_completion`). It has a way of its own to know people, and
//! says who came back to it: only then, and only if it is the one who was asked, is the code exchanged.

use std::time::Duration;

use tracing::Instrument;

use crate::app::App;
use crate::audit;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::base::request;
use crate::federation::connections::{self, NewConnection};
use crate::federation::upstream::{Account, Granted, UpstreamError};
use crate::federation::workloads::Agent;
use crate::identity::session::SignedIn;
use crate::model::connection::Binding;
use crate::model::connection_session::{ConnectionSession, MEMORY, Status};
use crate::model::event::{Actor, EventKind};
use crate::store::NewTokens;

use super::Line;
use super::question::{Answer, Back, Question};
use super::sessions::{SessionName, about};

const DENIED: &str = "Access was not given there.";
const ANOTHER: &str = "The answer is not of the provider that you were sent to.";
const NO_TOKENS: &str = "The provider did not give what was asked for.";
const NOT_NOW: &str = "The provider does not answer.";
const NOT_KEPT: &str = "What the provider gave could not be kept.";
/// How often it is tried to keep what was given: it may be given once only.
const ATTEMPTS: u32 = 5;
/// How long is waited before it is tried again, the first time.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long is waited for somebody else who completes the same session.
const PATIENCE: Duration = Duration::from_secs(20);

/// What completing a session came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// There is a connection; its id
    Done(String),
    /// There is none; why, in words for the agent
    Failed(String),
    /// There is no such session, or nothing to complete
    Unknown,
    /// The session is for somebody else
    SomebodyElse,
}

/// Completes a session of this name, for the person with this id, of whom the client whose agent it is says that they came
/// back to it; it has been read just now, and whose it is looked at. What was completed before is told once more.
///
/// # Errors
/// When the database fails.
pub async fn complete_for(app: &App, session: ConnectionSession, name: &SessionName, user_id: &str) -> Result<Completion, Fault> {
    if name.is_of(&session) {
        complete(app, session, name, user_id).await
    } else {
        Ok(Completion::Unknown)
    }
}

/// As [`complete_for`], by an agent that acts for the person.
///
/// # Errors
/// When the database fails.
pub async fn complete_by(app: &App, agent: &Agent, name: &SessionName) -> Result<Completion, Fault> {
    let session = app.store.read().await?.connection_session(&name.id).await?;
    let is_its_own = |session: &ConnectionSession| name.is_of(session) && session.workload_id == agent.workload.id;
    match (session.filter(is_its_own), &agent.user_id) {
        (Some(session), Some(user_id)) => complete(app, session, name, user_id).await,
        _ => Ok(Completion::Unknown),
    }
}

/// As [`complete_for`], at a page of this server, which knows people itself. `page` is its address: only sessions whose
/// people come back there are completed there.
///
/// # Errors
/// When the database fails.
pub async fn complete_at(app: &App, page: &str, name: &SessionName, visitor: &SignedIn) -> Result<Completion, Fault> {
    let session = app.store.read().await?.connection_session(&name.id).await?;
    let is_here = |session: &ConnectionSession| name.is_of(session) && session.return_uri.as_deref() == Some(page);
    match session.filter(is_here) {
        Some(session) => complete(app, session, name, &visitor.user.id).await,
        None => Ok(Completion::Unknown),
    }
}

async fn complete(app: &App, session: ConnectionSession, name: &SessionName, user_id: &str) -> Result<Completion, Fault> {
    if !session.needs_completion {
        return Ok(Completion::Unknown);
    }
    if session.user_id != user_id {
        let event = about(app, EventKind::ConnectionRefused, &session).refused();
        audit::record_seldom(app, event.detail("reason", "somebody else")).await?;
        return Ok(Completion::SomebodyElse);
    }
    if session.status_at(app.now()) != Status::Returned {
        return outcome(app, session).await;
    }
    let sealed = session.sealed_return.clone().unwrap_or_default();
    let back = Back::open(app, &session.id, &sealed)?;
    let Some(question) = Question::of(app, session, name.text()).await? else {
        return Ok(Completion::Unknown);
    };
    let mut tx = app.store.begin().await?;
    if !tx.complete_connection_session(&question.session.id, app.now()).await? {
        drop(tx);
        return outcome(app, question.session).await;
    }
    tx.commit().await?;
    let (_, outcome) = finish(app, question, back).await?;
    Ok(outcome.map_or_else(|problem| Completion::Failed(problem.to_owned()), |made| Completion::Done(made.id)))
}

/// What completing a session has come to, or comes to while somebody else does it.
async fn outcome(app: &App, mut session: ConnectionSession) -> Result<Completion, Fault> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let is_completing = match (session.status_at(app.now()), &session.connection_id, &session.failure) {
            (Status::Completed, Some(id), _) => return Ok(Completion::Done(id.clone())),
            (Status::Failed, _, Some(failure)) => return Ok(Completion::Failed(failure.clone())),
            (Status::Completing | Status::Returned, ..) => true,
            _ => false,
        };
        if !is_completing || tokio::time::Instant::now() >= until {
            return Ok(Completion::Unknown);
        }
        tokio::time::sleep(INTERVAL).await;
        match app.store.read().await?.connection_session(&session.id).await? {
            Some(read) => session = read,
            None => return Ok(Completion::Unknown),
        }
    }
}

/// A connection that was made.
pub(super) struct Made {
    /// Its id
    pub id: String,
    /// Whose it is there
    pub account: Account,
}

/// Ends a session with what came back: with a connection, or with why there is none.
///
/// # Errors
/// When the database fails.
pub(super) async fn finish(app: &App, question: Question, back: Back) -> Result<(Question, Result<Made, &'static str>), Fault> {
    let app = app.clone();
    // It comes to its end although whoever waits for it may have gone away.
    let finishing = tokio::spawn(request::carried(async move { finish_to_the_end(&app, question, back).await }).in_current_span());
    finishing.await.map_err(Fault::internal)?
}

async fn finish_to_the_end(app: &App, question: Question, back: Back) -> Result<(Question, Result<Made, &'static str>), Fault> {
    let outcome = exchange(app, &question, back).await.unwrap_or_else(|fault| {
        // Whoever waits is told, if the database lets us.
        tracing::error!(event = "connection_not_made", session = question.session.id, "{fault}");
        Err((NOT_KEPT, "a fault".to_owned()))
    });
    let (session, keep_until) = (&question.session, app.now() + MEMORY);
    let mut tx = app.store.begin().await?;
    let outcome = match outcome {
        Ok(made) => {
            tx.end_connection_session(&session.id, Ok(&made.id), keep_until).await?;
            Ok(made)
        }
        Err((text, detail)) => {
            tx.end_connection_session(&session.id, Err(text), keep_until).await?;
            let event = about(app, EventKind::ConnectionRefused, session).refused();
            let event = event.by(Actor::User(session.user_id.clone()));
            tx.record(event.detail("reason", detail.as_str())).await?;
            Err(text)
        }
    };
    tx.commit().await?;
    app.waiting.wake(&session.id);
    Ok((question, outcome))
}

type Failure = (&'static str, String);

async fn exchange(app: &App, question: &Question, back: Back) -> Result<Result<Made, Failure>, Fault> {
    let (code, iss) = match back.answer {
        Answer::Code { code, iss } => (code, iss),
        Answer::Denied => return Ok(Err((DENIED, "denied".to_owned()))),
        Answer::Unreadable => return Ok(Err((NO_TOKENS, "unreadable".to_owned()))),
    };
    let session = &question.session;
    let line = match Line::to(app, &question.provider).await? {
        Ok(line) => line,
        Err(trouble) => return Ok(Err((NOT_NOW, trouble.to_string()))),
    };
    // Before the code goes anywhere (RFC 9207 §2.4): it may be of another provider, for which this one has set a trap.
    let is_right = match (&iss, &line.profile.issuer) {
        (Some(iss), Some(issuer)) => iss == issuer,
        (None, _) => !line.profile.requires_iss && !question.provider.requires_iss,
        (Some(_), None) => true,
    };
    if !is_right {
        return Ok(Err((ANOTHER, "issuer".to_owned())));
    }
    if line.profile.token_endpoint != back.away.token_endpoint {
        return Ok(Err((NO_TOKENS, "the provider was changed meanwhile".to_owned())));
    }
    let upstream = line.upstream(app);
    let (granted, account) = match upstream.exchange(&code, &back.away.flow, &session.scope).await? {
        Ok(exchanged) => exchanged,
        Err(error) => {
            super::note_trouble(&question.provider, &error);
            let text = if matches!(error, UpstreamError::Away(_) | UpstreamError::Limited(_) | UpstreamError::Busy) {
                NOT_NOW
            } else {
                NO_TOKENS
            };
            return Ok(Err((text, error.to_string())));
        }
    };
    let mut attempts = 0;
    let kept = loop {
        let kept = keep(app, question, &account, &granted).await;
        attempts += 1;
        match kept {
            Err(fault) if attempts < ATTEMPTS => {
                tracing::warn!(event = "tokens_not_stored", session = session.id, "{fault}");
                tokio::time::sleep(INTERVAL * attempts).await;
            }
            kept => break kept,
        }
    };
    if !matches!(kept, Ok(Some(_))) {
        // Nobody has them here, so nobody should.
        take_back(app, question, &line, &granted).await?;
    }
    Ok(kept?.map_or_else(
        || Err((NO_TOKENS, "the agent, the person or the provider is gone or was changed".to_owned())),
        |id| Ok(Made { id, account }),
    ))
}

/// Takes back what was granted and could not be kept: at once, since it may be the database that kept nothing, or later.
async fn take_back(app: &App, question: &Question, line: &Line, granted: &Granted) -> Result<(), Fault> {
    if super::revoke(app, &question.provider, line, &granted.tokens).await? {
        return Ok(());
    }
    let binding = Binding {
        connection_id: new_id(&app.clock, &app.random),
        workload: question.workload.name.clone(),
        user_id: question.session.user_id.clone(),
        provider_id: question.provider.id.clone(),
    };
    let new = NewTokens {
        tokens: app.envelope.seal(&app.random, &binding, &granted.tokens)?,
        scope: granted.scope.clone(),
        resource: None,
        token_expires_at: granted.expires_at,
    };
    super::revocations::queue(app, &question.provider, &binding, &new).await
}

/// Keeps what was granted; the id of the connection. `None` when the agent or the person is not there any more, or the
/// provider not as it was: a refresh token must go nowhere else than where it is from.
async fn keep(app: &App, question: &Question, account: &Account, granted: &Granted) -> Result<Option<String>, Fault> {
    let session = &question.session;
    let new = NewConnection {
        user_id: session.user_id.clone(),
        provider_id: session.provider_id.clone(),
        account: account.id.clone(),
        account_label: account.label.clone(),
        scope: granted.scope.clone(),
        resource: session.resource.clone(),
        tokens: granted.tokens.clone(),
        token_expires_at: granted.expires_at,
    };
    let mut tx = app.store.begin().await?;
    if !tx.hold_provider(&question.provider).await? {
        return Ok(None);
    }
    let Some(connection) = connections::keep(app, &mut tx, &question.workload, &new).await? else {
        return Ok(None);
    };
    let event = super::about(app, EventKind::ConnectionMade, &connection);
    let event = event
        .by(Actor::User(session.user_id.clone()))
        .detail("scope", connection.scope.to_string());
    tx.record(event).await?;
    tx.commit().await?;
    Ok(Some(connection.id))
}
