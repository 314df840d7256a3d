//! `/admin/events`: the audit log.

use actix_web::HttpResponse;
use serde_json::Value;

use super::menu::Section as Place;
use super::view::field::{Choice, Field};
use super::view::page::{Ui, listed_page, text};
use super::view::parts::{Code, Search, Section, Tag, Tone};
use super::view::table::{Cell, Facts, Table};
use super::view::time;
use crate::admin::AdminError;
use crate::admin::events::{self as engine, EventFilter, EventView};
use crate::admin::page::Page;
use crate::model::event::{Actor, EventKind, Outcome};
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::error::Error;

/// What a list can be narrowed by; the names are those of the API.
const FILTERS: [&str; 5] = ["kind", "outcome", "actor", "subject_id", "client_id"];

/// How many events the dashboard shows.
const RECENT: &str = "8";

/// `GET /admin/events`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let query = call.query()?;
    let listed = engine::list(&call.app, &filter(&query), &listed_page(&query)?).await?;
    let mut table = Table::new("Events", COLUMNS, "No event is like this.");
    for event in &listed.items {
        table.row(row(&ui, event));
    }
    let next = listed.next.map(|next| {
        let mut pairs: Vec<(&str, &str)> = FILTERS.into_iter().map(|name| (name, text(&query, name))).collect();
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.push(("cursor", &next));
        ui.at_with(&["events"], &pairs)
    });
    ui.view(Place::Events, "Audit log")
        .lead("Who did what to whom, from where, and what came of it. Newest first.")
        .part(search(&ui, &query))
        .part(table.next(next))
        .ok()
}

/// The last few events, for the dashboard.
pub async fn recent(ui: &Ui) -> Result<Table, AdminError> {
    let page = Page::parse(Some(RECENT), None)?;
    let listed = engine::list(&ui.app, &EventFilter::default(), &page).await?;
    let mut table = Table::new("Recent events", COLUMNS, "Nothing has happened yet.");
    for event in &listed.items {
        table.row(row(ui, event));
    }
    Ok(table)
}

const COLUMNS: &[&str] = &["What", "When", "Who", "About", "From"];

/// A filter that says nothing that can be is no filter: people type these.
fn filter(query: &Parameters) -> EventFilter {
    let named = |name| Some(text(query, name).to_owned()).filter(|value| !value.is_empty());
    EventFilter {
        kind: EventKind::parse(text(query, "kind")),
        outcome: Outcome::parse(text(query, "outcome")),
        actor: Actor::parse(text(query, "actor")),
        subject_id: named("subject_id"),
        client_id: named("client_id"),
        ..EventFilter::default()
    }
}

fn search(ui: &Ui, query: &Parameters) -> Search {
    let value = |name| text(query, name);
    let all = |label: &str, name| Choice::new("", label, "", value(name).is_empty());
    let kinds = EventKind::ALL.iter();
    let kinds = kinds.map(|kind| Choice::new(kind.as_str(), kind.text(), "", kind.as_str() == value("kind")));
    let outcomes = [(Outcome::Success, "Done"), (Outcome::Failure, "Refused")].into_iter();
    let outcomes = outcomes.map(|(outcome, label)| Choice::new(outcome.as_str(), label, "", outcome.as_str() == value("outcome")));
    let field = |name: &str, label: &str| Field::text(name, label).value(text(query, name));
    Search::new(ui.at(&["events"]), "Narrow the log", "Show")
        .field(Field::select(
            "kind",
            "What",
            std::iter::once(all("Everything", "kind")).chain(kinds).collect(),
        ))
        .field(Field::select(
            "outcome",
            "Result",
            std::iter::once(all("Any", "outcome")).chain(outcomes).collect(),
        ))
        .field(field("subject_id", "User ID"))
        .field(field("client_id", "Client ID"))
        .field(field("actor", "By whom").hint("admin_token, user:ID or client:ID"))
}

fn outcome_tag(event: &EventView) -> Option<Tag> {
    (event.outcome == Outcome::Failure).then(|| Tag::new("Refused", Tone::Bad))
}

/// Who did it.
fn actor(ui: &Ui, event: &EventView) -> Cell {
    match Actor::parse(&event.actor) {
        Some(Actor::User(id)) => Cell::text("User").note(&id).to(ui.at(&["users", &id])),
        Some(Actor::Client(id)) => Cell::text("Client").note(&id).to(ui.at(&["clients", &id])),
        Some(Actor::AdminToken) => Cell::text("Admin token"),
        Some(Actor::System) => Cell::text("The server"),
        Some(Actor::Command) => Cell::text("Command line"),
        Some(Actor::Anonymous) | None => Cell::text("Somebody"),
    }
}

/// Whom or what it concerns most.
fn about(ui: &Ui, event: &EventView) -> Cell {
    match (&event.subject_id, &event.client_id, &event.target) {
        (Some(id), _, _) => Cell::text("User").note(id).to(ui.at(&["users", id])),
        (None, Some(id), _) => Cell::text("Client").note(id).to(ui.at(&["clients", id])),
        (None, None, Some(target)) => Cell::code(target),
        (None, None, None) => Cell::text("–"),
    }
}

fn row(ui: &Ui, event: &EventView) -> Vec<Cell> {
    vec![
        Cell::text(event.title)
            .to(ui.at(&["events", &event.id]))
            .maybe_tag(outcome_tag(event)),
        Cell::time(event.at, ui.now()),
        actor(ui, event),
        about(ui, event),
        Cell::text(event.address.as_deref().unwrap_or("–")),
    ]
}

/// `GET /admin/events/{event_id}`
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let event = engine::find(&call.app, &call.segment("event_id")?).await?;
    let optional = |value: &Option<String>| value.as_ref().map(Cell::code);
    let facts = Facts::default()
        .fact("When", Cell::text(time::exact(event.at)))
        .fact("What", Cell::code(event.kind.as_str()).maybe_tag(outcome_tag(&event)))
        .fact("Who", actor(&ui, &event))
        .maybe("User", event.subject_id.as_ref().map(|id| Cell::code(id).to(ui.at(&["users", id]))))
        .maybe(
            "Client",
            event.client_id.as_ref().map(|id| Cell::code(id).to(ui.at(&["clients", id]))),
        )
        .maybe("Concerns", optional(&event.target))
        .maybe("From", optional(&event.address))
        .maybe("Request", optional(&event.request_id))
        .fact("Event", Cell::code(&event.id));
    let mut view = ui
        .view(Place::Events, event.title)
        .below("Audit log", ui.at(&["events"]))
        .part(Section::new("").part(facts));
    if let (Some(before), Some(after)) = (event.detail.get("before"), event.detail.get("after")) {
        view = view.part(Section::new("What changed").part(changes(before, after)));
    }
    if !event.detail.is_empty() {
        let detail = serde_json::to_string_pretty(&event.detail).unwrap_or_default();
        view = view.part(Section::new("Details").part(Code::new("As it was recorded", detail)));
    }
    view.ok()
}

/// The fields that differ.
fn changes(before: &Value, after: &Value) -> Table {
    let mut table = Table::new("Changes", &["Field", "Before", "After"], "Nothing that is kept.");
    let empty = serde_json::Map::new();
    let before = before.as_object().unwrap_or(&empty);
    for (name, new) in after.as_object().unwrap_or(&empty) {
        let old = before.get(name).unwrap_or(&Value::Null);
        if old != new {
            table.row(vec![Cell::code(name), Cell::text(words(old)), Cell::text(words(new))]);
        }
    }
    table
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
