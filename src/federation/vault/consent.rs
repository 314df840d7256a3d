//! The way of a person who is asked: the page, the provider, and back.
//!
//! A link can be sent to anybody, and so can the address at which a provider sends people back. So the same is asked at each
//! step: is the person who is signed in here the one who was asked, and at the end also: is it the same browser. Whoever
//! finishes somebody else's way would give their own account to that one's agent, or take theirs. What is done with the
//! code is in `completion`.

use url::Url;

use crate::app::App;
use crate::audit;
use crate::base::digest::{equal, sha256_text};
use crate::base::fault::Fault;
use crate::base::redacted::redacted;
use crate::identity::form_token::BrowserId;
use crate::identity::session::SignedIn;
use crate::model::connection_session::{ConnectionSession, Departure, Status};
use crate::model::event::{Actor, EventKind};
use crate::protocol::parameters::Parameters;

use super::completion::finish;
use super::question::{Answer, Away, Back, Question};
use super::sessions::{SessionName, about};
use super::{Line, Trouble};
use crate::federation::upstream::Account;

/// What the `state` that goes to a provider begins with.
const STATE_PREFIX: &str = "gh_connect_";
/// The longest code that is exchanged, in characters.
const MAX_CODE: usize = 4096;

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
    let question = Question::of(app, session, name.text()).await?;
    Ok(question.map_or(Opened::Gone, |question| Opened::Question(Box::new(question))))
}

async fn note_somebody_else(app: &App, session: &ConnectionSession, visitor: &SignedIn) -> Result<(), Fault> {
    let event = about(app, EventKind::ConnectionRefused, session)
        .refused()
        .detail("reason", "somebody else");
    audit::record_seldom(app, event.by(Actor::User(visitor.user.id.clone()))).await
}

/// Where a person goes who says yes, and what is asked for there besides what the agent wants.
#[derive(Debug)]
pub struct Destination {
    /// The address of the provider without what we say there
    pub address: Url,
    /// Scopes that are always asked for, and that the agent does not ask for itself
    pub also: Vec<&'static str>,
}

/// Where a person goes who says yes.
///
/// # Errors
/// When the database fails.
pub async fn destination(app: &App, question: &Question) -> Result<Result<Destination, Trouble>, Fault> {
    let line = Line::to(app, &question.provider).await?;
    Ok(line.map(|line| Destination {
        also: line
            .profile
            .always_asked_for()
            .filter(|scope| !question.session.scope.contains(scope))
            .collect(),
        address: line.profile.authorization_endpoint,
    }))
}

/// What came of saying yes.
pub enum Departed {
    /// To the provider
    To(String),
    /// Nowhere: the question is over
    Gone,
    /// Nowhere now
    Trouble(Trouble),
}

redacted!(Departed);

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
    let upstream = line.upstream(app);
    let (address, flow) = upstream.authorize(&session.scope, &session.resource, &state, &session.parameters)?;
    let away = Away {
        flow,
        token_endpoint: line.profile.token_endpoint.clone(),
        name: question.name.clone(),
    };
    let departure = Departure {
        state_hash: sha256_text(&state),
        browser_hash: sha256_text(browser.as_str()),
        sealed_flow: away.seal(app, &session.id)?,
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
    /// The agent has to say that it was its person
    Returned(Box<Question>),
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
    let sealed = session.departure.as_ref().map_or("", |departure| departure.sealed_flow.as_str());
    let away = Away::open(app, &session.id, sealed)?;
    let Some(question) = Question::of(app, session, away.name.clone()).await? else {
        return Ok(Arrived::Gone);
    };
    let back = Back {
        away,
        answer: read(parameters),
    };
    // There is nothing to complete where nothing was given.
    let is_for_the_agent = question.session.needs_completion && matches!(back.answer, Answer::Code { .. });
    let id = &question.session.id;
    let sealed_return = is_for_the_agent.then(|| back.seal(app, id)).transpose()?;
    let mut tx = app.store.begin().await?;
    if !tx.arrive(id, &state_hash, sealed_return.as_deref(), app.now()).await? {
        return Ok(Arrived::Gone);
    }
    tx.commit().await?;
    if is_for_the_agent {
        app.waiting.wake(id);
        return Ok(Arrived::Returned(Box::new(question)));
    }
    let (question, outcome) = finish(app, question, back).await?;
    Ok(match outcome {
        Ok(made) => Arrived::Done(Box::new(question), made.account),
        Err(problem) => Arrived::Failed(Box::new(question), problem),
    })
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
