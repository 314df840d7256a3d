//! `/token`.

use actix_web::HttpResponse;

use crate::oauth::token;
use crate::protocol::token_request::TokenRequest;
use crate::web::call::Call;
use crate::web::error::Error;

/// `POST /token` (RFC 6749 §3.2).
pub async fn token(call: Call) -> Result<HttpResponse, Error> {
    let body = call.form()?;
    let request = TokenRequest::parse(&body)?;
    let credentials = call.client_credentials(&body)?;
    let tokens = token::token(&call.app, &credentials, &request).await??;
    Ok(HttpResponse::Ok().json(tokens))
}
