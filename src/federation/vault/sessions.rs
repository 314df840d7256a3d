//! Questions that wait for a person: an agent asks, looks what became of it, and can take it back.

use std::time::Duration;

use serde::Serialize;

use crate::app::App;
use crate::base::again::{Attempts, when_undone};
use crate::base::clock::{Seconds, Timestamp};
use crate::base::digest::{equal, sha256_text};
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::base::redacted::redacted;
use crate::base::waiting::CannotWait;
use crate::federation::relay::wait::room;
use crate::federation::workloads::Agent;
use crate::identity::quota::Quota;
use crate::model::connection_session::{ConnectionSession, LIFETIME, Status};
use crate::model::event::EventKind;
use crate::model::provider::Provider;
use crate::protocol::scope::Scope;
use crate::store::{Connection, SESSIONS_AT_ONCE};

use super::ask::{Denial, Given, Reason};

/// What the name of a session begins with, as that of a pushed authorization request does (RFC 9126 §2.2): what is behind it is
/// known here only.
pub const SESSION_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// The least that is waited before it is looked again.
const SHORTEST: Duration = Duration::from_millis(500);
/// The most questions that wait for one person.
const MAX_WAITING: i64 = 50;
/// When it may be tried again after there were so many, in seconds: an answer makes room, and so does time.
const WHILE: Seconds = 60;
/// The most characters of what an agent says that goes to its page with the person.
const MAX_STATE: usize = 4096;
/// The most parameters that an agent adds, and the most characters of each.
const MAX_PARAMETERS: usize = 20;
const MAX_PARAMETER: usize = 1000;

/// Where a person goes who is asked.
#[derive(Clone, Default)]
pub struct NewSession {
    /// The page of the agent that they come back to: a return URI of the workload
    pub return_uri: Option<String>,
    /// What goes there with them
    pub custom_state: Option<String>,
    /// What is added to the address at the provider
    pub parameters: Vec<(String, String)>,
    /// Whether the agent completes the session itself, after the person has come back
    pub needs_completion: bool,
}

redacted!(NewSession);

/// A question that was asked.
#[derive(Clone, Serialize)]
pub struct Asked {
    /// The link for the person
    pub authorization_url: String,
    /// The name of the session
    pub session_uri: String,
    /// In seconds
    pub expires_in: Seconds,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked")
    }
}

/// The name of a session, as its link and its agent have it: which one it is, and a secret.
#[derive(Clone)]
pub struct SessionName {
    /// Its id
    pub id: String,
    secret: String,
}

impl std::fmt::Debug for SessionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionName({})", self.id)
    }
}

impl SessionName {
    fn new(app: &App) -> Self {
        Self {
            id: new_id(&app.clock, &app.random),
            secret: app.random.secret(),
        }
    }

    /// Reads the end of a link, or a whole `session_uri`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(SESSION_PREFIX).unwrap_or(text);
        let (id, secret) = text.split_at_checked(32)?;
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        (secret.len() == 43 && is_plain(id) && is_plain(secret)).then(|| Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }

    /// The end of the link.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.id, self.secret)
    }

    fn secret_hash(&self) -> String {
        sha256_text(&self.secret)
    }

    /// Whether it is the name of this session.
    #[must_use]
    pub fn is_of(&self, session: &ConnectionSession) -> bool {
        session.id == self.id && equal(session.secret_hash.as_bytes(), self.secret_hash().as_bytes())
    }
}

const NO_PERSON: Denial = Denial::new(Reason::Person, "the person is gone or disabled");
const RETURN_URI: Denial = request("return_uri is none of the workload's: it must be one of its return_uris, exactly");
const STATE: Denial = request("state has more than 4096 characters");
const PARAMETERS: Denial = request("there are more than 20 parameters, or one has more than 1000 characters");
const PARAMETER: Denial = request(
    "a parameter is none of login_hint, prompt (login, consent or select_account), max_age, acr_values, ui_locales and access_type",
);

const fn request(text: &'static str) -> Denial {
    Denial::new(Reason::Request, text)
}

/// What an agent may add to the address at the provider: nothing that asks for more than the scope says, or leads to
/// somebody else than the provider that the page names.
const ALLOWED: [&str; 6] = ["login_hint", "prompt", "max_age", "acr_values", "ui_locales", "access_type"];

/// What may be asked of the provider's page: never that it asks nobody, or for everybody.
const PROMPTS: [&str; 3] = ["login", "consent", "select_account"];

/// Asks a person, by a link that the agent gives them.
///
/// # Errors
/// When the database fails.
pub(super) async fn ask(
    app: &App,
    agent: &Agent,
    user_id: &str,
    provider: &Provider,
    scope: Scope,
    resource: Vec<String>,
    new: NewSession,
) -> Result<Given, Fault> {
    if !new.return_uri.as_ref().is_none_or(|uri| agent.workload.return_uris.contains(uri)) {
        return Ok(Given::Refused(RETURN_URI));
    }
    if new.custom_state.as_ref().is_some_and(|state| state.chars().count() > MAX_STATE) {
        return Ok(Given::Refused(STATE));
    }
    let is_long = |(name, value): &(String, String)| name.len() > MAX_PARAMETER || value.len() > MAX_PARAMETER;
    if new.parameters.len() > MAX_PARAMETERS || new.parameters.iter().any(is_long) {
        return Ok(Given::Refused(PARAMETERS));
    }
    let is_allowed = |(name, value): &(String, String)| {
        let asks_a_person = name != "prompt" || value.split(' ').all(|prompt| PROMPTS.contains(&prompt));
        ALLOWED.contains(&name.as_str()) && asks_a_person
    };
    if !new.parameters.iter().all(is_allowed) {
        return Ok(Given::Refused(PARAMETER));
    }
    let now = app.now();
    let quota = Quota::of_question(app, &agent.workload.id, user_id);
    let mut connection = app.store.read().await?;
    if let Some(seconds) = too_many(&mut connection, &quota, user_id, now).await? {
        return Ok(Given::TooMany(seconds));
    }
    drop(connection);
    let name = SessionName::new(app);
    let session = ConnectionSession {
        id: name.id.clone(),
        secret_hash: name.secret_hash(),
        workload: agent.workload.name.clone(),
        workload_id: agent.workload.id.clone(),
        user_id: user_id.to_owned(),
        provider_id: provider.id.clone(),
        scope,
        resource,
        parameters: new.parameters,
        return_uri: new.return_uri,
        custom_state: new.custom_state,
        needs_completion: new.needs_completion,
        status: Status::Pending,
        departure: None,
        sealed_return: None,
        failure: None,
        connection_id: None,
        created_at: now,
        expires_at: now + LIFETIME,
    };
    let mut attempts = Attempts::begin();
    loop {
        if let Some(outcome) = attempts.last(try_to_ask(app, &quota, &session, &name).await).await {
            return outcome;
        }
    }
}

async fn try_to_ask(app: &App, quota: &Quota, session: &ConnectionSession, name: &SessionName) -> Result<Given, Fault> {
    let (user_id, now) = (&session.user_id, session.created_at);
    let mut tx = app.store.begin().await?;
    // One after the other, so that each sees the one before.
    if !tx.hold_user(user_id).await? {
        return Ok(Given::Refused(NO_PERSON));
    }
    if tx.count_waiting_sessions(user_id, now).await? >= MAX_WAITING {
        return Ok(Given::TooMany(WHILE));
    }
    if let Some(seconds) = quota.spend(&mut tx, now).await? {
        return Ok(Given::TooMany(seconds));
    }
    if !tx.insert_connection_session(session).await? {
        return Err(Fault::internal("two sessions with one id"));
    }
    tx.record(about(app, EventKind::ConnectionAsked, session)).await?;
    tx.commit().await?;
    Ok(Given::Question(Asked {
        authorization_url: app.issuer.endpoint(&format!("/connect/{}", name.text())),
        session_uri: format!("{SESSION_PREFIX}{}", name.text()),
        expires_in: LIFETIME,
    }))
}

/// Whether there may be no other question for a person now: the seconds until there may. Whoever asks again and again is
/// told so without a transaction.
async fn too_many(connection: &mut Connection, quota: &Quota, user_id: &str, now: Timestamp) -> Result<Option<Seconds>, Fault> {
    if connection.count_waiting_sessions(user_id, now).await? >= MAX_WAITING {
        return Ok(Some(WHILE));
    }
    quota.exceeded_for(connection, now).await
}

/// An event about a session.
pub(super) fn about(app: &App, kind: EventKind, session: &ConnectionSession) -> crate::model::event::Event {
    app.event(kind)
        .subject(&session.user_id)
        .target(&session.id)
        .detail("workload", session.workload.as_str())
        .detail("provider", session.provider_id.as_str())
}

/// The session of this name, if it is this agent's for this person.
///
/// # Errors
/// When the database fails.
pub async fn find(app: &App, agent: &Agent, name: &SessionName) -> Result<Option<ConnectionSession>, Fault> {
    let found = app.store.read().await?.connection_session(&name.id).await?;
    Ok(found.filter(|session| {
        let is_for = agent.user_id.as_ref().is_none_or(|user_id| *user_id == session.user_id);
        name.is_of(session) && session.workload_id == agent.workload.id && is_for
    }))
}

/// As [`find`], but waits until the session is over, for `patience` at most.
///
/// # Errors
/// When the database fails. Inside: when nobody can wait now.
pub async fn wait(
    app: &App,
    agent: &Agent,
    name: &SessionName,
    patience: Duration,
) -> Result<Result<Option<ConnectionSession>, CannotWait>, Fault> {
    let is_over = |found: &Option<ConnectionSession>| found.as_ref().is_none_or(|session| session.status_at(app.now()).is_over());
    let mut found = find(app, agent, name).await?;
    if patience.is_zero() || is_over(&found) {
        return Ok(Ok(found));
    }
    let mut waiter = match app.waiting.join_and_ask(&name.id, &agent.workload.client_id, room(app)) {
        Ok(waiter) => waiter,
        Err(problem) => return Ok(Err(problem)),
    };
    let until = tokio::time::Instant::now() + patience;
    loop {
        found = find(app, agent, name).await?;
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        if is_over(&found) || left.is_zero() || app.waiting.is_closed() {
            return Ok(Ok(found));
        }
        // Its time may be over before.
        let seconds = found.as_ref().map_or(0, |session| session.expires_at - app.now()).max(0);
        let time = Duration::from_secs(seconds.unsigned_abs()).max(SHORTEST).min(left);
        let _ = tokio::time::timeout(time, waiter.woken()).await;
    }
}

/// Wakes whoever waits here for a session that is over because of what happened at another node. The node asks for all of them together.
///
/// # Errors
/// When the database fails.
pub async fn wake(app: &App) -> Result<(), Fault> {
    for some in app.waiting.asked_for().chunks(SESSIONS_AT_ONCE) {
        let over = app.store.read().await?.sessions_over(some).await?;
        for id in over {
            app.waiting.wake(&id);
        }
    }
    Ok(())
}

/// Takes a question back; false when it is over, or there is none.
///
/// # Errors
/// When the database fails.
pub async fn cancel(app: &App, agent: &Agent, name: &SessionName) -> Result<bool, Fault> {
    let Some(session) = find(app, agent, name).await? else {
        return Ok(false);
    };
    let is_cancelled = when_undone(async || {
        let mut tx = app.store.begin().await?;
        if !tx.cancel_connection_session(&session.id, app.now()).await? {
            return Ok(false);
        }
        tx.record(about(app, EventKind::ConnectionCancelled, &session)).await?;
        tx.commit().await?;
        Ok(true)
    });
    let is_cancelled = is_cancelled.await?;
    if is_cancelled {
        app.waiting.wake(&session.id);
    }
    Ok(is_cancelled)
}
