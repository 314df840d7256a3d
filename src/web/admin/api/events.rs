//! `/api/admin/v1/events`

use actix_web::HttpResponse;

use super::{PageParams, Query, Refused, no_query};
use crate::admin::AdminError;
use crate::admin::events::{self as engine, EventView};
use crate::admin::page::Listed;
use crate::model::event::{EventKind, Outcome};
use crate::web::call::Call;
use crate::web::error::Error;

/// List events
///
/// The audit log, newest first. Where few of many match, a page can hold fewer than were asked for, or none; it is
/// the last one only when `next` is `null`.
#[utoipa::path(
    get, path = "/api/admin/v1/events", tag = "events", operation_id = "list_events",
    params(
        ("kind" = Option<EventKind>, Query, description = "What happened"),
        ("outcome" = Option<Outcome>, Query, description = "Whether it was done or refused"),
        ("actor" = Option<String>, Query, description = "Who did it", example = "admin_token"),
        ("subject_id" = Option<String>, Query, description = "The user whom it concerns"),
        ("client_id" = Option<String>, Query, description = "The client that it concerns"),
        ("since" = Option<i64>, Query, description = "Not before this time, in seconds since 1970", minimum = 0),
        ("until" = Option<i64>, Query, description = "Before this time, in seconds since 1970", minimum = 0),
        PageParams
    ),
    responses((status = 200, description = "A page of events", body = Listed<EventView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let known = ["kind", "outcome", "actor", "subject_id", "client_id", "since", "until"];
    let query = Query::parse(&call, &known)?;
    let filter = engine::filter(|name| query.text(name).ok().flatten()).map_err(|invalid| Error::InvalidParameter {
        name: invalid.field.to_owned(),
        message: invalid.message,
    })?;
    let listed = engine::list(&call.app, &filter, &query.page()?).await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// Show an event
#[utoipa::path(
    get, path = "/api/admin/v1/events/{event_id}", tag = "events", operation_id = "show_event",
    params(("event_id" = String, Path, description = "Its identifier")),
    responses((status = 200, description = "The event", body = EventView), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let event = engine::find(&call.app, &call.segment("event_id")?).await;
    Ok(HttpResponse::Ok().json(event.map_err(|error: AdminError| error)?))
}
