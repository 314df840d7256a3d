//! The control plane: workload identities.

use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::federation::agentcore::Caller;
use crate::federation::workloads;
use crate::model::workload::{Workload, WorkloadSettings};
use crate::web::call::Call;
use crate::web::error::{AgentCoreError, Error};

use super::{ListRequest, NameRequest, PLACE, administrator, answer, answer_page, deleted, read, refused, wrong_token};

const LIST: &str = "workload-identities";
/// The most items of a page.
const MOST: u16 = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WorkloadRequest {
    name: String,
    allowed_resource_oauth2_return_urls: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewWorkloadRequest {
    name: String,
    #[serde(default)]
    allowed_resource_oauth2_return_urls: Vec<String>,
    /// Nothing here has tags
    #[serde(default, rename = "tags")]
    _tags: Value,
}

/// `POST /identities/CreateWorkloadIdentity`
pub async fn create(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: NewWorkloadRequest = read(&call)?;
    let urls = body.allowed_resource_oauth2_return_urls;
    let workload = caller.add_workload(&call.app, &body.name, urls).await.map_err(refused)?;
    Ok(answer(&call, HttpResponse::Created(), &described(&workload)))
}

/// `POST /identities/GetWorkloadIdentity`
pub async fn show(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: NameRequest = read(&call)?;
    let workload = find(&call, &caller, &body.name).await?;
    Ok(answer(&call, HttpResponse::Ok(), &dated(&workload)))
}

/// `POST /identities/UpdateWorkloadIdentity`
pub async fn update(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: WorkloadRequest = read(&call)?;
    let workload = find_own(&call, &caller, &body.name).await?;
    let before = workload.settings.clone();
    let settings = WorkloadSettings {
        return_uris: body.allowed_resource_oauth2_return_urls.unwrap_or(before.return_uris),
        ..before
    };
    let workload = workloads::change(&call.app, workload, settings).await.map_err(refused)?;
    Ok(answer(&call, HttpResponse::Ok(), &dated(&workload)))
}

/// `POST /identities/ListWorkloadIdentities`
pub async fn list(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let page = read::<ListRequest>(&call)?.page(MOST)?;
    let [after] = page.after(LIST).map_err(wrong_token)?.unwrap_or_default();
    let rows = caller.workloads(&call.app, after, page.rows()).await?;
    let listed = page.of(
        LIST,
        rows,
        |workload| vec![workload.name.clone()],
        |workload| json!({ "name": workload.name, "workloadIdentityArn": arn(&workload) }),
    );
    Ok(answer_page(&call, "workloadIdentities", listed))
}

/// `POST /identities/DeleteWorkloadIdentity`
pub async fn delete(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: NameRequest = read(&call)?;
    let workload = find_own(&call, &caller, &body.name).await?;
    workloads::delete(&call.app, &workload).await.map_err(refused)?;
    Ok(deleted(&call))
}

async fn find(call: &Call, caller: &Caller, name: &str) -> Result<Workload, Error> {
    let found = caller.workload(&call.app, name).await?;
    found.ok_or(AgentCoreError::NotFound("there is no workload identity of this name").into())
}

/// As [`find`], for one that the caller may change.
async fn find_own(call: &Call, caller: &Caller, name: &str) -> Result<Workload, Error> {
    let workload = find(call, caller, name).await?;
    if caller.may_change(&workload) {
        return Ok(workload);
    }
    let why = "an administrator has made this workload identity, or made it narrower: it is theirs to change";
    Err(AgentCoreError::Denied(why).into())
}

fn arn(workload: &Workload) -> String {
    format!(
        "arn:aws:bedrock-agentcore:{PLACE}:workload-identity-directory/default/workload-identity/{}",
        workload.name
    )
}

fn described(workload: &Workload) -> Value {
    json!({
        "name": workload.name,
        "workloadIdentityArn": arn(workload),
        "allowedResourceOauth2ReturnUrls": workload.return_uris,
    })
}

fn dated(workload: &Workload) -> Value {
    let mut shown = described(workload);
    shown["createdTime"] = json!(workload.created_at);
    shown["lastUpdatedTime"] = json!(workload.updated_at);
    shown
}
