//! `/token`.

use actix_web::HttpResponse;

use crate::oauth::token::{self, Decision};
use crate::protocol::token_request::TokenRequest;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::federation::token_exchange;

/// `POST /token` (RFC 6749 §3.2).
pub async fn token(call: Call) -> Result<HttpResponse, Error> {
    let body = call.form()?;
    let request = TokenRequest::parse(&body)?;
    let credentials = call.client_credentials(&body)?;
    match token::token(&call.app, &credentials, &request).await?? {
        Decision::Issued(tokens) => Ok(HttpResponse::Ok().json(tokens)),
        Decision::Exchange(client, exchange) => token_exchange::exchange(&call.app, &client, &exchange, &request.resource).await,
    }
}
