//! `/revoke`.

use actix_web::HttpResponse;

use crate::oauth::revoke;
use crate::web::call::Call;
use crate::web::error::Error;

/// `POST /revoke` (RFC 7009 §2.1).
pub async fn revoke(call: Call) -> Result<HttpResponse, Error> {
    let body = call.form()?;
    body.refuse_duplicates()?;
    let credentials = call.client_credentials(&body)?;
    revoke::revoke(&call.app, &credentials, body.require("token")?).await??;
    Ok(HttpResponse::Ok().finish())
}
