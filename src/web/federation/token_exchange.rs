//! What `/token` answers to a token exchange (RFC 8693 §2.2).

use actix_web::HttpResponse;
use serde::Serialize;

use crate::app::App;
use crate::federation::token_exchange::{self, Exchanged};
use crate::federation::vault::ask::{Given, Token};
use crate::oauth::client_authentication::AuthenticatedClient;
use crate::protocol::error::invalid_request;
use crate::protocol::token_exchange::{ACCESS_TOKEN, TokenExchange};
use crate::web::error::{Error, RelayError, consent_required};

use super::connect::troubled;

/// RFC 8693 §2.2.1
#[derive(Serialize)]
struct Issued {
    issued_token_type: &'static str,
    #[serde(flatten)]
    token: Token,
}

/// Exchanges a token.
///
/// # Errors
/// When there is none for this client.
pub async fn exchange(
    app: &App,
    client: &AuthenticatedClient,
    request: &TokenExchange,
    resource: &[String],
) -> Result<HttpResponse, Error> {
    match token_exchange::exchange(app, client, request, resource).await? {
        Exchanged::Given(given) => answer(given),
        Exchanged::Refused(refusal) => Err(refusal.into()),
        Exchanged::TooMany(seconds) => Err(RelayError::SlowDown(seconds).into()),
        Exchanged::Unreadable => Err(RelayError::IssuerUnreadable.into()),
    }
}

fn answer(given: Given) -> Result<HttpResponse, Error> {
    match given {
        Given::Token(token) => Ok(HttpResponse::Ok().json(Issued {
            issued_token_type: ACCESS_TOKEN,
            token: *token,
        })),
        Given::Question(asked) => Ok(consent_required(&asked)),
        Given::Refused(denial) => Err(invalid_request(denial.text).into()),
        Given::TooMany(seconds) => Err(RelayError::SlowDown(seconds).into()),
        Given::Trouble(trouble) => Err(troubled(&trouble)),
    }
}
