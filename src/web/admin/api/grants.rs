//! `/api/admin/v1/grants`

use actix_web::HttpResponse;

use super::{PageParams, Query, Refused, no_body, no_query};
use crate::admin::grants::{self as engine, GrantView, GrantsWith};
use crate::admin::page::Listed;
use crate::web::call::Call;
use crate::web::error::Error;

/// List grants
///
/// The newest first. Where few of many match, a page can hold fewer than were asked for, or none; it is the last
/// one only when `next` is `null`.
#[utoipa::path(
    get, path = "/api/admin/v1/grants", tag = "grants", operation_id = "list_grants",
    params(
        ("user_id" = Option<String>, Query, description = "Only those of this user"),
        ("client_id" = Option<String>, Query, description = "Only those to this client"),
        ("active" = Option<bool>, Query, description = "Only those in the state `active`, or only those in any other"),
        PageParams
    ),
    responses((status = 200, body = Listed<GrantView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &["user_id", "client_id", "active"])?;
    let filter = GrantsWith {
        user_id: query.text("user_id")?,
        client_id: query.text("client_id")?,
        is_active: query.flag("active")?,
    };
    Ok(HttpResponse::Ok().json(engine::list(&call.app, filter, &query.page()?).await?))
}

/// Show a grant
#[utoipa::path(
    get, path = "/api/admin/v1/grants/{id}", tag = "grants", operation_id = "show_grant",
    params(("id" = String, Path, description = "Its identifier")),
    responses((status = 200, body = GrantView), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    Ok(HttpResponse::Ok().json(engine::show(&call.app, &call.segment("id")?).await?))
}

/// Revoke a grant
///
/// Every token under it is dead at once. Revoking twice is fine.
#[utoipa::path(
    post, path = "/api/admin/v1/grants/{id}/revoke", tag = "grants", operation_id = "revoke_grant",
    params(("id" = String, Path, description = "Its identifier")),
    responses((status = 200, body = GrantView), Refused)
)]
pub async fn revoke(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    no_body(&call)?;
    Ok(HttpResponse::Ok().json(engine::revoke(&call.app, &call.segment("id")?).await?))
}
