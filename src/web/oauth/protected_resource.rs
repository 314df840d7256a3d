//! `/.well-known/oauth-protected-resource`: the metadata of registered resources, for them to pass on.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;

use crate::oauth::metadata;
use crate::web::call::Call;
use crate::web::error::Error;

/// How long the document may be kept.
const CACHE: &str = "public, max-age=300";

/// `GET /.well-known/oauth-protected-resource?resource=…` (RFC 9728 §3.2).
pub async fn protected_resource(call: Call) -> Result<HttpResponse, Error> {
    let query = call.query()?;
    let identifier = query.require("resource")?;
    let document = metadata::protected_resource(&call.app, identifier).await?.ok_or(Error::NotFound)?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, CACHE)).json(document))
}
