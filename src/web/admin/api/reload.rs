//! `/api/admin/v1/reload`

use actix_web::HttpResponse;

use super::{Refused, Rejected, no_body, no_query};
use crate::admin::AdminError;
use crate::admin::reload::{self as engine, Reloaded};
use crate::web::call::Call;
use crate::web::error::Error;

/// Read certificate and log level again
///
/// On the node that is asked, as SIGHUP does. What cannot be used leaves in force what was, and is a conflict (409).
#[utoipa::path(
    post, path = "/api/admin/v1/reload", tag = "settings", operation_id = "reload",
    responses((status = 200, description = "What was read", body = Reloaded), Refused, Rejected)
)]
pub async fn reload(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    no_body(&call)?;
    let reloaded = engine::reload(&call.app).await?;
    let failed: Vec<&str> = reloaded.failed().collect();
    if failed.is_empty() {
        return Ok(HttpResponse::Ok().json(reloaded));
    }
    let message = format!(
        "{} cannot be used, and what was in force stays; the log of the server says why",
        failed.join(" and ")
    );
    Err(AdminError::conflict(message).into())
}
