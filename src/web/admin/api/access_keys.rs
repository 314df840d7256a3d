//! `/api/admin/v1/access-keys`

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{IfMatch, PageParams, Query, Refused, Rejected, expected, json_body, merged, no_query, versioned};
use crate::admin::AdminError;
use crate::admin::access_keys::{self as engine, AccessKeyPatch, AccessKeyView};
use crate::admin::page::Listed;
use crate::federation::access_keys::{self, NewAccessKey};
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::json::json_value;

/// An access key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessKeyInput {
    /// The client that it belongs to: one with a secret, the grant `client_credentials` and the scope `vault`
    pub client_id: String,
    /// What it is for
    #[schema(example = "agents in production", min_length = 1, max_length = 200)]
    pub name: String,
    /// Whether it may add and change workloads of its client, and providers
    #[serde(default)]
    pub may_administer: bool,
}

/// An access key that has just been made.
#[derive(Serialize, ToSchema)]
pub struct NewAccessKeyView {
    #[serde(flatten)]
    about: AccessKeyView,
    /// The secret: shown now, and never again
    secret: String,
}

/// List access keys
///
/// By id. Their secrets are never shown again.
#[utoipa::path(
    get, path = "/api/admin/v1/access-keys", tag = "access keys", operation_id = "list_access_keys",
    params(("client_id" = Option<String>, Query, description = "Only those of this client"), PageParams),
    responses((status = 200, body = Listed<AccessKeyView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &["client_id"])?;
    let listed = engine::list(&call.app, query.text("client_id")?, &query.page()?).await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// Make an access key
///
/// The secret is in the answer, and never again.
#[utoipa::path(
    post, path = "/api/admin/v1/access-keys", tag = "access keys", operation_id = "create_access_key",
    request_body = AccessKeyInput,
    responses((status = 201, body = NewAccessKeyView, headers(("ETag" = String), ("Location" = String))), Refused, Rejected)
)]
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let input: AccessKeyInput = json_body(&call)?;
    let new = NewAccessKey {
        client_id: input.client_id,
        name: input.name,
        may_administer: input.may_administer,
    };
    let (key, secret) = access_keys::issue(&call.app, new).await.map_err(AdminError::from)?;
    let path = format!("/api/admin/v1/access-keys/{}", key.id);
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, call.app.issuer.endpoint(&path)));
    let version = key.version;
    let view = NewAccessKeyView {
        about: key.into(),
        secret: secret.expose_secret().to_owned(),
    };
    Ok(versioned(response, version, &view))
}

/// Show an access key
#[utoipa::path(
    get, path = "/api/admin/v1/access-keys/{id}", tag = "access keys", operation_id = "show_access_key",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = AccessKeyView, headers(("ETag" = String))), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let key = engine::find(&call.app, &call.segment("id")?).await?;
    Ok(versioned(HttpResponse::Ok(), key.version, &AccessKeyView::from(key)))
}

/// Change an access key
///
/// A merge patch (RFC 7396): its name, and whether it is disabled. Needs `If-Match`.
#[utoipa::path(
    patch, path = "/api/admin/v1/access-keys/{id}", tag = "access keys", operation_id = "patch_access_key",
    params(("id" = String, Path, description = "Its id"), IfMatch),
    request_body(content((AccessKeyPatch = "application/merge-patch+json"), (AccessKeyPatch = "application/json"))),
    responses((status = 200, body = AccessKeyView, headers(("ETag" = String))), Refused, Rejected)
)]
pub async fn patch(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let patch = json_value(&call)?;
    let id = call.segment("id")?;
    let key = engine::change(&call.app, &id, &expected(&call)?, |settings| merged(&settings, &patch)).await?;
    Ok(versioned(HttpResponse::Ok(), key.version, &AccessKeyView::from(key)))
}

/// Remove an access key
///
/// Nothing that is signed with it counts any more.
#[utoipa::path(
    delete, path = "/api/admin/v1/access-keys/{id}", tag = "access keys", operation_id = "delete_access_key",
    params(("id" = String, Path, description = "Its id"), IfMatch),
    responses((status = 204), Refused, Rejected)
)]
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    engine::delete(&call.app, &call.segment("id")?, &expected(&call)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
