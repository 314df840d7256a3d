//! The way of a person who is asked: the page, the provider, and back.
//!
//! A link can be sent to anybody, and so can the address at which a provider sends people back. So the same is asked at each
//! step: is the person who is signed in here the one who was asked, and at the end also: is it the same browser. Whoever
//! finishes somebody else's way would give their own account to that one's agent, or take theirs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::app::App;
use crate::audit;
use crate::base::digest::{equal, sha256_text};
use crate::base::fault::Fault;
use crate::identity::form_token::BrowserId;
use crate::identity::session::SignedIn;
use crate::model::connection_session::{ConnectionSession, Departure, MEMORY, Status};
use crate::model::event::{Actor, EventKind};
use crate::model::provider::Provider;
use crate::model::workload::Workload;
use crate::protocol::parameters::Parameters;

use super::sessions::{SessionName, about};
use super::{Line, Trouble};
use crate::federation::connections::{self, NewConnection};
use crate::federation::upstream::{Account, Flow, Granted, UpstreamError};

/// What the `state` that goes to a provider begins with.
const STATE_PREFIX: &str = "gh_connect_";
/// The longest code that is exchanged, in characters.
const MAX_CODE: usize = 4096;

/// What a person is asked.
#[derive(Debug)]
pub struct Question {
    /// The session
    pub session: ConnectionSession,
    /// The end of its link
    pub name: String,
    /// Who asks
    pub workload: Workload,
    /// The name of the client that owns it
    pub client_name: String,
    /// Where
    pub provider: Provider,
}

/// What opening a link came to.
#[derive(Debug)]
pub enum Opened {
    /// The question
    Question(Box<Question>),
    /// There is none, or not any more
    Gone,
    /// Nobody is signed in
    SignInNeeded,
    /// It is for somebody else
    SomebodyElse,
}

/// Opens a link.
///
/// # Errors
/// When the database fails.
pub async fn open(app: &App, name: &SessionName, visitor: Option<&SignedIn>) -> Result<Opened, Fault> {
    let found = app.store.read().await?.connection_session(&name.id).await?;
    let Some(session) = found.filter(|session| name.is_of(session)) else {
        return Ok(Opened::Gone);
    };
    if !matches!(session.status_at(app.now()), Status::Pending | Status::Away) {
        return Ok(Opened::Gone);
    }
    let Some(visitor) = visitor else {
        return Ok(Opened::SignInNeeded);
    };
    if visitor.user.id != session.user_id {
        note_somebody_else(app, &session, visitor).await?;
        return Ok(Opened::SomebodyElse);
    }
    let Some((workload, client_name, provider)) = parties(app, &session).await? else {
        return Ok(Opened::Gone);
    };
    Ok(Opened::Question(Box::new(Question {
        session,
        name: name.text(),
        workload,
        client_name,
        provider,
    })))
}

/// The agent, the name of its client, and the provider; `None` when one of them is gone or disabled, or the agent may not
/// ask for this any more.
async fn parties(app: &App, session: &ConnectionSession) -> Result<Option<(Workload, String, Provider)>, Fault> {
    let mut connection = app.store.read().await?;
    let workload = connection.workload(&session.workload).await?;
    let is_same = |workload: &Workload| {
        let is_within = workload
            .ceiling(&session.provider_id)
            .is_some_and(|ceiling| session.scope.is_subset(ceiling));
        workload.id == session.workload_id && !workload.is_disabled && is_within
    };
    let Some(workload) = workload.filter(is_same) else {
        return Ok(None);
    };
    let client = connection.client(&workload.client_id).await?.filter(|client| !client.is_disabled);
    let provider = connection
        .provider(&session.provider_id)
        .await?
        .filter(|provider| !provider.is_disabled);
    Ok(client
        .zip(provider)
        .map(|(client, provider)| (workload, client.name.clone(), provider)))
}

async fn note_somebody_else(app: &App, session: &ConnectionSession, visitor: &SignedIn) -> Result<(), Fault> {
    let event = about(app, EventKind::ConnectionRefused, session)
        .refused()
        .detail("reason", "somebody else");
    audit::record_seldom(app, event.by(Actor::User(visitor.user.id.clone()))).await
}

/// Where a person goes who says yes: the address of the provider without what we say there.
///
/// # Errors
/// When the database fails.
pub async fn destination(app: &App, question: &Question) -> Result<Result<Url, Trouble>, Fault> {
    let line = Line::to(app, &question.provider).await?;
    Ok(line.map(|line| line.profile.authorization_endpoint))
}

/// What is kept of somebody who is away, sealed.
#[derive(Serialize, Deserialize)]
struct Away {
    flow: Flow,
    /// Where the code is meant to go
    token_endpoint: Url,
    /// The end of the link
    name: String,
}

/// What came of saying yes.
#[derive(Debug)]
pub enum Departed {
    /// To the provider
    To(String),
    /// Nowhere: the question is over
    Gone,
    /// Nowhere now
    Trouble(Trouble),
}

fn context(session_id: &str) -> Vec<u8> {
    format!("flow {session_id}").into_bytes()
}

/// The person says yes, and goes to the provider.
///
/// # Errors
/// When the database fails.
pub async fn depart(app: &App, question: &Question, browser: &BrowserId) -> Result<Departed, Fault> {
    let session = &question.session;
    let line = match Line::to(app, &question.provider).await? {
        Ok(line) => line,
        Err(trouble) => return Ok(Departed::Trouble(trouble)),
    };
    let state = format!("{STATE_PREFIX}{}{}", session.id, app.random.secret());
    let (address, flow) = line.upstream(app).authorize(&session.scope, &state, &session.parameters)?;
    let away = Away {
        flow,
        token_endpoint: line.profile.token_endpoint.clone(),
        name: question.name.clone(),
    };
    let plain = serde_json::to_vec(&away).map_err(Fault::internal)?;
    let departure = Departure {
        state_hash: sha256_text(&state),
        browser_hash: sha256_text(browser.as_str()),
        sealed_flow: app.secrets.connection_flow.seal(&app.random, &context(&session.id), &plain)?,
    };
    let mut tx = app.store.begin().await?;
    if !tx.depart(&session.id, &departure, app.now()).await? {
        return Ok(Departed::Gone);
    }
    tx.commit().await?;
    Ok(Departed::To(address.into()))
}

/// The person says no.
///
/// # Errors
/// When the database fails.
pub async fn decline(app: &App, question: &Question) -> Result<bool, Fault> {
    let mut tx = app.store.begin().await?;
    if !tx.cancel_connection_session(&question.session.id, app.now()).await? {
        return Ok(false);
    }
    let event = about(app, EventKind::ConnectionCancelled, &question.session);
    tx.record(event.by(Actor::User(question.session.user_id.clone()))).await?;
    tx.commit().await?;
    app.waiting.wake(&question.session.id);
    Ok(true)
}

/// What coming back came to.
#[derive(Debug)]
pub enum Arrived {
    /// The agent has what it asked for
    Done(Box<Question>, Account),
    /// It has not; why, in words for the person
    Failed(Box<Question>, &'static str),
    /// Nobody is on this way, or not any more
    Gone,
    /// Nobody is signed in
    SignInNeeded,
    /// It is somebody else's way, or another browser's
    SomebodyElse,
}

/// A person comes back from a provider: `provider_id` is the one whose address it is.
///
/// # Errors
/// When the database fails.
pub async fn arrive(
    app: &App,
    provider_id: &str,
    parameters: &Parameters,
    visitor: Option<&SignedIn>,
    browser: Option<&BrowserId>,
) -> Result<Arrived, Fault> {
    let Some((session, state_hash)) = on_the_way(app, provider_id, parameters).await? else {
        return Ok(Arrived::Gone);
    };
    let Some(visitor) = visitor else {
        return Ok(Arrived::SignInNeeded);
    };
    let is_here = |departure: &Departure| {
        browser.is_some_and(|browser| equal(departure.browser_hash.as_bytes(), sha256_text(browser.as_str()).as_bytes()))
    };
    if visitor.user.id != session.user_id || !session.departure.as_ref().is_some_and(is_here) {
        note_somebody_else(app, &session, visitor).await?;
        return Ok(Arrived::SomebodyElse);
    }
    let Some((workload, client_name, provider)) = parties(app, &session).await? else {
        return Ok(Arrived::Gone);
    };
    let sealed = session.departure.as_ref().map_or("", |departure| departure.sealed_flow.as_str());
    let away = app.secrets.connection_flow.open(&context(&session.id), sealed);
    let away: Option<Away> = away.and_then(|plain| serde_json::from_slice(&plain).ok());
    let away = away.ok_or_else(|| Fault::internal("the flow of a session does not open"))?;
    let mut tx = app.store.begin().await?;
    if !tx.arrive(&session.id, &state_hash, app.now()).await? {
        return Ok(Arrived::Gone);
    }
    tx.commit().await?;
    let question = Question {
        session,
        name: away.name.clone(),
        workload,
        client_name,
        provider,
    };
    let answer = read(parameters);
    let app = app.clone();
    // It comes to its end although the browser may have gone away.
    let finishing = tokio::spawn(async move { finish(&app, question, answer, &away).await });
    finishing.await.map_err(Fault::internal)?
}

/// The session whose person comes back with this state to this provider's address.
async fn on_the_way(app: &App, provider_id: &str, parameters: &Parameters) -> Result<Option<(ConnectionSession, String)>, Fault> {
    let Ok(Some(state)) = parameters.get("state") else {
        return Ok(None);
    };
    let Some(id) = state
        .strip_prefix(STATE_PREFIX)
        .and_then(|rest| rest.split_at_checked(32))
        .map(|(id, _)| id)
    else {
        return Ok(None);
    };
    let state_hash = sha256_text(state);
    let found = app.store.read().await?.connection_session(id).await?;
    let is_this = |session: &ConnectionSession| {
        let has_state = |departure: &Departure| equal(departure.state_hash.as_bytes(), state_hash.as_bytes());
        session.provider_id == provider_id
            && session.status_at(app.now()) == Status::Away
            && session.departure.as_ref().is_some_and(has_state)
    };
    Ok(found.filter(is_this).map(|session| (session, state_hash)))
}

/// What a provider sends with a person.
enum Answer {
    Code { code: String, iss: Option<String> },
    Denied,
    Unreadable,
}

fn read(parameters: &Parameters) -> Answer {
    let (Ok(code), Ok(error), Ok(iss)) = (parameters.get("code"), parameters.get("error"), parameters.get("iss")) else {
        return Answer::Unreadable;
    };
    match (code, error) {
        (Some(code), None) if !code.is_empty() && code.len() <= MAX_CODE => Answer::Code {
            code: code.to_owned(),
            iss: iss.map(str::to_owned),
        },
        (None, Some(_)) => Answer::Denied,
        _ => Answer::Unreadable,
    }
}

const DENIED: &str = "Access was not given there.";
const ANOTHER: &str = "The answer is not of the provider that you were sent to.";
const NO_TOKENS: &str = "The provider did not give what was asked for.";
const NOT_NOW: &str = "The provider does not answer.";
const NOT_KEPT: &str = "What the provider gave could not be kept.";
/// How often it is tried to keep what was given: it may be given once only.
const ATTEMPTS: u32 = 5;
/// How long is waited before it is tried again, the first time.
const INTERVAL: Duration = Duration::from_millis(100);

async fn finish(app: &App, question: Question, answer: Answer, away: &Away) -> Result<Arrived, Fault> {
    let outcome = complete(app, &question, answer, away).await.unwrap_or_else(|fault| {
        // Whoever waits is told, if the database lets us.
        tracing::error!(event = "connection_not_made", session = question.session.id, "{fault}");
        Err((NOT_KEPT, "a fault".to_owned()))
    });
    let (session, keep_until) = (&question.session, app.now() + MEMORY);
    let mut tx = app.store.begin().await?;
    let arrived = match outcome {
        Ok((account, id)) => {
            tx.end_connection_session(&session.id, Ok(&id), keep_until).await?;
            tx.commit().await?;
            app.waiting.wake(&session.id);
            return Ok(Arrived::Done(Box::new(question), account));
        }
        Err((text, detail)) => {
            tx.end_connection_session(&session.id, Err(text), keep_until).await?;
            let event = about(app, EventKind::ConnectionRefused, session).refused();
            let event = event.by(Actor::User(session.user_id.clone()));
            tx.record(event.detail("reason", detail.as_str())).await?;
            text
        }
    };
    tx.commit().await?;
    app.waiting.wake(&session.id);
    Ok(Arrived::Failed(Box::new(question), arrived))
}

type Failure = (&'static str, String);

async fn complete(app: &App, question: &Question, answer: Answer, away: &Away) -> Result<Result<(Account, String), Failure>, Fault> {
    let (code, iss) = match answer {
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
    if line.profile.token_endpoint != away.token_endpoint {
        return Ok(Err((NO_TOKENS, "the provider was changed meanwhile".to_owned())));
    }
    let upstream = line.upstream(app);
    let (granted, account) = match upstream.exchange(&code, &away.flow, &session.scope).await? {
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
    let tokens = granted.tokens.clone();
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
        super::revoke(app, &question.provider, &line, &tokens).await?;
    }
    Ok(kept?.map_or_else(
        || Err((NO_TOKENS, "the agent, the person or the provider is gone or was changed".to_owned())),
        |id| Ok((account, id)),
    ))
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
