//! `/introspect`.

use actix_web::HttpResponse;

use crate::oauth::introspect;
use crate::web::call::Call;
use crate::web::error::Error;

/// `POST /introspect` (RFC 7662 §2.1).
pub async fn introspect(call: Call) -> Result<HttpResponse, Error> {
    let body = call.form()?;
    body.refuse_duplicates()?;
    let credentials = call.client_credentials(&body)?;
    let answer = introspect::introspect(&call.app, &credentials, body.require("token")?).await??;
    Ok(HttpResponse::Ok().json(answer))
}
