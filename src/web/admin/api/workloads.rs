//! `/api/admin/v1/workloads`

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use serde_json::Value;
use utoipa::ToSchema;

use super::{IfMatch, PageParams, Query, Refused, Rejected, encoded, expected, merged, no_query, versioned};
use crate::admin::AdminError;
use crate::admin::page::Listed;
use crate::admin::workloads::{self as engine, WorkloadView};
use crate::federation::workloads::{self, NewWorkload};
use crate::model::workload::WorkloadSettings;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::json::json_value;

/// An agent to add.
#[derive(serde::Deserialize, ToSchema)]
#[expect(dead_code, reason = "documentation; `input` reads it")]
pub struct WorkloadInput {
    /// Its name
    #[schema(pattern = "^[A-Za-z0-9_.-]{3,255}$", example = "mail-agent")]
    name: String,
    /// The client that owns it, and gets tokens for it
    client_id: String,
    /// Everything else
    #[serde(flatten)]
    settings: WorkloadSettings,
}

/// List workloads
///
/// By name.
#[utoipa::path(
    get, path = "/api/admin/v1/workloads", tag = "workloads", operation_id = "list_workloads",
    params(("client_id" = Option<String>, Query, description = "Only those of this client"), PageParams),
    responses((status = 200, body = Listed<WorkloadView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &["client_id"])?;
    let listed = engine::list(&call.app, query.text("client_id")?, &query.page()?).await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// Add a workload
#[utoipa::path(
    post, path = "/api/admin/v1/workloads", tag = "workloads", operation_id = "create_workload",
    request_body = WorkloadInput,
    responses(
        (status = 201, body = WorkloadView, headers(("ETag" = String), ("Location" = String))),
        Refused, Rejected
    )
)]
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let new = input(json_value(&call)?)?;
    let workload = workloads::create(&call.app, new).await.map_err(AdminError::from)?;
    let path = format!("/api/admin/v1/workloads/{}", encoded(&workload.name));
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, call.app.issuer.endpoint(&path)));
    Ok(versioned(response, workload.version, &WorkloadView::from(workload)))
}

/// Show a workload
#[utoipa::path(
    get, path = "/api/admin/v1/workloads/{name}", tag = "workloads", operation_id = "show_workload",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = WorkloadView, headers(("ETag" = String))), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let workload = engine::find(&call.app, &call.segment("name")?).await?;
    Ok(versioned(HttpResponse::Ok(), workload.version, &WorkloadView::from(workload)))
}

/// Change a workload
///
/// A merge patch (RFC 7396): what is not named stays as it is, and a ceiling that is `null` goes. Needs `If-Match`.
#[utoipa::path(
    patch, path = "/api/admin/v1/workloads/{name}", tag = "workloads", operation_id = "patch_workload",
    params(("name" = String, Path, description = "Its name"), IfMatch),
    request_body(content((WorkloadSettings = "application/merge-patch+json"), (WorkloadSettings = "application/json"))),
    responses((status = 200, body = WorkloadView, headers(("ETag" = String))), Refused, Rejected)
)]
pub async fn patch(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let patch = json_value(&call)?;
    let name = call.segment("name")?;
    let workload = engine::change(&call.app, &name, &expected(&call)?, |settings| merged(&settings, &patch)).await?;
    Ok(versioned(HttpResponse::Ok(), workload.version, &WorkloadView::from(workload)))
}

/// Remove a workload
///
/// Its connections go with it, and its tokens are dead.
#[utoipa::path(
    delete, path = "/api/admin/v1/workloads/{name}", tag = "workloads", operation_id = "delete_workload",
    params(("name" = String, Path, description = "Its name"), IfMatch),
    responses((status = 204), Refused, Rejected)
)]
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    engine::delete(&call.app, &call.segment("name")?, &expected(&call)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A workload to add, of a body: the usual settings with what the body says in their place.
fn input(mut body: Value) -> Result<NewWorkload, Error> {
    let Some(fields) = body.as_object_mut() else {
        return Err(AdminError::invalid("", "the body is a JSON object").into());
    };
    let mut text = |name: &'static str| match fields.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(AdminError::invalid(name, format!("{name} is a text"))),
        None => Err(AdminError::invalid(name, format!("{name} is missing"))),
    };
    Ok(NewWorkload {
        name: text("name")?,
        client_id: text("client_id")?,
        settings: merged(&WorkloadSettings::default(), &body)?,
    })
}
