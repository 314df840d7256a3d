//! The audit log as administrators read it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::invalid::Invalid;
use crate::model::event::{Actor, Event, EventFilter, EventKind, Outcome};

use super::AdminError;
use super::page::{Listed, Page, cursor};

const LIST: &str = "events";

/// An event.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventView {
    /// Grows with time
    pub id: String,
    /// When, in seconds since 1970
    pub at: Timestamp,
    /// What happened: a stable name
    pub kind: EventKind,
    /// The same for people
    pub title: &'static str,
    /// Whether it was done or refused
    pub outcome: Outcome,
    /// Who did it: `anonymous`, `system`, `command`, `admin_token`, `user:ID` or `client:ID`
    #[schema(example = "admin_token")]
    pub actor: String,
    /// The user whom it concerns, by id
    pub subject_id: Option<String>,
    /// The client that it concerns
    pub client_id: Option<String>,
    /// What else it concerns
    pub target: Option<String>,
    /// From where
    pub address: Option<String>,
    /// In which request, as in `X-Request-Id`
    pub request_id: Option<String>,
    /// More; for changes, `before` and `after`
    #[schema(value_type = Object)]
    pub detail: Map<String, Value>,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            at: event.at,
            kind: event.kind,
            title: event.kind.text(),
            outcome: event.outcome,
            actor: event.actor.to_string(),
            subject_id: event.subject,
            client_id: event.client_id,
            target: event.target,
            address: event.address,
            request_id: event.request_id,
            detail: event.detail,
        }
    }
}

/// Reads a filter; `text` is what was said for each name, if anything was.
///
/// # Errors
/// Names what was not understood: nobody should take a part of the log for all that they asked for.
pub fn filter<'a>(text: impl Fn(&'static str) -> Option<&'a str>) -> Result<EventFilter, Invalid> {
    fn read<T>(name: &'static str, text: Option<&str>, parse: impl Fn(&str) -> Option<T>, message: &str) -> Result<Option<T>, Invalid> {
        text.map(|text| parse(text).ok_or_else(|| Invalid::new(name, message))).transpose()
    }
    // Later than any event, and small enough to add to.
    let time = |text: &str| {
        text.parse()
            .ok()
            .filter(|time: &i64| *time >= 0)
            .map(|time| time.min(253_402_300_799))
    };
    let no_time = "a time is a number of seconds since 1970";
    let no_actor = "actor is anonymous, system, command, admin_token, user:ID or client:ID";
    Ok(EventFilter {
        kind: read("kind", text("kind"), EventKind::parse, "there is no such kind of event")?,
        outcome: read("outcome", text("outcome"), Outcome::parse, "outcome is success or failure")?,
        actor: read("actor", text("actor"), Actor::parse, no_actor)?,
        subject_id: text("subject_id").map(str::to_owned),
        client_id: text("client_id").map(str::to_owned),
        since: read("since", text("since"), time, no_time)?,
        until: read("until", text("until"), time, no_time)?,
    })
}

/// The names of the users and clients that some events speak of, by id, as far as they still exist.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// User names
    pub users: BTreeMap<String, String>,
    /// Names of clients
    pub clients: BTreeMap<String, String>,
}

/// Finds the names that belong to a page of events.
///
/// # Errors
/// When the database fails.
pub async fn names(app: &App, events: &[EventView]) -> Result<Names, AdminError> {
    let (mut users, mut clients) = (Vec::new(), Vec::new());
    for event in events {
        users.extend(event.subject_id.as_deref());
        clients.extend(event.client_id.as_deref());
        match event.actor.split_once(':') {
            Some(("user", id)) => users.push(id),
            Some(("client", id)) => clients.push(id),
            _ => {}
        }
    }
    let mut connection = app.store.read().await?;
    Ok(Names {
        users: connection.usernames(users).await?,
        clients: connection.client_names(clients).await?,
    })
}

/// A page of events, newest first. Where few of many rows are what is looked for it may hold fewer than were
/// asked for, or none, and go on all the same.
///
/// # Errors
/// When the cursor is from another list or the database fails.
pub async fn list(app: &App, filter: &EventFilter, page: &Page) -> Result<Listed<EventView>, AdminError> {
    let before = page.after(LIST)?.map(|[before]| before);
    let nearby = app.store.read().await?.events_nearby(filter, before, page.rows()).await?;
    let listed = page.of(LIST, nearby.events, |event| vec![event.id.clone()], EventView::from);
    Ok(listed.or_from(nearby.reached.map(|id| cursor(LIST, vec![id]))))
}

/// The event of this id.
///
/// # Errors
/// When there is none or the database fails.
pub async fn find(app: &App, id: &str) -> Result<EventView, AdminError> {
    let event = app.store.read().await?.event(id).await?;
    event.map(EventView::from).ok_or(AdminError::NotFound)
}
