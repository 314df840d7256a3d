//! `/api/admin/v1/sessions`

use actix_web::HttpResponse;

use super::{PageParams, Query, Refused, no_query};
use crate::admin::page::Listed;
use crate::admin::sessions::{self as engine, SessionView};
use crate::web::call::Call;
use crate::web::error::Error;

/// List sessions
///
/// Those that are alive, the newest first.
#[utoipa::path(
    get, path = "/api/admin/v1/sessions", tag = "sessions", operation_id = "list_sessions",
    params(("user_id" = Option<String>, Query, description = "Only those of this user"), PageParams),
    responses((status = 200, body = Listed<SessionView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &["user_id"])?;
    let listed = engine::list(&call.app, query.text("user_id")?, &query.page()?).await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// Show a session
#[utoipa::path(
    get, path = "/api/admin/v1/sessions/{id}", tag = "sessions", operation_id = "show_session",
    params(("id" = String, Path, description = "`sid`")),
    responses((status = 200, body = SessionView), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    Ok(HttpResponse::Ok().json(engine::show(&call.app, &call.segment("id")?).await?))
}

/// End a session
///
/// The browser is signed out, and the grants that were not meant to outlive the session are revoked.
#[utoipa::path(
    delete, path = "/api/admin/v1/sessions/{id}", tag = "sessions", operation_id = "end_session",
    params(("id" = String, Path, description = "`sid`")),
    responses((status = 204), Refused)
)]
pub async fn end(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    engine::end(&call.app, &call.segment("id")?).await?;
    Ok(HttpResponse::NoContent().finish())
}
