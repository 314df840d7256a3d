//! `/api/vault/workload-token`: a token by which an agent acts.

use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::json;

use crate::federation::workloads::{self, ActsFor, Issuance};
use crate::protocol::claims::VAULT;
use crate::protocol::error::invalid_request;
use crate::web::call::Call;
use crate::web::error::{Error, RelayError};

use super::{program, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkloadTokenRequest {
    workload: String,
    user_token: Option<String>,
    user_id: Option<String>,
}

/// `POST /api/vault/workload-token`
pub async fn workload_token(call: Call) -> Result<HttpResponse, Error> {
    let program = program(&call, VAULT).await?;
    let body: WorkloadTokenRequest = read(&call)?;
    let acts_for = match (&body.user_token, &body.user_id) {
        (None, None) => ActsFor::Itself,
        (Some(token), None) => ActsFor::Token(token),
        (None, Some(id)) => ActsFor::User(id),
        (Some(_), Some(_)) => return Err(invalid_request("send user_token or user_id, not both").into()),
    };
    match workloads::issue(&call.app, &program, &body.workload, acts_for).await? {
        Issuance::Issued(token, seconds) => {
            let answer = json!({ "workload_access_token": token, "expires_in": seconds });
            Ok(HttpResponse::Ok().json(answer))
        }
        Issuance::NoClient => Err(RelayError::ScopeMissing(VAULT).into()),
        Issuance::NoWorkload => Err(RelayError::NoWorkload.into()),
        Issuance::Denied(why) => Err(RelayError::WorkloadDenied(why).into()),
        Issuance::Refused(refusal) => Err(refusal.into()),
        Issuance::TooMany(seconds) => Err(RelayError::SlowDown(seconds).into()),
        Issuance::Unreadable => Err(RelayError::IssuerUnreadable.into()),
    }
}
