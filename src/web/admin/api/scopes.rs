//! `/api/admin/v1/scopes`

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;

use super::{IfMatch, PageParams, Query, Refused, Rejected, encoded, expected, json_body, merged, no_query, versioned};
use crate::admin::page::Listed;
use crate::admin::scopes::{self as engine, ScopeView};
use crate::admin::{AdminError, Expected};
use crate::model::scope::ScopeSettings;
use crate::oauth::scopes;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::json::json_value;

/// List scopes
///
/// By name.
#[utoipa::path(
    get, path = "/api/admin/v1/scopes", tag = "scopes", operation_id = "list_scopes", params(PageParams),
    responses((status = 200, body = Listed<ScopeView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &[])?;
    Ok(HttpResponse::Ok().json(engine::list(&call.app, &query.page()?).await?))
}

/// Show a scope
#[utoipa::path(
    get, path = "/api/admin/v1/scopes/{name}", tag = "scopes", operation_id = "show_scope",
    params(("name" = String, Path, description = "The scope token, percent-encoded")),
    responses((status = 200, body = ScopeView, headers(("ETag" = String))), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let scope = engine::find(&call.app, &call.segment("name")?).await?;
    Ok(versioned(HttpResponse::Ok(), scope.version, &ScopeView::from(scope)))
}

/// Define or replace a scope
///
/// Replacing needs `If-Match`.
#[utoipa::path(
    put, path = "/api/admin/v1/scopes/{name}", tag = "scopes", operation_id = "put_scope",
    params(("name" = String, Path, description = "The scope token, percent-encoded"), IfMatch),
    request_body = ScopeSettings,
    responses(
        (status = 200, body = ScopeView, headers(("ETag" = String))),
        (status = 201, body = ScopeView, headers(("ETag" = String), ("Location" = String))),
        Refused, Rejected
    )
)]
pub async fn put(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let name = call.segment("name")?;
    let settings: ScopeSettings = json_body(&call)?;
    let expected = expected(&call)?;
    match engine::change(&call.app, &name, &expected, |_| Ok(settings.clone())).await {
        Err(AdminError::NotFound) if expected == Expected::Unsaid => {
            let scope = scopes::define(&call.app, &name, settings).await.map_err(AdminError::from)?;
            let path = format!("/api/admin/v1/scopes/{}", encoded(&name));
            let mut response = HttpResponse::Created();
            response.insert_header((LOCATION, call.app.issuer.endpoint(&path)));
            Ok(versioned(response, scope.version, &ScopeView::from(scope)))
        }
        Err(AdminError::NotFound) => Err(AdminError::Changed.into()),
        outcome => {
            let scope = outcome?;
            Ok(versioned(HttpResponse::Ok(), scope.version, &ScopeView::from(scope)))
        }
    }
}

/// Change a scope
///
/// A merge patch (RFC 7396): what is not named stays as it is. Needs `If-Match`.
#[utoipa::path(
    patch, path = "/api/admin/v1/scopes/{name}", tag = "scopes", operation_id = "patch_scope",
    params(("name" = String, Path, description = "The scope token, percent-encoded"), IfMatch),
    request_body(content((ScopeSettings = "application/merge-patch+json"), (ScopeSettings = "application/json"))),
    responses((status = 200, body = ScopeView, headers(("ETag" = String))), Refused, Rejected)
)]
pub async fn patch(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let patch = json_value(&call)?;
    let name = call.segment("name")?;
    let scope = engine::change(&call.app, &name, &expected(&call)?, |settings| merged(&settings, &patch)).await?;
    Ok(versioned(HttpResponse::Ok(), scope.version, &ScopeView::from(scope)))
}

/// Remove a scope
///
/// No token is issued with it any more. What the server itself needs stays.
#[utoipa::path(
    delete, path = "/api/admin/v1/scopes/{name}", tag = "scopes", operation_id = "delete_scope",
    params(("name" = String, Path, description = "The scope token, percent-encoded"), IfMatch),
    responses((status = 204), Refused, Rejected)
)]
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    engine::delete(&call.app, &call.segment("name")?, &expected(&call)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
