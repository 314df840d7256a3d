//! Collecting an answer, once.

use serde::Serialize;

use crate::app::App;
use crate::base::again::when_undone;
use crate::base::clock::Seconds;
use crate::base::encoding::base64url;
use crate::base::fault::Fault;
use crate::base::redacted::redacted;
use crate::base::request;
use crate::identity::quota::Quota;
use crate::model::callback::{ACKNOWLEDGEMENT_WINDOW, Callback, Owner, Stage};
use crate::model::event::{Actor, EventKind};
use crate::protocol::callback::{Outcome, ProviderAnswer, State};
use crate::protocol::pkce;
use crate::store::CallbackOf;

use super::receive;
use crate::federation::program::Program;

/// Who wants to collect.
#[derive(Debug)]
pub enum Collector {
    /// A program that has said who it is
    Program(Program),
    /// Whoever has the verifier of the challenge that was given at the creation
    Verifier(String),
    /// Somebody who shows nothing but the state
    Anybody,
}

/// What came of it.
#[derive(Debug)]
pub enum Collection {
    /// The answer, which is gone here now
    Answer(Answer),
    /// The provider has not answered yet
    Pending(Box<Callback>),
    /// There is nothing for this collector: unknown, expired, collected, or another's
    Missing(Missing),
}

/// The answer as the program reads it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// `success`, `error` or `pending`
    pub status: &'static str,
    /// The authorization code
    pub auth_code: Option<String>,
    /// The state
    pub state: String,
    /// The error code of the provider
    pub error: Option<String>,
    /// What the provider adds to it. It is somebody else's text: escape it where it is shown
    pub error_description: Option<String>,
    /// Who answered (RFC 9207), where the provider says so and a program has announced the redirect
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
}

redacted!(Answer);

impl Answer {
    /// There is none yet.
    #[must_use]
    pub fn pending(state: &State) -> Self {
        Self {
            status: "pending",
            auth_code: None,
            state: state.as_str().to_owned(),
            error: None,
            error_description: None,
            iss: None,
        }
    }

    fn of(state: &State, callback: &Callback, answer: ProviderAnswer) -> Self {
        let iss = answer.iss.filter(|_| callback.owner != Owner::Anybody);
        match answer.outcome {
            Outcome::Code(code) => Self {
                status: "success",
                auth_code: Some(code),
                iss,
                ..Self::pending(state)
            },
            Outcome::Error { error, description } => Self {
                status: "error",
                error: Some(error),
                error_description: description,
                iss,
                ..Self::pending(state)
            },
        }
    }
}

/// The callback of a state, if this collector may have its answer. Everything else looks alike to them.
///
/// # Errors
/// When the database fails.
pub(super) async fn find(app: &App, collector: &Collector, state: &State) -> Result<Option<Callback>, Fault> {
    let found = app.store.read().await?.callback(&state.id()).await?;
    Ok(found
        .filter(CallbackOf::has_program)
        .map(|found| found.callback)
        .filter(|callback| callback.has_state(state) && may_collect(callback, collector)))
}

fn may_collect(callback: &Callback, collector: &Collector) -> bool {
    match collector {
        Collector::Program(program) => callback.owner == program.owner(),
        Collector::Verifier(verifier) => {
            callback.code_challenge.is_some() && pkce::verify(callback.code_challenge.as_ref(), Some(verifier)).is_ok()
        }
        Collector::Anybody => callback.owner == Owner::Anybody,
    }
}

/// Collects an answer. With a `key` of the collector's own the same answer can be asked for again for some seconds,
/// in case it was lost on its way; without one it is gone at once.
///
/// # Errors
/// When the database fails.
pub async fn collect(app: &App, collector: &Collector, state: &State, key: Option<&str>) -> Result<Collection, Fault> {
    let callback = match admit(app, collector, state).await? {
        Ok(callback) => callback,
        Err(missing) => return Ok(Collection::Missing(missing)),
    };
    // Whoever shows nothing else could guess the key, too.
    let key = key.filter(|_| !matches!(collector, Collector::Anybody));
    let retrieval_hashes = key.map(|key| retrieval_hashes(app, collector, key)).unwrap_or_default();
    match callback.stage(app.now()) {
        Stage::Pending => return Ok(Collection::Pending(Box::new(callback))),
        Stage::Expired => return Ok(Collection::Missing(Missing::Nothing)),
        Stage::Received => {}
        Stage::Collected => {
            let is_again = |hash: &String| callback.is_given_again_to(hash, app.now());
            if !retrieval_hashes.iter().any(is_again) {
                return Ok(Collection::Missing(Missing::Nothing));
            }
            let answer = receive::open(app, &callback);
            return Ok(answer.map_or(Collection::Missing(Missing::Nothing), |answer| {
                Collection::Answer(Answer::of(state, &callback, answer))
            }));
        }
    }
    // Before the gate: what cannot be opened is not consumed.
    let answer = receive::open(app, &callback).ok_or_else(|| Fault::internal("the answer of a callback does not open"))?;
    if take(app, collector, &callback, &retrieval_hashes).await? {
        Ok(Collection::Answer(Answer::of(state, &callback, answer)))
    } else {
        Ok(Collection::Missing(Missing::Nothing))
    }
}

/// The gate: whoever passes it has the answer. So does whoever comes with the key of somebody who just has.
async fn take(app: &App, collector: &Collector, callback: &Callback, retrieval_hashes: &[String]) -> Result<bool, Fault> {
    when_undone(async || try_to_take(app, collector, callback, retrieval_hashes).await).await
}

async fn try_to_take(app: &App, collector: &Collector, callback: &Callback, retrieval_hashes: &[String]) -> Result<bool, Fault> {
    let now = app.now();
    let event = super::event(app, EventKind::CallbackCollected, callback);
    let event = match collector {
        Collector::Program(program) => event.by(program.actor()),
        Collector::Verifier(_) => event.by(Actor::Anonymous).detail("by", "verifier"),
        Collector::Anybody => event.by(Actor::Anonymous).detail("open", true),
    };
    let mut tx = app.store.begin().await?;
    let is_first = match retrieval_hashes.first() {
        None => tx.collect_callback(&callback.id, now).await?,
        Some(hash) => {
            tx.collect_callback_with(&callback.id, hash, now, now + ACKNOWLEDGEMENT_WINDOW)
                .await?
        }
    };
    if is_first {
        tx.record(event).await?;
        tx.commit().await?;
        return Ok(true);
    }
    if retrieval_hashes.is_empty() {
        return Ok(false);
    }
    let found = tx.callback(&callback.id).await?;
    // What was read here may not be durable yet; it is when this has been committed, too.
    tx.commit().await?;
    Ok(found.is_some_and(|found| retrieval_hashes.iter().any(|hash| found.callback.is_given_again_to(hash, now))))
}

/// Why somebody has nothing to collect, to watch or to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There is nothing for them
    Nothing,
    /// There were too many such questions; ask again after so many seconds
    TooMany(Seconds),
}

/// The callback of a state, if this collector may have its answer and has not asked in vain too often.
///
/// # Errors
/// When the database fails.
pub(super) async fn admit(app: &App, collector: &Collector, state: &State) -> Result<Result<Callback, Missing>, Fault> {
    if let Some(seconds) = blocked_for(app, collector).await? {
        return Ok(Err(Missing::TooMany(seconds)));
    }
    match find(app, collector, state).await? {
        Some(callback) => Ok(Ok(callback)),
        None => Ok(Err(missing(app, collector).await?)),
    }
}

/// Forgets a callback: the program does not want it any more, or has the answer.
///
/// # Errors
/// When the database fails.
pub async fn forget(app: &App, collector: &Collector, state: &State) -> Result<Result<(), Missing>, Fault> {
    let callback = match admit(app, collector, state).await? {
        Ok(callback) => callback,
        Err(missing) => return Ok(Err(missing)),
    };
    let mut tx = app.store.begin().await?;
    if !tx.forget_callback(&callback.id, app.now()).await? {
        return Ok(Err(Missing::Nothing));
    }
    // Those who watch are told although whoever forgets may have gone away.
    let app = app.clone();
    let forgetting = request::carried(async move {
        tx.commit().await?;
        app.waiting.wake(&callback.id);
        Ok::<(), Fault>(())
    });
    tokio::spawn(forgetting).await.map_err(Fault::internal)?.map(Ok)
}

/// How long a collector has to wait who shows nothing but a state, which somebody might have guessed.
async fn blocked_for(app: &App, collector: &Collector) -> Result<Option<Seconds>, Fault> {
    match collector {
        Collector::Anybody => {
            let mut connection = app.store.read().await?;
            Quota::of_open_collection(app).exceeded_for(&mut connection, app.now()).await
        }
        Collector::Program(_) | Collector::Verifier(_) => Ok(None),
    }
}

/// There is nothing for this collector. That is counted for whoever has not said who they are.
async fn missing(app: &App, collector: &Collector) -> Result<Missing, Fault> {
    let quota = match collector {
        Collector::Program(_) => return Ok(Missing::Nothing),
        Collector::Verifier(_) => Quota::of_refused_collection(app),
        Collector::Anybody => Quota::of_open_collection(app),
    };
    let seconds = quota.count_refusal(app).await?;
    Ok(seconds.map_or(Missing::Nothing, Missing::TooMany))
}

/// The digests by which a collector with a key is known again, the one that is stored first.
fn retrieval_hashes(app: &App, collector: &Collector, key: &str) -> Vec<String> {
    let who = match collector {
        Collector::Program(program) => program.actor().to_string(),
        Collector::Verifier(_) => "verifier".to_owned(),
        Collector::Anybody => "anybody".to_owned(),
    };
    let macs = app.secrets.throttle.macs(&[b"retrieval", who.as_bytes(), key.as_bytes()]);
    macs.map(|mac| base64url(&mac)).collect()
}
