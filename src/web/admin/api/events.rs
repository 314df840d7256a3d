//! `/api/admin/v1/events`

use actix_web::HttpResponse;

use super::{PageParams, Query, Refused, no_query};
use crate::admin::AdminError;
use crate::admin::events::{self as engine, EventFilter, EventView};
use crate::admin::page::Listed;
use crate::model::event::{Actor, EventKind, Outcome};
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
    let listed = engine::list(&call.app, &filter(&query)?, &query.page()?).await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// Reads the filter of a list of events.
///
/// # Errors
/// Names the parameter at fault.
pub fn filter(query: &Query) -> Result<EventFilter, Error> {
    let invalid = |name: &str, message: &str| Error::InvalidParameter {
        name: name.to_owned(),
        message: message.to_owned(),
    };
    let time = |name: &str| {
        let text = query.text(name)?;
        text.map(|text| {
            let time = text.parse().ok().filter(|time: &i64| *time >= 0);
            // Later than any event, and small enough to add to.
            let time = time.map(|time| time.min(253_402_300_799));
            time.ok_or_else(|| invalid(name, "a time is a number of seconds since 1970"))
        })
        .transpose()
    };
    let kind = query.text("kind")?.map(EventKind::parse);
    let outcome = query.text("outcome")?.map(Outcome::parse);
    let actor = query.text("actor")?.map(Actor::parse);
    if kind == Some(None) {
        return Err(invalid("kind", "there is no such kind of event"));
    }
    if outcome == Some(None) {
        return Err(invalid("outcome", "outcome is success or failure"));
    }
    if actor == Some(None) {
        return Err(invalid(
            "actor",
            "actor is anonymous, system, command, admin_token, user:ID or client:ID",
        ));
    }
    Ok(EventFilter {
        kind: kind.flatten(),
        outcome: outcome.flatten(),
        actor: actor.flatten(),
        subject_id: query.text("subject_id")?.map(str::to_owned),
        client_id: query.text("client_id")?.map(str::to_owned),
        since: time("since")?,
        until: time("until")?,
    })
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
