//! The audit log as administrators read it.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::model::event::{Event, EventKind, Outcome};
pub use crate::store::EventFilter;

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
