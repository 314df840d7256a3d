//! `/api/admin/v1/stats`

use actix_web::HttpResponse;

use super::{Query, Refused};
use crate::admin::stats::{self as engine, Dashboard, Range};
use crate::web::call::Call;
use crate::web::error::Error;

/// Show statistics
///
/// How many there are, and what happened in the last 24 hours or 30 days: the numbers of the dashboard.
#[utoipa::path(
    get, path = "/api/admin/v1/stats", tag = "stats", operation_id = "show_stats",
    params(("range" = Option<Range>, Query, description = "How far to look back")),
    responses((status = 200, description = "The numbers", body = Dashboard), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::without_page(&call, &["range"])?;
    let range = match query.text("range")?.map(Range::parse) {
        None => Range::default(),
        Some(Some(range)) => range,
        Some(None) => {
            return Err(Error::InvalidParameter {
                name: "range".to_owned(),
                message: "range is day or month".to_owned(),
            });
        }
    };
    Ok(HttpResponse::Ok().json(engine::dashboard(&call.app, range).await?))
}
