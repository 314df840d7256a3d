//! Taking a redirect.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::audit;
use crate::base::again::when_undone;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::digest::equal;
use crate::base::fault::Fault;
use crate::base::redacted::redacted;
use crate::base::request;
use crate::config::relay::Serves;
use crate::identity::form_token::BrowserId;
use crate::identity::quota::Quota;
use crate::identity::session::SignedIn;
use crate::model::callback::{COLLECTION_TIME, Callback, MAX_LIFETIME, Owner, Stage};
use crate::model::event::{Actor, EventKind};
use crate::protocol::callback::{Outcome, ProviderAnswer, State};
use crate::protocol::error::Refusal;
use crate::protocol::parameters::Parameters;
use crate::store::CallbackOf;

/// What came of a redirect.
#[derive(Debug)]
pub enum Reception {
    /// The answer is kept for whoever waits
    Kept(Kept),
    /// Nobody waits for it, or not any more
    Unknown,
    /// Another redirect was first
    UsedBefore,
    /// It is for somebody who is not signed in at this browser
    SignInNeeded(Unfinished),
    /// It is for somebody else than who is signed in at this browser
    SomebodyElse(Unfinished),
    /// There were too many that nobody waits for; try again after so many seconds
    TooMany(Seconds),
    /// An open relay is full
    Full,
    /// It is no redirect of a provider
    Refused(Refusal),
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Whether the provider gave a code
    pub is_code: bool,
    /// Whether the person or the provider said no
    pub is_denied: bool,
    /// What the program is called that waits
    pub program: Option<String>,
    /// The page to return to
    pub return_uri: Option<String>,
}

impl Kept {
    fn new(answer: &ProviderAnswer, program: Option<String>, return_uri: Option<String>) -> Self {
        Self {
            is_code: answer.is_code(),
            is_denied: matches!(&answer.outcome, Outcome::Error { error, .. } if error == "access_denied"),
            program,
            return_uri,
        }
    }
}

/// A redirect whose person is not there yet.
#[derive(Clone, Debug)]
pub struct Unfinished {
    state: State,
    answer: ProviderAnswer,
}

/// Takes a redirect, once.
///
/// # Errors
/// When the database fails.
pub async fn receive(app: &App, parameters: &Parameters, visitor: Option<&SignedIn>) -> Result<Reception, Fault> {
    match ProviderAnswer::parse(parameters) {
        Ok((state, answer)) => finish(app, Unfinished { state, answer }, visitor).await,
        Err(refusal) => Ok(Reception::Refused(refusal)),
    }
}

/// As [`receive`], with a redirect that was read before.
///
/// # Errors
/// When the database fails.
pub async fn finish(app: &App, redirect: Unfinished, visitor: Option<&SignedIn>) -> Result<Reception, Fault> {
    let Unfinished { state, answer } = redirect;
    // Whoever comes with a state that somebody waits for is let in, whatever others at the same network have tried.
    let found = app.store.read().await?.callback(&state.id()).await?;
    match found {
        Some(found) if is_waited_for(app, &found, &state) => take(app, found, Unfinished { state, answer }, visitor).await,
        None if super::is_open(app) && !state.is_of_our_making() => take_openly(app, &state, answer).await,
        Some(_) | None => unknown(app).await,
    }
}

/// Whether it is the callback of this state, and its program is still there.
fn is_waited_for(app: &App, found: &CallbackOf, state: &State) -> bool {
    // Where the relay runs alone nobody can be the person of a callback.
    let can_be_finished = found.callback.user_id.is_none() || app.config.serves == Serves::Everything;
    found.callback.has_state(state) && found.has_program() && can_be_finished
}

async fn take(app: &App, found: CallbackOf, redirect: Unfinished, visitor: Option<&SignedIn>) -> Result<Reception, Fault> {
    let CallbackOf { callback, client_name, .. } = found;
    match callback.stage(app.now()) {
        Stage::Pending => {}
        // The program does not wait any more.
        Stage::Collected if callback.received_at.is_none() => return Ok(Reception::Unknown),
        Stage::Received | Stage::Collected => return Ok(Reception::UsedBefore),
        Stage::Expired => return unknown(app).await,
    }
    if let Some(user_id) = &callback.user_id {
        let Some(visitor) = visitor else {
            return Ok(Reception::SignInNeeded(redirect));
        };
        if visitor.user.id != *user_id {
            // Somebody may have been led here with the address of another (session fixation). The state stays: the
            // right person can still come.
            note_somebody_else(app, &callback, visitor).await?;
            return Ok(Reception::SomebodyElse(redirect));
        }
    }
    let answer = redirect.answer.from_expected(callback.expected_issuer.as_deref());
    if !keep(app, &callback, &answer, visitor).await? {
        return Ok(Reception::UsedBefore);
    }
    app.waiting.wake(&callback.id);
    Ok(Reception::Kept(Kept::new(&answer, client_name, callback.return_uri)))
}

/// The gate: writes the answer down, if nobody was faster.
async fn keep(app: &App, callback: &Callback, answer: &ProviderAnswer, visitor: Option<&SignedIn>) -> Result<bool, Fault> {
    let now = app.now();
    let sealed = seal(app, &callback.id, answer)?;
    let mut event = super::event(app, EventKind::CallbackReceived, callback);
    if let (Some(_), Some(visitor)) = (&callback.user_id, visitor) {
        event = event.by(Actor::User(visitor.user.id.clone()));
    }
    if let Outcome::Error { error, .. } = &answer.outcome {
        event = event.refused().detail("error", error.as_str());
    }
    when_undone(async || {
        let mut tx = app.store.begin().await?;
        if !tx.receive_callback(&callback.id, &sealed, now, now + COLLECTION_TIME).await? {
            return Ok(false);
        }
        tx.record(event.clone()).await?;
        tx.commit().await?;
        Ok(true)
    })
    .await
}

/// Takes a redirect that nobody has announced, where the relay runs open.
async fn take_openly(app: &App, state: &State, answer: ProviderAnswer) -> Result<Reception, Fault> {
    if super::count_open(app).await? >= app.live().relay.open_entries {
        return Ok(Reception::Full);
    }
    let now = app.now();
    let callback = Callback {
        id: state.id(),
        state_hash: state.hash(),
        owner: Owner::Anybody,
        provider: String::new(),
        expected_issuer: None,
        return_uri: None,
        user_id: None,
        code_challenge: None,
        sealed_answer: Some(seal(app, &state.id(), &answer)?),
        retrieval_hash: None,
        created_at: now,
        expires_at: now + MAX_LIFETIME,
        received_at: Some(now),
        collected_at: None,
    };
    let mut tx = app.store.begin().await?;
    if let Some(seconds) = Quota::of_open_callback(app).spend(&mut tx, now).await? {
        return Ok(Reception::TooMany(seconds));
    }
    if !tx.insert_callback(&callback).await? {
        return Ok(Reception::UsedBefore);
    }
    tx.record(app.event(EventKind::CallbackReceived).target(&callback.id).detail("open", true))
        .await?;
    // It is counted although whoever sent it may have gone away.
    let app = app.clone();
    let keeping = request::carried(async move {
        tx.commit().await?;
        app.open_callback_count.add_one();
        app.waiting.wake(&callback.id);
        Ok::<(), Fault>(())
    });
    tokio::spawn(keeping).await.map_err(Fault::internal)??;
    Ok(Reception::Kept(Kept::new(&answer, None, None)))
}

/// Nobody waits for it: that is counted, so that nobody looks for states.
async fn unknown(app: &App) -> Result<Reception, Fault> {
    let seconds = Quota::of_unknown_callback(app).count_refusal(app).await?;
    Ok(seconds.map_or(Reception::Unknown, Reception::TooMany))
}

async fn note_somebody_else(app: &App, callback: &Callback, visitor: &SignedIn) -> Result<(), Fault> {
    let event = super::event(app, EventKind::CallbackRefused, callback).refused();
    audit::record_seldom(app, event.by(Actor::User(visitor.user.id.clone()))).await
}

/// What an answer is sealed for: in another row it does not open.
#[must_use]
pub fn context(id: &str) -> Vec<u8> {
    format!("answer {id}").into_bytes()
}

/// Seals an answer for its row, so that it opens in no other.
fn seal(app: &App, id: &str, answer: &ProviderAnswer) -> Result<String, Fault> {
    let plain = serde_json::to_vec(answer).map_err(Fault::internal)?;
    app.secrets.callback.seal(&app.random, &context(id), &plain)
}

/// Opens the answer of a row.
pub(super) fn open(app: &App, callback: &Callback) -> Option<ProviderAnswer> {
    let sealed = callback.sealed_answer.as_deref()?;
    let plain = app.secrets.callback.open(&context(&callback.id), sealed)?;
    serde_json::from_slice(&plain).ok()
}

/// The longest form of a redirect that travels through the sign-in, in characters: it stands in an address.
const MAX_CONTINUATION: usize = 6000;

/// What a redirect is sealed for while its person signs in.
const CONTINUATION: &[u8] = b"continuation";

/// A redirect on its way through the sign-in. It travels with the browser, sealed: nothing is stored until it is
/// certain whose it is, and the code stands in no address.
#[derive(Serialize, Deserialize)]
pub struct Continuation {
    state: String,
    answer: ProviderAnswer,
    received_at: Timestamp,
    /// The browser in which it goes on, once it is known: a form that another site sends brings no cookies
    browser: Option<String>,
}

redacted!(Continuation);

impl Continuation {
    /// A redirect that arrives now.
    #[must_use]
    pub fn new(app: &App, redirect: Unfinished, browser: Option<&BrowserId>) -> Self {
        Self {
            state: redirect.state.as_str().to_owned(),
            answer: redirect.answer,
            received_at: app.now(),
            browser: browser.map(|browser| browser.as_str().to_owned()),
        }
    }

    /// The form in which it travels; `None` when it is too long for that.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal(&self, app: &App) -> Result<Option<String>, Fault> {
        let plain = serde_json::to_vec(self).map_err(Fault::internal)?;
        let sealed = app.secrets.callback.seal(&app.random, CONTINUATION, &plain)?;
        Ok(Some(sealed).filter(|sealed| sealed.len() <= MAX_CONTINUATION))
    }

    /// Opens what [`Self::seal`] made, in the browser for which it was; `None` when it is something else, or too old.
    #[must_use]
    pub fn open(app: &App, sealed: &str, browser: &BrowserId) -> Option<Self> {
        let plain = app.secrets.callback.open(CONTINUATION, sealed)?;
        let continuation: Self = serde_json::from_slice(&plain).ok()?;
        let is_here = |expected: &String| equal(expected.as_bytes(), browser.as_str().as_bytes());
        let is_young = app.now() - continuation.received_at <= MAX_LIFETIME;
        (is_young && continuation.browser.as_ref().is_none_or(is_here)).then_some(continuation)
    }

    /// The redirect again.
    #[must_use]
    pub fn redirect(self) -> Option<Unfinished> {
        Some(Unfinished {
            state: State::received(&self.state)?,
            answer: self.answer,
        })
    }
}
