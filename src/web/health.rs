//! Health: whether the process lives, and whether it can do its work.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::RETRY_AFTER;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::relay::Serves;
use crate::federation::relay;

use super::call::Call;
use super::error::Error;

/// How long it holds that the database answers, or does not.
const READINESS_LIFETIME: Duration = Duration::from_millis(500);

/// `/health`: as [`live`]; where the relay runs alone, with what is expected of callback servers, and the number of
/// redirects that it waits for or keeps, as of some seconds ago.
pub async fn health(call: Call) -> Result<HttpResponse, Error> {
    if call.app.config.serves == Serves::Everything {
        return live(call).await;
    }
    let active = relay::count(&call.app).await?;
    let timestamp = OffsetDateTime::from_unix_timestamp(call.app.now())
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok());
    Ok(HttpResponse::Ok().json(json!({
        "status": "healthy",
        "service": "gatehouse-relay",
        "timestamp": timestamp,
        "active_callbacks": active,
    })))
}

/// `/healthz`: the process answers. It says nothing about the database, so that a platform does not
/// kill a server that only waits for it, and nothing about the program: everybody may ask.
pub async fn live(_: Call) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().json(json!({ "status": "ok" })))
}

/// `/readyz`: the database answers, too, and the node is not about to stop; nor does it have to, because its secret was retired.
pub async fn ready(call: Call) -> Result<HttpResponse, Error> {
    if call.app.ending.has_begun() {
        return Ok(HttpResponse::ServiceUnavailable().json(json!({ "status": "stopping" })));
    }
    if call.app.retired.has_begun() {
        return Ok(HttpResponse::ServiceUnavailable().json(json!({ "status": "retired" })));
    }
    let ask = async {
        let answer = call.app.store.ping().await;
        answer.inspect_err(|fault| tracing::warn!(event = "not_ready", "{fault}")).is_ok()
    };
    // Anybody may ask, as often as they like.
    if call.app.readiness.of(READINESS_LIFETIME, ask).await {
        return Ok(HttpResponse::Ok().json(json!({ "status": "ready" })));
    }
    Ok(HttpResponse::ServiceUnavailable()
        .insert_header((RETRY_AFTER, "5"))
        .json(json!({ "status": "unavailable" })))
}
