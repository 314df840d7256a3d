//! The API of the relay: announcing redirects, collecting and forgetting them.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;

use crate::federation::relay::collect::{self, Answer, Collection};
use crate::federation::relay::create::{self, NewCallback};
use crate::federation::relay::wait::{self, MAX_WAIT, Waited};
use crate::protocol::claims::RELAY;
use crate::protocol::error::invalid_request;
use crate::web::call::Call;
use crate::web::error::Error;

use super::{absent, collector, not_waiting, program, read, state};

/// The header that makes a lost answer come again.
const KEY_HEADER: &str = "Idempotency-Key";
/// The most characters of that.
const MAX_KEY: usize = 255;

/// `POST /api/callbacks`
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    let program = program(&call, RELAY).await?;
    let new: NewCallback = read(&call)?;
    let created = create::create(&call.app, &program, &new).await??;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, created.callback_uri.clone()))
        .json(created))
}

/// `GET /api/callback/{state}`, with `?wait=` as a long poll.
pub async fn collect(call: Call) -> Result<HttpResponse, Error> {
    let collector = Box::pin(collector(&call)).await?;
    let state = state(&call)?;
    let key = call.single_header(KEY_HEADER)?;
    if key.is_some_and(|key| key.is_empty() || key.len() > MAX_KEY) {
        return Err(invalid_request("Idempotency-Key is empty or has more than 255 characters").into());
    }
    let patience = patience(&call)?;
    match wait::collect(&call.app, &collector, &state, key, patience).await? {
        Waited::Collection(Collection::Answer(answer)) => Ok(HttpResponse::Ok().json(answer)),
        Waited::Collection(Collection::Pending(_)) => Ok(HttpResponse::Accepted().json(Answer::pending(&state))),
        Waited::Collection(Collection::Missing(missing)) => Err(absent(missing)),
        Waited::Not(problem) => Err(not_waiting(problem)),
    }
}

/// `DELETE /api/callback/{state}`
pub async fn forget(call: Call) -> Result<HttpResponse, Error> {
    let collector = collector(&call).await?;
    let forgotten = collect::forget(&call.app, &collector, &state(&call)?).await?;
    forgotten.map_err(absent)?;
    Ok(HttpResponse::NoContent().finish())
}

/// How long a request wants to wait; more than it may is as long as it may.
fn patience(call: &Call) -> Result<Duration, Error> {
    let query = call.query()?;
    let Some(text) = query.get("wait")? else {
        return Ok(Duration::ZERO);
    };
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid_request("wait must be a whole number of seconds").into());
    }
    // A number that is too long to be read is too long to wait, too.
    Ok(text.parse().map_or(MAX_WAIT, Duration::from_secs).min(MAX_WAIT))
}
