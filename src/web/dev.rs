//! Endpoints for developers, only with `ENABLE_DEV_ENDPOINTS` and the admin token.

use actix_web::HttpResponse;
use serde_json::json;

use crate::app::App;
use crate::identity::admin_token::{self, Verdict};
use crate::model::event::Actor;
use crate::oauth::clients::{self, ClientError, NewClient};
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::error::{ErrorCode, Refusal, invalid_request};
use crate::protocol::parameters::Parameters;
use crate::protocol::pkce::CodeChallenge;
use crate::protocol::scope::Scope;
use crate::protocol::token_request::GrantType;
use crate::seed::{self, Profile, SeedError};

use super::call::Call;
use super::error::Error;

/// The application on behalf of whoever holds the admin token.
async fn require_admin(call: &Call) -> Result<App, Error> {
    let presented = call.header("x-admin-token").or_else(|| call.bearer());
    match presented {
        Some(token) => match admin_token::verify_throttled(&call.app, token).await? {
            Verdict::Right => Ok(call.app.acting_as(Actor::AdminToken)),
            Verdict::Wrong => Err(Error::WrongAdministrator),
            Verdict::Throttled(seconds) => Err(Error::Throttled(seconds)),
        },
        None => Err(Error::AdministratorNeeded(String::new())),
    }
}

fn parameters(call: &Call) -> Result<Parameters, Refusal> {
    if call.is_post() && !call.body.is_empty() {
        call.form()?.and(call.query()?)
    } else {
        call.query()
    }
}

/// `/dev/seed?profile=demo|mcp`: users and clients to play with; doing it twice makes no second one.
pub async fn seed(call: Call) -> Result<HttpResponse, Error> {
    let app = require_admin(&call).await?;
    let parameters = parameters(&call)?;
    let profile =
        Profile::parse(parameters.get("profile")?.unwrap_or("demo")).ok_or_else(|| invalid_request("the profile must be demo or mcp"))?;
    let seeded = seed::seed(&app, profile, false).await.map_err(|error| match error {
        SeedError::Refused(why) => Error::Refusal(Refusal::quoting(ErrorCode::InvalidRequest, &why)),
        SeedError::Fault(fault) => Error::Fault(fault),
    })?;
    Ok(HttpResponse::Ok().json(seeded))
}

/// `/dev/pkce`: a verifier and its challenge (RFC 7636 §4).
pub async fn pkce(call: Call) -> Result<HttpResponse, Error> {
    require_admin(&call).await?;
    let verifier = call.app.random.secret();
    let challenge = CodeChallenge::of(&verifier);
    Ok(HttpResponse::Ok().json(json!({
        "code_verifier": verifier,
        "code_challenge": challenge.as_str(),
        "code_challenge_method": "S256",
    })))
}

/// `/dev/clients`: a ready client in one call. Parameters, all optional: `name`, `redirect_uri`
/// (several, with spaces between), `scope`, `type` (`public` or `confidential`).
pub async fn clients(call: Call) -> Result<HttpResponse, Error> {
    let app = require_admin(&call).await?;
    let parameters = parameters(&call)?;
    let auth_method = match parameters.get("type")? {
        None | Some("public") => AuthMethod::None,
        Some("confidential") => AuthMethod::ClientSecretBasic,
        Some(_) => return Err(invalid_request("the type must be public or confidential").into()),
    };
    let mut new = NewClient::new(parameters.get("name")?.unwrap_or("Development client"), auth_method);
    new.redirect_uris = parameters
        .get("redirect_uri")?
        .unwrap_or("http://localhost:3000/callback")
        .split(' ')
        .map(str::to_owned)
        .collect();
    new.scope = Scope::parse(parameters.get("scope")?.unwrap_or("openid profile email offline_access"))?;
    if auth_method != AuthMethod::None {
        new.grant_types.push(GrantType::ClientCredentials);
        new.may_introspect = true;
    }
    let registered = clients::register(&app, new).await.map_err(|error| match error {
        ClientError::Invalid(problem) => Error::Refusal(Refusal::quoting(ErrorCode::InvalidRequest, &problem.message)),
        ClientError::Taken => Error::Refusal(invalid_request("the client id is taken")),
        ClientError::Changed => Error::Refusal(invalid_request("somebody else changed the client at the same moment")),
        ClientError::Fault(fault) => Error::Fault(fault),
    })?;
    let client = registered.client;
    let mut answer = json!({
        "client_id": client.id,
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": client.grant_types.iter().map(|grant_type| grant_type.as_str()).collect::<Vec<_>>(),
        "token_endpoint_auth_method": client.auth_method.as_str(),
        "scope": client.scope.to_string(),
    });
    if let Some(secret) = registered.secret {
        answer["client_secret"] = json!(secret);
    }
    Ok(HttpResponse::Created().json(answer))
}
