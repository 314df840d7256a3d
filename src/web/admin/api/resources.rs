//! `/api/admin/v1/resources`

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;

use super::{IfMatch, PageParams, Query, Refused, Rejected, encoded, expected, json_body, merged, no_query, versioned};
use crate::admin::page::Listed;
use crate::admin::resources::{self as engine, ResourceView};
use crate::admin::{AdminError, Expected};
use crate::model::resource::ResourceSettings;
use crate::oauth::resources;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::json::json_value;

/// List protected resources
///
/// By identifier.
#[utoipa::path(
    get, path = "/api/admin/v1/resources", tag = "resources", operation_id = "list_resources", params(PageParams),
    responses((status = 200, body = Listed<ResourceView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &[])?;
    Ok(HttpResponse::Ok().json(engine::list(&call.app, &query.page()?).await?))
}

/// Show a protected resource
#[utoipa::path(
    get, path = "/api/admin/v1/resources/{identifier}", tag = "resources", operation_id = "show_resource",
    params(("identifier" = String, Path, description = "Its identifier as it is registered, percent-encoded")),
    responses((status = 200, body = ResourceView, headers(("ETag" = String))), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let resource = engine::find(&call.app, &call.segment("identifier")?).await?;
    Ok(versioned(
        HttpResponse::Ok(),
        resource.version,
        &ResourceView::new(&call.app, resource),
    ))
}

/// Register or replace a protected resource
///
/// Replacing needs `If-Match`.
#[utoipa::path(
    put, path = "/api/admin/v1/resources/{identifier}", tag = "resources", operation_id = "put_resource",
    params(("identifier" = String, Path, description = "Its identifier as it is registered, percent-encoded"), IfMatch),
    request_body = ResourceSettings,
    responses(
        (status = 200, body = ResourceView, headers(("ETag" = String))),
        (status = 201, body = ResourceView, headers(("ETag" = String), ("Location" = String))),
        Refused, Rejected
    )
)]
pub async fn put(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let identifier = call.segment("identifier")?;
    let settings: ResourceSettings = json_body(&call)?;
    let expected = expected(&call)?;
    match engine::change(&call.app, &identifier, &expected, |_| Ok(settings.clone())).await {
        Err(AdminError::NotFound) if expected == Expected::Unsaid => {
            let resource = resources::register(&call.app, &identifier, settings)
                .await
                .map_err(AdminError::from)?;
            let path = format!("/api/admin/v1/resources/{}", encoded(&identifier));
            let mut response = HttpResponse::Created();
            response.insert_header((LOCATION, call.app.issuer.endpoint(&path)));
            Ok(versioned(response, resource.version, &ResourceView::new(&call.app, resource)))
        }
        Err(AdminError::NotFound) => Err(AdminError::Changed.into()),
        outcome => {
            let resource = outcome?;
            Ok(versioned(
                HttpResponse::Ok(),
                resource.version,
                &ResourceView::new(&call.app, resource),
            ))
        }
    }
}

/// Change a protected resource
///
/// A merge patch (RFC 7396): what is not named stays as it is. Needs `If-Match`.
#[utoipa::path(
    patch, path = "/api/admin/v1/resources/{identifier}", tag = "resources", operation_id = "patch_resource",
    params(("identifier" = String, Path, description = "Its identifier as it is registered, percent-encoded"), IfMatch),
    request_body(content((ResourceSettings = "application/merge-patch+json"), (ResourceSettings = "application/json"))),
    responses((status = 200, body = ResourceView, headers(("ETag" = String))), Refused, Rejected)
)]
pub async fn patch(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let patch = json_value(&call)?;
    let identifier = call.segment("identifier")?;
    let resource = engine::change(&call.app, &identifier, &expected(&call)?, |settings| merged(&settings, &patch)).await?;
    Ok(versioned(
        HttpResponse::Ok(),
        resource.version,
        &ResourceView::new(&call.app, resource),
    ))
}

/// Remove a protected resource
///
/// No token is issued for it any more; those that are there live until they expire.
#[utoipa::path(
    delete, path = "/api/admin/v1/resources/{identifier}", tag = "resources", operation_id = "delete_resource",
    params(("identifier" = String, Path, description = "Its identifier as it is registered, percent-encoded"), IfMatch),
    responses((status = 204), Refused, Rejected)
)]
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    engine::delete(&call.app, &call.segment("identifier")?, &expected(&call)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
