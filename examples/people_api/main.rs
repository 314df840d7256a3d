//! A small People API, as Google's is, of accounts at a Gatehouse: `cargo run --example people_api`. It is there so that
//! `people_gateway` and `hello_agent` have something to call.
//!
//! It knows tokens by asking the issuer whose they are (OpenID Connect Core §5.3): what the scope does not cover is not told.

#[path = "../shared/mod.rs"]
mod shared;

use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header::WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use clap::Parser;
use openidconnect::reqwest::{self, Client};
use openidconnect::url::form_urlencoded;
use serde_json::{Value, json};

use shared::error::told;
use shared::flags::Flags;
use shared::issuer::Issuer;
use shared::mcp::bearer;

/// An API that tells people who they are.
#[derive(Debug, Parser)]
#[command(name = "people_api")]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
}

/// Whom it asks.
struct Accounts {
    http: Client,
    userinfo: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(CommandLine::parse().flags).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("people_api: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), String> {
    let issuer = Issuer::discover(&flags.issuer).await?;
    let metadata = format!("{}/.well-known/openid-configuration", issuer.name().trim_end_matches('/'));
    let answer = issuer
        .http()
        .get(&metadata)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status);
    let metadata: Value = match answer {
        Ok(answer) => answer.json().await.map_err(|error| told(&error))?,
        Err(error) => return Err(told(&error)),
    };
    let userinfo = metadata["userinfo_endpoint"]
        .as_str()
        .ok_or("the issuer does not tell who people are")?;
    let accounts = Accounts {
        http: issuer.http().clone(),
        userinfo: userinfo.to_owned(),
    };
    let app = Router::new().route("/people/me", get(me)).with_state(Arc::new(accounts));
    let listener = tokio::net::TcpListener::bind(&flags.listen).await;
    let listener = listener.map_err(|error| format!("{} cannot be listened at: {error}", flags.listen))?;
    eprintln!("People API: {}/people/me   (accounts are at {})", flags.base(), flags.issuer);
    axum::serve(listener, app).await.map_err(|error| error.to_string())
}

/// `GET /people/me?personFields=names,emailAddresses`
async fn me(State(accounts): State<Arc<Accounts>>, uri: Uri, headers: HeaderMap) -> Response {
    let Ok(Some(token)) = bearer(&headers) else {
        return refuse(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "A token is missing.");
    };
    let mut parameters = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let fields = parameters.find(|(name, _)| name == "personFields").map(|(_, fields)| fields);
    let fields = fields.unwrap_or_default();
    let wants = |name: &str| fields.split(',').any(|field| field.trim() == name);
    if fields.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "personFields is missing.");
    }
    let claims = match accounts.claims(token).await {
        Ok(claims) => claims,
        Err((status, word, told)) => return refuse(status, word, told),
    };
    let text = |name: &str| claims[name].as_str().unwrap_or_default();
    let source = json!({ "primary": true, "source": { "type": "PROFILE", "id": text("sub") } });
    let mut person = json!({ "resourceName": format!("people/{}", text("sub")) });
    if wants("names") && !text("name").is_empty() {
        person["names"] = json!([{ "metadata": source, "displayName": text("name") }]);
    }
    if wants("emailAddresses") && !text("email").is_empty() {
        person["emailAddresses"] = json!([{ "metadata": source, "value": text("email") }]);
    }
    Json(person).into_response()
}

impl Accounts {
    /// What the issuer says about who has this token.
    async fn claims(&self, token: &str) -> Result<Value, (StatusCode, &'static str, &'static str)> {
        let away = |_| (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "Accounts cannot be asked now.");
        let answer = self.http.get(&self.userinfo).bearer_auth(token).send().await.map_err(away)?;
        match answer.status().as_u16() {
            200 => answer.json().await.map_err(away),
            403 => Err((
                StatusCode::FORBIDDEN,
                "PERMISSION_DENIED",
                "The scope of the token does not cover that.",
            )),
            400 | 401 => Err((StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "The token is worth nothing here.")),
            _ => Err((StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "Accounts cannot be asked now.")),
        }
    }
}

/// An error as Google's APIs have it.
fn refuse(status: StatusCode, word: &str, message: &str) -> Response {
    let body = json!({ "error": { "code": status.as_u16(), "message": message, "status": word } });
    let mut answer = (status, Json(body)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}
