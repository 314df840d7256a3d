//! The API of the relay: announcing redirects, collecting and forgetting them.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use serde::de::DeserializeOwned;

use crate::federation::relay::collect::{self, Answer, Collection, Collector};
use crate::federation::relay::create::{self, NewCallback};
use crate::federation::relay::wait::{self, MAX_WAIT, Waited};
use crate::protocol::callback::State;
use crate::protocol::error::{ErrorCode, Refusal, invalid_request};
use crate::web::admin::api::json_value;
use crate::web::call::Call;
use crate::web::error::{Error, RelayError};

use super::{program, program_if_any};
use crate::federation::relay;

/// The header with the verifier of the challenge of a callback.
pub const VERIFIER_HEADER: &str = "X-Callback-Verifier";
/// The header that makes a lost answer come again.
pub const KEY_HEADER: &str = "Idempotency-Key";
/// The most characters of that.
const MAX_KEY: usize = 255;

/// `POST /api/callbacks`
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    let program = program(&call).await?;
    let new: NewCallback = read(&call)?;
    let created = create::create(&call.app, &program, &new).await??;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, created.callback_uri.clone()))
        .json(created))
}

/// `GET /api/callback/{state}`, with `?wait=` as a long poll.
pub async fn collect(call: Call) -> Result<HttpResponse, Error> {
    let collector = collector(&call).await?;
    let state = state(&call)?;
    let key = call.single_header(KEY_HEADER)?;
    if key.is_some_and(|key| key.is_empty() || key.len() > MAX_KEY) {
        return Err(invalid_request("Idempotency-Key is empty or has more than 255 characters").into());
    }
    let patience = patience(&call)?;
    let collected = wait::collect(&call.app, &collector, &state, key, patience).await?;
    answer(&state, collected)
}

/// `DELETE /api/callback/{state}`
pub async fn forget(call: Call) -> Result<HttpResponse, Error> {
    let collector = collector(&call).await?;
    match collect::forget(&call.app, &collector, &state(&call)?).await? {
        Collection::Nothing => Err(RelayError::NoCallback.into()),
        Collection::TooMany(seconds) => Err(RelayError::SlowDown(seconds).into()),
        Collection::Pending | Collection::Answer(_) => Ok(HttpResponse::NoContent().finish()),
    }
}

/// What collecting came to, as it is answered.
pub(super) fn answer(state: &State, collected: Waited) -> Result<HttpResponse, Error> {
    match collected {
        Waited::Collection(Collection::Answer(answer)) => Ok(HttpResponse::Ok().json(answer)),
        Waited::Collection(Collection::Pending) => Ok(HttpResponse::Accepted().json(Answer::pending(state))),
        Waited::Collection(Collection::Nothing) => Err(RelayError::NoCallback.into()),
        Waited::Collection(Collection::TooMany(seconds)) => Err(RelayError::SlowDown(seconds).into()),
        Waited::NoRoom => Err(RelayError::TooManyWaiting.into()),
    }
}

/// Who wants to collect.
pub(super) async fn collector(call: &Call) -> Result<Collector, Error> {
    if let Some(verifier) = call.single_header(VERIFIER_HEADER)? {
        return Ok(Collector::Verifier(verifier.to_owned()));
    }
    match program_if_any(call).await? {
        Some(program) => Ok(Collector::Program(program)),
        None if relay::is_open(&call.app) => Ok(Collector::Anybody),
        None => Err(RelayError::NoProgram.into()),
    }
}

/// The state that stands in the path.
pub(super) fn state(call: &Call) -> Result<State, Error> {
    State::received(&call.segment("state")?).ok_or(RelayError::NoCallback.into())
}

/// How long a request wants to wait; more than it may is as long as it may.
fn patience(call: &Call) -> Result<Duration, Error> {
    let query = call.query()?;
    let Some(text) = query.get("wait")? else {
        return Ok(Duration::ZERO);
    };
    let seconds = text.parse::<u32>();
    let seconds = seconds.map_err(|_| invalid_request("wait must be a whole number of seconds"))?;
    Ok(Duration::from_secs(seconds.into()).min(MAX_WAIT))
}

/// A JSON body with fields that are all known.
pub(super) fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Error> {
    let value = json_value(call)?;
    if !value.is_object() {
        return Err(invalid_request("the body is not a JSON object").into());
    }
    serde_json::from_value(value)
        .map_err(|error| Refusal::quoting(ErrorCode::InvalidRequest, &format!("the body is not as it must be: {error}")).into())
}
