//! `/api/admin/v1/connections`

use actix_web::HttpResponse;

use super::{PageParams, Query, Refused, no_query};
use crate::admin::connections::{self as engine, ConnectionView, ConnectionsWith, RemovalView};
use crate::admin::page::Listed;
use crate::web::call::Call;
use crate::web::error::Error;

/// List connections
///
/// The oldest first. At least one of `user`, `provider` and `workload` says which.
#[utoipa::path(
    get, path = "/api/admin/v1/connections", tag = "connections", operation_id = "list_connections",
    params(
        ("user" = Option<String>, Query, description = "Only those of this user, by `sub`"),
        ("provider" = Option<String>, Query, description = "Only those at this provider, by id"),
        ("workload" = Option<String>, Query, description = "Only those of this workload, by name"),
        PageParams
    ),
    responses((status = 200, body = Listed<ConnectionView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &["user", "provider", "workload"])?;
    let with = ConnectionsWith {
        user_id: query.text("user")?,
        provider_id: query.text("provider")?,
        workload: query.text("workload")?,
    };
    Ok(HttpResponse::Ok().json(engine::list(&call.app, with, &query.page()?).await?))
}

/// Show a connection
#[utoipa::path(
    get, path = "/api/admin/v1/connections/{id}", tag = "connections", operation_id = "show_connection",
    params(("id" = String, Path, description = "Its identifier")),
    responses((status = 200, body = ConnectionView), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    Ok(HttpResponse::Ok().json(engine::show(&call.app, &call.segment("id")?).await?))
}

/// Take a connection back
///
/// The agent gets nothing of it any more. The answer says whether the provider took it back, too, or that this is tried again
/// later. Where the provider has no way for that, tokens that the agent still has live on there, and only the person can end
/// them.
#[utoipa::path(
    delete, path = "/api/admin/v1/connections/{id}", tag = "connections", operation_id = "delete_connection",
    params(("id" = String, Path, description = "Its identifier")),
    responses((status = 200, body = RemovalView, description = "It is gone here; the body says what happened there"), Refused)
)]
pub async fn remove(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    Ok(HttpResponse::Ok().json(engine::remove(&call.app, &call.segment("id")?).await?))
}
