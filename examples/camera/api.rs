//! The protected API: `GET /api/picture` and `POST /api/move`, for whoever brings an access token with the
//! scope that it takes. It answers as RFC 6750 §3 says, so a client learns what it lacks.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use actix_web::error::{InternalError, JsonPayloadError};
use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::optics::{Direction, Position};
use crate::shared::introspection::{CheckError, Introspection};
use crate::{CONTROL, VIEW, picture};

/// The camera.
pub struct Camera {
    /// Who is asked about tokens
    pub introspection: Introspection,
    /// Where it looks
    pub position: Mutex<Position>,
    /// Since when it looks
    pub started_at: Instant,
}

/// The body of `POST /api/move`.
#[derive(Deserialize, Serialize)]
pub struct Move {
    /// Where to
    pub direction: Direction,
}

/// `GET /api/picture`: what the camera sees, as SVG.
pub async fn picture(camera: Data<Camera>, request: HttpRequest) -> HttpResponse {
    if let Err(refusal) = permit(&camera, &request, VIEW).await {
        return refusal;
    }
    let position = *camera.position.lock().unwrap_or_else(PoisonError::into_inner);
    HttpResponse::Ok()
        .content_type("image/svg+xml")
        .body(picture::render(position, camera.started_at.elapsed()))
}

/// `POST /api/move`: moves the camera, and tells where it looks now.
pub async fn turn(camera: Data<Camera>, request: HttpRequest, body: Result<Json<Move>, actix_web::Error>) -> HttpResponse {
    // Whoever may not move it need not know what is wrong with the body.
    if let Err(refusal) = permit(&camera, &request, CONTROL).await {
        return refusal;
    }
    let movement = match body {
        Ok(movement) => movement,
        Err(error) => return HttpResponse::from_error(error),
    };
    let mut position = camera.position.lock().unwrap_or_else(PoisonError::into_inner);
    *position = position.moved(movement.direction);
    HttpResponse::Ok().json(position.reading())
}

/// The answer to a body that is no movement.
pub fn bad_request(error: JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    let answer = HttpResponse::BadRequest().json(json!({
        "error": "invalid_request",
        "error_description": r#"the body is {"direction": …}, with left, right, up, down, in, out or home"#,
    }));
    InternalError::from_response(error, answer).into()
}

/// Lets a request through whose token has the scope.
async fn permit(camera: &Camera, request: &HttpRequest, scope: &str) -> Result<(), HttpResponse> {
    let Some(token) = bearer(request) else {
        // No error code for who has not tried yet (RFC 6750 §3.1).
        return Err(HttpResponse::Unauthorized().insert_header((WWW_AUTHENTICATE, "Bearer")).finish());
    };
    match camera.introspection.check(token).await {
        Ok(token) if token.scope.contains(scope) => Ok(()),
        Ok(_) => Err(refusal(
            HttpResponse::Forbidden(),
            "insufficient_scope",
            &format!(r#", scope="{scope}""#),
        )),
        Err(CheckError::NotActive) => Err(refusal(HttpResponse::Unauthorized(), "invalid_token", "")),
        Err(CheckError::Unavailable(reason)) => {
            eprintln!("A token cannot be checked: {reason}");
            Err(HttpResponse::ServiceUnavailable().json(json!({ "error": "temporarily_unavailable" })))
        }
    }
}

fn refusal(mut answer: actix_web::HttpResponseBuilder, error: &str, more: &str) -> HttpResponse {
    answer
        .insert_header((WWW_AUTHENTICATE, format!(r#"Bearer error="{error}"{more}"#)))
        .json(json!({ "error": error }))
}

/// The token of the header; RFC 6750 §2 knows two further places, which nobody should use.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
