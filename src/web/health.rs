//! Health: whether the process lives, and whether it can do its work.

use actix_web::HttpResponse;
use actix_web::http::header::RETRY_AFTER;
use serde_json::json;

use super::call::Call;
use super::error::Error;

/// `/health`: the process answers. It says nothing about the database, so that a platform does not
/// kill a server that only waits for it.
pub async fn live(_: Call) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })))
}

/// `/readyz`: the database answers, too.
pub async fn ready(call: Call) -> Result<HttpResponse, Error> {
    match call.app.store.ping().await {
        Ok(()) => Ok(HttpResponse::Ok().json(json!({ "status": "ready" }))),
        Err(fault) => {
            tracing::warn!(event = "not_ready", "{fault}");
            Ok(HttpResponse::ServiceUnavailable()
                .insert_header((RETRY_AFTER, "5"))
                .json(json!({ "status": "unavailable" })))
        }
    }
}
