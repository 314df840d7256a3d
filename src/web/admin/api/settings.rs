//! `/api/admin/v1/settings`

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::header::{ETAG, IF_MATCH};

use super::{IfMatch, Refused, Rejected, json_body, no_query};
use crate::admin::AdminError;
use crate::admin::settings::{self as engine, SettingList};
use crate::web::call::Call;
use crate::web::error::Error;

/// Show the settings
///
/// All of them, with the place that each value came from. Secrets are never shown.
#[utoipa::path(
    get, path = "/api/admin/v1/settings", tag = "settings", operation_id = "show_settings",
    responses((status = 200, description = "The settings", body = SettingList, headers(("ETag" = String))), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    Ok(answer(&engine::list(&call.app).await?))
}

/// Change settings
///
/// Those that can change while the server runs, all or none of them; `null` goes back to the default. What a flag, a
/// variable or the file sets cannot be changed here. Needs `If-Match`. Other nodes follow within a minute.
#[utoipa::path(
    patch, path = "/api/admin/v1/settings", tag = "settings", operation_id = "patch_settings", params(IfMatch),
    request_body(content(
        (BTreeMap<String, Option<String>> = "application/merge-patch+json"),
        (BTreeMap<String, Option<String>> = "application/json")
    )),
    responses((status = 200, description = "The settings", body = SettingList, headers(("ETag" = String))), Refused, Rejected)
)]
pub async fn patch(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let changes: BTreeMap<String, Option<String>> = json_body(&call)?;
    let expected = match call.header(IF_MATCH).map(str::trim) {
        None => return Err(AdminError::VersionRequired.into()),
        Some("*") => None,
        Some(tag) => Some(tag.trim_matches('"')),
    };
    let settings = engine::change(&call.app, &changes, expected).await.map_err(AdminError::from)?;
    Ok(answer(&settings))
}

fn answer(settings: &SettingList) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, format!("\"{}\"", settings.version)))
        .json(settings)
}
