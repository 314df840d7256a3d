//! Signing in to the administration.

use actix_web::HttpResponse;

use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/sign-in`
pub async fn sign_in(call: Call) -> Result<HttpResponse, Error> {
    drop(call);
    Ok(HttpResponse::Ok().finish())
}

/// `POST /admin/sign-out`
pub async fn sign_out(call: Call) -> Result<HttpResponse, Error> {
    drop(call);
    Ok(HttpResponse::Ok().finish())
}
