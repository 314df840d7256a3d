//! `/api/docs`: the document of the API as a page, without a script.

use actix_web::HttpResponse;

use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /api/docs`
pub async fn page(call: Call) -> Result<HttpResponse, Error> {
    drop(call);
    Ok(HttpResponse::Ok().finish())
}
