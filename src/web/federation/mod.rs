//! The callback relay, and flows of agents: parse, call `crate::federation`, render.

pub mod callback;
pub mod callbacks;
pub mod events;
pub mod flows;

use actix_web::http::header::AUTHORIZATION;

use crate::federation::relay::program::{self, Denied, Program, Shown};
use crate::protocol::parameters::Parameters;
use crate::web::admin::ADMIN_TOKEN_HEADER;
use crate::web::call::Call;
use crate::web::error::{Error, RelayError};

/// The program that sends a request, if it says who it is.
///
/// # Errors
/// When what it shows is wrong, or not enough.
async fn program_if_any(call: &Call) -> Result<Option<Program>, Error> {
    let admin_token = call.credentials_header(ADMIN_TOKEN_HEADER)?;
    let shown = match (admin_token, call.credentials_header(AUTHORIZATION.as_str())?) {
        (Some(token), _) => Shown::AdminToken(token),
        (None, None) => return Ok(None),
        (None, Some(_)) => match call.bearer() {
            Some(token) => Shown::Bearer(token),
            None => Shown::Credentials(Box::new(call.client_credentials(&Parameters::default())?)),
        },
    };
    let authenticated = program::authenticate(&call.app, shown).await?;
    authenticated.map(Some).map_err(|denied| match denied {
        Denied::Unknown(refusal) => Error::Refusal(refusal),
        Denied::WrongAdminToken => Error::WrongAdministrator,
        Denied::Throttled(seconds) => Error::Throttled(seconds),
        Denied::ScopeMissing => RelayError::ScopeMissing.into(),
    })
}

/// The program that sends a request.
///
/// # Errors
/// When it is not known which one it is.
async fn program(call: &Call) -> Result<Program, Error> {
    program_if_any(call).await?.ok_or(RelayError::NoProgram.into())
}
