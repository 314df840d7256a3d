//! `/jwks`.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};

use crate::keys::rotation::JWKS_MAX_AGE;
use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /jwks` (RFC 7517 §5): bytes that are made when keys change.
pub async fn jwks(call: Call) -> Result<HttpResponse, Error> {
    call.app.keys.refresh(&call.app.store, call.app.now()).await.or_else(|fault| {
        // What was read before is still right: keys are published long before they are used.
        tracing::warn!(event = "keys_not_refreshed", "{fault}");
        if call.app.keys.current().jwks.text.is_empty() {
            Err(fault)
        } else {
            Ok(())
        }
    })?;
    let ring = call.app.keys.current();
    let cache = format!("public, max-age={JWKS_MAX_AGE}");
    let jwks = &ring.jwks;
    if call.header(IF_NONE_MATCH) == Some(jwks.etag.as_str()) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, jwks.etag.clone()))
            .insert_header((CACHE_CONTROL, cache))
            .finish());
    }
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, jwks.etag.clone()))
        .insert_header((CACHE_CONTROL, cache))
        .content_type("application/jwk-set+json")
        .body(jwks.text.clone()))
}
