//! The first page of the administration.

use actix_web::HttpResponse;

use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /admin`
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    drop(call);
    Ok(HttpResponse::Ok().finish())
}
