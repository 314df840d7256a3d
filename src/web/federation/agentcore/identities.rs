//! `GetWorkloadAccessToken…`: a token by which an agent acts, for itself or for a person.

use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::json;

use crate::federation::agentcore::person;
use crate::federation::program::Program;
use crate::federation::workloads::{self, ActsFor, Issuance};
use crate::web::call::Call;
use crate::web::error::{AgentCoreError, Error, RelayError};

use super::{answer, caller, never, read};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ForItself {
    workload_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ForToken {
    workload_name: String,
    user_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ForUser {
    workload_name: String,
    user_id: String,
}

const NO_TOKEN: &str = "userToken is not a token of a person here: it is unknown, has expired, or is for somebody else";
const NO_USER: &str = "userId is not the id of a person here (gatehouse user list shows ids), or their account is disabled";

/// `POST /identities/GetWorkloadAccessToken`
pub async fn for_itself(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = caller(&mut call).await?;
    let body: ForItself = read(&call)?;
    let program = Program::Client(std::sync::Arc::new(caller.client));
    let issued = workloads::issue(&call.app, &program, &body.workload_name, ActsFor::Itself).await?;
    given(&call, issued, || never("an agent that acts for itself is refused as a person"))
}

/// `POST /identities/GetWorkloadAccessTokenForJWT`
pub async fn for_token(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = caller(&mut call).await?;
    let body: ForToken = read(&call)?;
    let program = Program::Client(std::sync::Arc::new(caller.client));
    let acts_for = ActsFor::Token(&body.user_token);
    let issued = workloads::issue(&call.app, &program, &body.workload_name, acts_for).await?;
    given(&call, issued, || AgentCoreError::Unauthorized(NO_TOKEN).into())
}

/// `POST /identities/GetWorkloadAccessTokenForUserId`
pub async fn for_user(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = caller(&mut call).await?;
    let body: ForUser = read(&call)?;
    let user = person(&call.app, &body.user_id).await?;
    let id = user.map_or(body.user_id, |user| user.id);
    let program = Program::Client(std::sync::Arc::new(caller.client));
    let issued = workloads::issue(&call.app, &program, &body.workload_name, ActsFor::User(&id)).await?;
    given(&call, issued, || AgentCoreError::NotFound(NO_USER).into())
}

fn given(call: &Call, issuance: Issuance, nobody: impl FnOnce() -> Error) -> Result<HttpResponse, Error> {
    match issuance {
        Issuance::Issued(token, _) => Ok(answer(call, HttpResponse::Ok(), &json!({ "workloadAccessToken": token }))),
        Issuance::NoClient => Err(never("a caller that is no client")),
        Issuance::NoWorkload => Err(AgentCoreError::NotFound("there is no workload identity of this name").into()),
        Issuance::Denied(why) => Err(AgentCoreError::Denied(why).into()),
        Issuance::Refused(_) => Err(nobody()),
        Issuance::TooMany(seconds) => Err(RelayError::SlowDown(seconds).into()),
        Issuance::Unreadable => Err(RelayError::IssuerUnreadable.into()),
    }
}
