//! What people gave agents elsewhere, and API keys.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::federation::agentcore::Caller;
use crate::federation::agentcore::sessions::{self, Completed, Person, Progress};
use crate::federation::vault::ask::{self, Denial, Given, KeyGiven, Reason, Wanted};
use crate::federation::vault::sessions::{NewSession, SessionName};
use crate::federation::workloads::{Agent, ProviderState};
use crate::model::provider::{Provider, ProviderKind};
use crate::protocol::resource;
use crate::protocol::scope::Scope;
use crate::web::call::Call;
use crate::web::error::{AgentCoreError, Error, RelayError};
use crate::web::federation::connect::troubled;

use super::{answer, caller, invalid, read};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenRequest {
    workload_identity_token: String,
    resource_credential_provider_name: String,
    scopes: Vec<String>,
    oauth2_flow: String,
    session_uri: Option<String>,
    resource_oauth2_return_url: Option<String>,
    #[serde(default)]
    force_authentication: bool,
    #[serde(default)]
    custom_parameters: BTreeMap<String, String>,
    custom_state: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    audiences: Vec<String>,
}

const IN_PROGRESS: &str = "IN_PROGRESS";
const FAILED: &str = "FAILED";
const NO_AGENT: &str = "workloadIdentityToken is no token of a workload identity of this caller, or has expired";
const NO_PROVIDER: &str = "there is no credential provider of this name";
const NO_SESSION: &str = "there is no such session of this caller, or not any more";

/// `POST /identities/oauth2/token`
pub async fn token(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = caller(&mut call).await?;
    let body: TokenRequest = read(&call)?;
    let name = &body.resource_credential_provider_name;
    let (agent, there) = agent(&call, &caller, &body.workload_identity_token, name).await?;
    match body.oauth2_flow.as_str() {
        "USER_FEDERATION" => {}
        "M2M" | "ON_BEHALF_OF_TOKEN_EXCHANGE" => {
            return Err(invalid("oauth2Flow", "this flow is not supported here: only USER_FEDERATION is"));
        }
        _ => return Err(invalid("oauth2Flow", "oauth2Flow is USER_FEDERATION")),
    }
    if !body.audiences.is_empty() {
        return Err(invalid("audiences", "audiences are for flows that are not supported here"));
    }
    known(&agent, &there, ProviderKind::Oauth2)?;
    if let Some(uri) = &body.session_uri {
        let session = SessionName::parse(uri).ok_or(AgentCoreError::NotFound(NO_SESSION))?;
        return match sessions::progress(&call.app, &agent, name, &session).await? {
            Progress::InProgress => {
                let link = call.app.issuer.endpoint(&format!("/connect/{}", session.text()));
                let body = json!({ "authorizationUrl": link, "sessionUri": uri, "sessionStatus": IN_PROGRESS });
                Ok(answer(&call, HttpResponse::Ok(), &body))
            }
            Progress::Failed => Ok(answer(
                &call,
                HttpResponse::Ok(),
                &json!({ "sessionUri": uri, "sessionStatus": FAILED }),
            )),
            Progress::Given(given) => shown(&call, *given),
            Progress::Unknown => Err(AgentCoreError::NotFound(NO_SESSION).into()),
        };
    }
    let given = ask::token_of(&call.app, &agent, there, wanted(&agent, body)?).await?;
    shown(&call, given)
}

fn wanted(agent: &Agent, body: TokenRequest) -> Result<Wanted, Error> {
    let scope = body.scopes.join(" ");
    let scope = if scope.trim().is_empty() {
        Scope::default()
    } else {
        Scope::parse(&scope).map_err(|refusal| invalid("scopes", &refusal.description))?
    };
    resource::check(&body.resources).map_err(|refusal| invalid("resources", &refusal.description))?;
    if let Some(url) = &body.resource_oauth2_return_url
        && !agent.workload.return_uris.contains(url)
    {
        let message = "it must be one of allowedResourceOauth2ReturnUrls of the workload identity, exactly";
        return Err(invalid("resourceOauth2ReturnUrl", message));
    }
    Ok(Wanted {
        provider: body.resource_credential_provider_name,
        scope,
        resource: body.resources,
        account: None,
        is_forced: body.force_authentication,
        session: NewSession {
            return_uri: body.resource_oauth2_return_url,
            custom_state: body.custom_state,
            parameters: body.custom_parameters.into_iter().collect(),
            needs_completion: true,
        },
    })
}

fn shown(call: &Call, given: Given) -> Result<HttpResponse, Error> {
    match given {
        Given::Token(token) => Ok(answer(call, HttpResponse::Ok(), &json!({ "accessToken": token.access_token }))),
        Given::Question(asked) => {
            let body = json!({
                "authorizationUrl": asked.authorization_url,
                "sessionUri": asked.session_uri,
                "sessionStatus": IN_PROGRESS,
            });
            Ok(answer(call, HttpResponse::Ok(), &body))
        }
        Given::Refused(denial) => Err(denied(denial)),
        Given::TooMany(seconds) => Err(RelayError::SlowDown(seconds).into()),
        Given::Trouble(trouble) => Err(troubled(&trouble)),
    }
}

fn denied(denial: Denial) -> Error {
    match denial.reason {
        Reason::Request => invalid("", denial.text),
        Reason::Person | Reason::Provider | Reason::Scope => AgentCoreError::Denied(denial.text).into(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CompletionRequest {
    user_identifier: UserIdentifier,
    session_uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UserIdentifier {
    user_token: Option<String>,
    user_id: Option<String>,
}

/// `POST /identities/CompleteResourceTokenAuth`
pub async fn complete(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = caller(&mut call).await?;
    let body: CompletionRequest = read(&call)?;
    let person = match (&body.user_identifier.user_token, &body.user_identifier.user_id) {
        (Some(token), None) => Person::Token(token),
        (None, Some(id)) => Person::Id(id),
        _ => return Err(invalid("userIdentifier", "userIdentifier has userToken or userId, and not both")),
    };
    let name = SessionName::parse(&body.session_uri).ok_or(AgentCoreError::NotFound(NO_SESSION))?;
    match sessions::complete(&call.app, &caller, &name, person).await? {
        Completed::Done => Ok(answer(&call, HttpResponse::Ok(), &json!({}))),
        Completed::Failed(why) => Err(invalid("sessionUri", &format!("the session has failed: {why}"))),
        Completed::Unknown => Err(AgentCoreError::NotFound(NO_SESSION).into()),
        Completed::SomebodyElse => Err(AgentCoreError::Denied("the session is for another person").into()),
        Completed::MayNotName => {
            let why = "this workload identity may not name people by their ids: send userToken, or let an administrator set may_name_users";
            Err(AgentCoreError::Denied(why).into())
        }
        Completed::Nobody => Err(AgentCoreError::Unauthorized("userIdentifier names nobody here").into()),
        Completed::TooMany(seconds) => Err(RelayError::SlowDown(seconds).into()),
        Completed::Unreadable => Err(RelayError::IssuerUnreadable.into()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyRequest {
    workload_identity_token: String,
    resource_credential_provider_name: String,
}

/// `POST /identities/api-key`
pub async fn api_key(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = caller(&mut call).await?;
    let body: KeyRequest = read(&call)?;
    let name = &body.resource_credential_provider_name;
    let (agent, there) = agent(&call, &caller, &body.workload_identity_token, name).await?;
    known(&agent, &there, ProviderKind::ApiKey)?;
    match ask::api_key_of(&call.app, &agent, name, there.provider).await? {
        KeyGiven::Key(key) => {
            let body: Value = json!({ "apiKey": key.expose_secret() });
            Ok(answer(&call, HttpResponse::Ok(), &body))
        }
        KeyGiven::Refused(denial) => Err(denied(denial)),
        KeyGiven::Trouble(trouble) => Err(troubled(&trouble)),
    }
}

/// The agent of a token, and what there is at the provider that it names.
async fn agent(call: &Call, caller: &Caller, token: &str, provider: &str) -> Result<(Agent, ProviderState), Error> {
    let found = caller.agent_at(&call.app, token, provider).await?;
    found.ok_or(AgentCoreError::Unauthorized(NO_AGENT).into())
}

/// An agent without ceilings is told which providers there are not, of its client's; any other only that it may not.
fn known(agent: &Agent, there: &ProviderState, kind: ProviderKind) -> Result<(), Error> {
    let may_have = |provider: &Provider| provider.kind == kind && agent.workload.ceiling(provider).is_some();
    if agent.workload.has_no_ceilings && !there.provider.as_ref().is_some_and(may_have) {
        return Err(AgentCoreError::NotFound(NO_PROVIDER).into());
    }
    Ok(())
}
