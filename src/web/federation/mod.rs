//! The callback relay, flows of agents and tokens of workloads: parse, call `crate::federation`, render.

pub mod agentcore;
pub mod callback;
pub mod callbacks;
pub mod connect;
pub mod events;
pub mod flows;
pub mod token_exchange;
pub mod tokens;
pub mod vault;

use actix_web::http::header::AUTHORIZATION;
use serde::de::DeserializeOwned;

use crate::base::waiting::CannotWait;
use crate::federation::program::{self, Denied, Program, Shown};
use crate::federation::relay;
use crate::federation::relay::collect::{Collector, Missing};
use crate::protocol::callback::State;
use crate::protocol::claims::RELAY;
use crate::protocol::error::{ErrorCode, Refusal, invalid_request};
use crate::protocol::parameters::Parameters;
use crate::web::admin::ADMIN_TOKEN_HEADER;
use crate::web::call::Call;
use crate::web::error::{Error, RelayError};
use crate::web::json::json_value;

/// The header with the verifier of the challenge of a callback.
const VERIFIER_HEADER: &str = "X-Callback-Verifier";

/// The program that sends a request, if it says who it is; a client needs `scope`.
///
/// # Errors
/// When what it shows is wrong, or not enough.
async fn program_if_any(call: &Call, scope: &'static str) -> Result<Option<Program>, Error> {
    let admin_token = call.credentials_header(ADMIN_TOKEN_HEADER)?;
    let shown = match (admin_token, call.credentials_header(AUTHORIZATION.as_str())?) {
        (Some(token), _) => Shown::AdminToken(token),
        (None, None) => return Ok(None),
        (None, Some(_)) => match call.bearer() {
            Some(token) => Shown::Bearer(token),
            None => Shown::Credentials(Box::new(call.client_credentials(&Parameters::default())?)),
        },
    };
    let authenticated = program::authenticate(&call.app, shown, scope).await?;
    authenticated.map(Some).map_err(|denied| match denied {
        Denied::Unknown(refusal) => Error::Refusal(refusal),
        Denied::WrongAdminToken => Error::WrongAdministrator,
        Denied::Throttled(seconds) => Error::Throttled(seconds),
        Denied::ScopeMissing => RelayError::ScopeMissing(scope).into(),
    })
}

/// The program that sends a request to something that is for clients with `scope`.
///
/// # Errors
/// When it is not known which one it is.
async fn program(call: &Call, scope: &'static str) -> Result<Program, Error> {
    program_if_any(call, scope).await?.ok_or(RelayError::NoProgram(scope).into())
}

/// Who wants to collect.
///
/// # Errors
/// When nobody says who they are, or they show what is wrong.
async fn collector(call: &Call) -> Result<Collector, Error> {
    if let Some(verifier) = call.single_header(VERIFIER_HEADER)? {
        return Ok(Collector::Verifier(verifier.to_owned()));
    }
    match program_if_any(call, RELAY).await? {
        Some(program) => Ok(Collector::Program(program)),
        None if relay::is_open(&call.app) => Ok(Collector::Anybody),
        None => Err(RelayError::NoProgram(RELAY).into()),
    }
}

/// The state that stands in the path.
///
/// # Errors
/// When it cannot be any.
fn state(call: &Call) -> Result<State, Error> {
    State::received(&call.segment("state")?).ok_or(RelayError::NoCallback.into())
}

/// There is nothing for whoever asks.
fn absent(missing: Missing) -> Error {
    match missing {
        Missing::Nothing => RelayError::NoCallback,
        Missing::TooMany(seconds) => RelayError::SlowDown(seconds),
    }
    .into()
}

/// Nobody can wait now.
fn not_waiting(problem: CannotWait) -> Error {
    match problem {
        CannotWait::NoRoom => RelayError::TooManyWaiting,
        CannotWait::Closed => RelayError::Stopping,
    }
    .into()
}

/// A JSON object with fields that are all known.
///
/// # Errors
/// When the body is something else.
fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Error> {
    let value = json_value(call)?;
    if !value.is_object() {
        return Err(invalid_request("the body is not a JSON object").into());
    }
    serde_json::from_value(value)
        .map_err(|error| Refusal::quoting(ErrorCode::InvalidRequest, &format!("the body is not as it must be: {error}")).into())
}
