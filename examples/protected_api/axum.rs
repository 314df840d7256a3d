//! An API with axum that takes access tokens of Gatehouse: `cargo run --example protected_api_axum`.

mod guard;
mod tokens;

use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{self, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use guard::{Guard, Refusal};
use serde_json::{Value, json};

async fn read(State(guard): State<Arc<Guard>>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    let token = guard.permit(authorization(&headers), "notes:read").await?;
    Ok(Json(json!({ "notes": [], "of": token.sub, "by": token.client_id })))
}

async fn write(State(guard): State<Arc<Guard>>, headers: HeaderMap, request: Request) -> response::Result<Json<Value>> {
    let token = guard.permit(authorization(&headers), "notes:write").await?;
    // Not a parameter of this function: nothing is read from who may not write.
    let Json(note) = Json::<Value>::from_request(request, &()).await?;
    Ok(Json(json!({ "written": note, "of": token.sub, "by": token.client_id })))
}

async fn metadata(State(guard): State<Arc<Guard>>) -> impl IntoResponse {
    ([("Access-Control-Allow-Origin", "*")], Json(guard.metadata()))
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::FORBIDDEN);
        match self.challenge {
            Some(challenge) => (status, [(WWW_AUTHENTICATE, challenge)]).into_response(),
            None => status.into_response(),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("protected_api_axum: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let issuer = arguments.next().unwrap_or_else(|| "http://127.0.0.1:8000".to_owned());
    let listen = arguments.next().unwrap_or_else(|| "localhost:3000".to_owned());
    let guard = Guard::of(&issuer, &format!("http://{listen}")).await?;
    let app = Router::new()
        .route("/notes", get(read).post(write))
        .route("/.well-known/oauth-protected-resource", get(metadata))
        .with_state(Arc::new(guard));
    let listener = tokio::net::TcpListener::bind(&listen).await;
    let listener = listener.map_err(|error| format!("{listen}: {error}"))?;
    axum::serve(listener, app).await.map_err(|error| error.to_string())
}
