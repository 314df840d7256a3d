//! `/register`: clients register themselves, and look after their registration.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;

use crate::oauth::registration::{self, Denied};
use crate::protocol::error::{Refusal, invalid_request};
use crate::web::call::Call;
use crate::web::error::Error;

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Off => Self::RegistrationOff,
            Denied::NoInitialToken => Self::NoInitialToken,
            Denied::NoToken => Self::NoToken,
            Denied::Disabled => Self::ClientDisabled,
            Denied::Throttled(seconds) => Self::Throttled(seconds),
            Denied::TooMany(seconds) => Self::TooMany(seconds),
            Denied::Changed => Self::RegistrationChanged,
            Denied::Refusal(refusal) => Self::Refusal(refusal),
        }
    }
}

/// `POST /register` (RFC 7591 §3).
pub async fn register(call: Call) -> Result<HttpResponse, Error> {
    let body = json(&call)?;
    let registered = registration::register(&call.app, call.bearer(), body).await??;
    Ok(HttpResponse::Created().json(registered))
}

/// `GET /register/{client_id}` (RFC 7592 §2.1).
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    let id = call.segment("client_id")?;
    Ok(HttpResponse::Ok().json(registration::read(&call.app, &id, call.bearer()).await??))
}

/// `PUT /register/{client_id}` (RFC 7592 §2.2).
pub async fn replace(call: Call) -> Result<HttpResponse, Error> {
    let id = call.segment("client_id")?;
    // Whoever has no right to it learns nothing of what is wrong with the body.
    if call.bearer().is_none() {
        return Err(Error::NoToken);
    }
    let body = json(&call)?;
    let replaced = registration::replace(&call.app, &id, call.bearer(), body).await??;
    Ok(HttpResponse::Ok().json(replaced))
}

/// `DELETE /register/{client_id}` (RFC 7592 §2.3).
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    let id = call.segment("client_id")?;
    registration::delete(&call.app, &id, call.bearer()).await??;
    Ok(HttpResponse::NoContent().finish())
}

/// The body, if it is said to be JSON (RFC 7591 §3.1).
fn json(call: &Call) -> Result<&[u8], Refusal> {
    let content_type = call.header(CONTENT_TYPE).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        Ok(&call.body)
    } else {
        Err(invalid_request("the Content-Type must be application/json"))
    }
}
