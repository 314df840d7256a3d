//! `/api/vault/…`: agents ask for tokens, and look what became of their questions.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::HttpResponse;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use crate::federation::vault::ask::{self, Given, KeyGiven, Wanted};
use crate::federation::vault::completion::{self, Completion};
use crate::federation::vault::sessions::{self, NewSession, SessionName};
use crate::federation::workloads::{self, Agent};
use crate::model::connection_session::{ConnectionSession, Status};
use crate::model::event::Actor;
use crate::protocol::error::{ErrorCode, Refusal, invalid_request};
use crate::protocol::resource;
use crate::protocol::scope::Scope;
use crate::web::call::Call;
use crate::web::error::{Error, RelayError};

use super::connect::troubled;
use super::{not_waiting, read};

/// The longest time that a request waits for a person.
const MAX_WAIT: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    provider: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    resource: Resources,
    account: Option<String>,
    #[serde(default)]
    force: bool,
    return_uri: Option<String>,
    state: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    needs_completion: bool,
}

/// One, or a list.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Resources {
    #[default]
    None,
    One(String),
    Several(Vec<String>),
}

impl Resources {
    fn list(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(resource) => vec![resource],
            Self::Several(resources) => resources,
        }
    }
}

/// `POST /api/vault/token`
pub async fn token(mut call: Call) -> Result<HttpResponse, Error> {
    let body: Result<TokenRequest, Error> = read(&call);
    let provider = body.as_ref().map_or("", |body| &body.provider);
    let shown = call.bearer().unwrap_or_default();
    let found = workloads::verify_at(&call.app, shown, provider).await?;
    let (agent, there) = found.ok_or_else(unknown_agent)?;
    acts(&mut call, &agent);
    let body = body?;
    if body.needs_completion && body.return_uri.is_none() {
        let text = "needs_completion needs a return_uri: the person brings session_id there, and only then the session can be completed";
        return Err(invalid_request(text).into());
    }
    let scope = if body.scope.trim().is_empty() {
        Scope::default()
    } else {
        Scope::parse(&body.scope)?
    };
    let resource = body.resource.list();
    resource::check(&resource)?;
    let wanted = Wanted {
        provider: body.provider,
        scope,
        resource,
        account: body.account,
        is_forced: body.force,
        session: NewSession {
            return_uri: body.return_uri,
            custom_state: body.state,
            parameters: body.parameters.into_iter().collect(),
            needs_completion: body.needs_completion,
        },
    };
    match ask::token_of(&call.app, &agent, there, wanted).await? {
        Given::Token(token) => Ok(HttpResponse::Ok().json(token)),
        Given::Question(asked) => Ok(HttpResponse::Accepted().json(json!({
            "status": "consent_required",
            "authorization_url": asked.authorization_url,
            "session_uri": asked.session_uri,
            "expires_in": asked.expires_in,
        }))),
        Given::Refused(denial) => Err(RelayError::WorkloadDenied(denial.text).into()),
        Given::TooMany(seconds) => Err(RelayError::SlowDown(seconds).into()),
        Given::Trouble(trouble) => Err(troubled(&trouble)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRequest {
    provider: String,
}

/// `POST /api/vault/api-key`
pub async fn api_key(mut call: Call) -> Result<HttpResponse, Error> {
    let agent = agent(&mut call).await?;
    let body: KeyRequest = read(&call)?;
    match ask::api_key(&call.app, &agent, &body.provider).await? {
        KeyGiven::Key(key) => Ok(HttpResponse::Ok().json(json!({ "api_key": key.expose_secret() }))),
        KeyGiven::Refused(denial) => Err(RelayError::WorkloadDenied(denial.text).into()),
        KeyGiven::Trouble(trouble) => Err(troubled(&trouble)),
    }
}

/// `GET /api/vault/session?uri=…`, with `wait=` as a long poll
pub async fn session(mut call: Call) -> Result<HttpResponse, Error> {
    let agent = agent(&mut call).await?;
    let name = named(&call)?;
    let found = sessions::wait(&call.app, &agent, &name, patience(&call)?).await?;
    let session = found.map_err(not_waiting)?.ok_or(RelayError::NoSession)?;
    Ok(HttpResponse::Ok().json(shown(&session, session.status_at(call.app.now()))))
}

/// `DELETE /api/vault/session?uri=…`
pub async fn cancel(mut call: Call) -> Result<HttpResponse, Error> {
    let agent = agent(&mut call).await?;
    if sessions::cancel(&call.app, &agent, &named(&call)?).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(RelayError::NoSession.into())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompletionRequest {
    uri: String,
}

/// `POST /api/vault/session/complete`: the person has come back to the agent, too.
pub async fn complete(mut call: Call) -> Result<HttpResponse, Error> {
    let agent = agent(&mut call).await?;
    let body: CompletionRequest = read(&call)?;
    let name = SessionName::parse(&body.uri).ok_or(RelayError::NoSession)?;
    match completion::complete_by(&call.app, &agent, &name).await? {
        Completion::Done(id) => Ok(HttpResponse::Ok().json(json!({ "status": "completed", "connection_id": id }))),
        Completion::Failed(failure) => Ok(HttpResponse::Ok().json(json!({ "status": "failed", "failure": failure }))),
        Completion::Unknown | Completion::SomebodyElse => Err(RelayError::NoSession.into()),
    }
}

fn shown(session: &ConnectionSession, status: Status) -> serde_json::Value {
    let mut shown = json!({ "status": status.as_str(), "provider": session.provider_id, "scope": session.scope });
    if let Some(id) = &session.connection_id {
        shown["connection_id"] = json!(id);
    }
    if let Some(failure) = &session.failure {
        shown["failure"] = json!(failure);
    }
    shown
}

/// The agent that sends a request.
async fn agent(call: &mut Call) -> Result<Agent, Error> {
    let token = call.bearer().unwrap_or_default();
    let found = workloads::verify(&call.app, token).await?;
    let agent = found.ok_or_else(unknown_agent)?;
    acts(call, &agent);
    Ok(agent)
}

fn unknown_agent() -> Refusal {
    let text = "a workload access token is needed, as POST /api/vault/workload-token gives it; this one is unknown or has expired";
    Refusal::new(ErrorCode::InvalidToken, text)
}

/// What an agent does is done by its client.
fn acts(call: &mut Call, agent: &Agent) {
    call.app = call.app.acting_as(Actor::Client(agent.workload.client_id.clone()));
}

fn named(call: &Call) -> Result<SessionName, Error> {
    let query = call.query()?;
    let uri = query.require("uri")?;
    SessionName::parse(uri).ok_or(RelayError::NoSession.into())
}

fn patience(call: &Call) -> Result<Duration, Error> {
    let query = call.query()?;
    let Some(text) = query.get("wait")? else {
        return Ok(Duration::ZERO);
    };
    let seconds = text
        .parse()
        .map_err(|_| invalid_request("wait must be a whole number of seconds"))?;
    Ok(Duration::from_secs(seconds).min(MAX_WAIT))
}
