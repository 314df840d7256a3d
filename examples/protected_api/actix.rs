//! An API with actix-web that takes access tokens of Gatehouse: `cargo run --example protected_api_actix`.

mod guard;
mod tokens;

use std::process::ExitCode;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::web::{self, Data, Json, Payload};
use actix_web::{App, Error, FromRequest, HttpRequest, HttpResponse, HttpServer, ResponseError};
use guard::{Guard, Refusal};
use serde_json::{Value, json};

async fn read(guard: Data<Guard>, request: HttpRequest) -> Result<Json<Value>, Refusal> {
    let token = guard.permit(authorization(&request), "notes:read").await?;
    Ok(Json(json!({ "notes": [], "of": token.sub, "by": token.client_id })))
}

async fn write(guard: Data<Guard>, request: HttpRequest, body: Payload) -> Result<Json<Value>, Error> {
    let token = guard.permit(authorization(&request), "notes:write").await?;
    // Not a parameter of this function: nothing is read from who may not write.
    let note = Json::<Value>::from_request(&request, &mut body.into_inner()).await?;
    Ok(Json(json!({ "written": *note, "of": token.sub, "by": token.client_id })))
}

async fn metadata(guard: Data<Guard>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("Access-Control-Allow-Origin", "*"))
        .json(guard.metadata())
}

fn authorization(request: &HttpRequest) -> Option<&str> {
    request.headers().get(AUTHORIZATION)?.to_str().ok()
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "refused with {}", self.status)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::FORBIDDEN)
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        if let Some(challenge) = &self.challenge {
            answer.insert_header((WWW_AUTHENTICATE, challenge.as_str()));
        }
        answer.finish()
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("protected_api_actix: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let issuer = arguments.next().unwrap_or_else(|| "http://127.0.0.1:8000".to_owned());
    let listen = arguments.next().unwrap_or_else(|| "localhost:3000".to_owned());
    let guard = Guard::of(&issuer, &format!("http://{listen}")).await?;
    let guard = Data::new(guard);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(guard.clone())
            .route("/notes", web::get().to(read))
            .route("/notes", web::post().to(write))
            .route("/.well-known/oauth-protected-resource", web::get().to(metadata))
    });
    let server = server.bind(&listen).map_err(|error| format!("{listen}: {error}"))?;
    server.run().await.map_err(|error| error.to_string())
}
