//! `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`: one document.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};

use crate::base::digest::sha256_text;
use crate::config::RegistrationPolicy;
use crate::oauth::metadata;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::routes::announced;

/// How long clients may keep the document.
const CACHE: &str = "public, max-age=300";

/// The metadata document (RFC 8414 §3, OpenID Connect Discovery §4).
pub async fn metadata(call: Call) -> Result<HttpResponse, Error> {
    let mut endpoints = announced();
    if call.app.live().registration_policy() == RegistrationPolicy::Off {
        endpoints.retain(|(name, _)| *name != "registration_endpoint");
    }
    let document = metadata::document(&call.app, &endpoints).await?.to_string();
    let etag = format!("\"{}\"", &sha256_text(&document)[..16]);
    if call.header(IF_NONE_MATCH) == Some(etag.as_str()) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, etag))
            .insert_header((CACHE_CONTROL, CACHE))
            .finish());
    }
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag))
        .insert_header((CACHE_CONTROL, CACHE))
        .content_type("application/json")
        .body(document))
}
