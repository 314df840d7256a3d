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
use crate::admin::events::{self as engine, EventView, Names};
use crate::admin::page::Page;
use crate::admin::users;
use crate::base::invalid::Invalid;
use crate::model::event::{Actor, EventFilter, EventKind, Outcome};
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::error::{Error, status_of};

/// What a list can be narrowed by; the names are those of the API.
const FILTERS: [&str; 7] = ["kind", "outcome", "actor", "subject_id", "client_id", "since", "until"];

/// How many events the dashboard shows.
const RECENT: &str = "8";

/// `GET /admin/events`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let query = call.query()?;
    let view = ui
        .view(Place::Events, "Audit log")
        .lead("Who did what to whom, from where, and what came of it. Newest first.");
    let filter = match filter(&ui, &query).await? {
        Ok(filter) => filter,
        Err(invalid) => {
            let status = status_of(&AdminError::parameter(invalid.field, ""));
            return view.part(search(&ui, &query).blame(&invalid)).refused(status);
        }
    };
    let listed = engine::list(&call.app, &filter, &listed_page(&query)?).await?;
    let next = listed.next.map(|next| {
        let mut pairs: Vec<(&str, &str)> = FILTERS.into_iter().map(|name| (name, text(&query, name))).collect();
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.push(("cursor", &next));
        ui.at_with(&["events"], &pairs)
    });
    let table = table(&ui, "Events", "No event is like this.", &listed.items).await?;
    view.part(search(&ui, &query)).part(table.next(next)).ok()
}

/// The last few events, for the dashboard.
pub async fn recent(ui: &Ui) -> Result<Table, AdminError> {
    let page = Page::parse(Some(RECENT), None)?;
    let listed = engine::list(&ui.app, &EventFilter::default(), &page).await?;
    table(ui, "Recent events", "Nothing has happened yet.", &listed.items).await
}

async fn table(ui: &Ui, caption: &str, empty: &str, events: &[EventView]) -> Result<Table, AdminError> {
    let names = engine::names(&ui.app, events).await?;
    let mut table = Table::new(caption, COLUMNS, empty);
    for event in events {
        table.row(row(ui, &names, event));
    }
    Ok(table)
}

const COLUMNS: &[&str] = &["What", "When", "Who", "About", "From"];

/// Reads what was asked for. Dates are typed as people read them here, in UTC; numbers are taken, too. A user is
/// named by name or id.
async fn filter(ui: &Ui, query: &Parameters) -> Result<Result<EventFilter, Invalid>, Error> {
    let user = match text(query, "subject_id") {
        "" => String::new(),
        said => match users::id_of(&ui.app, said).await? {
            Some(id) => id,
            None => return Ok(Err(Invalid::new("subject_id", "nobody has this user name, and it is no user ID"))),
        },
    };
    let (since, until) = match (seconds(query, "since", time::typed), seconds(query, "until", time::typed_end)) {
        (Ok(since), Ok(until)) => (since, until),
        (Err(invalid), _) | (_, Err(invalid)) => return Ok(Err(invalid)),
    };
    let named = |name| {
        let said = match name {
            "since" => since.as_str(),
            "until" => until.as_str(),
            "subject_id" => user.as_str(),
            other => text(query, other),
        };
        Some(said).filter(|said| !said.is_empty())
    };
    Ok(engine::filter(named))
}

/// A field that holds a time, as a number of seconds; empty when it was left empty.
fn seconds(query: &Parameters, name: &'static str, read: fn(&str) -> Option<i64>) -> Result<String, Invalid> {
    let typed = text(query, name);
    if typed.is_empty() {
        return Ok(String::new());
    }
    let number = typed.parse().ok().filter(|seconds: &i64| *seconds >= 0);
    let at = number.or_else(|| read(typed)).filter(|at| *at >= 0);
    let at = at.ok_or_else(|| Invalid::new(name, "write a date and a time, such as 2027-01-15 08:00"))?;
    Ok(at.to_string())
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
        .field(field("subject_id", "User").hint("User name or ID"))
        .field(field("client_id", "Client ID"))
        .field(field("actor", "By whom").hint("admin_token, user:ID or client:ID"))
        .field(field("since", "Since, UTC").hint("2027-01-15 08:00"))
        .field(field("until", "Until, UTC").hint("2027-01-16: to the end of that day"))
}

fn outcome_tag(event: &EventView) -> Option<Tag> {
    (event.outcome == Outcome::Failure).then(|| Tag::new("Refused", Tone::Bad))
}

fn user(ui: &Ui, names: &Names, id: &str) -> Cell {
    match names.users.get(id) {
        Some(name) => Cell::text(name).note("user").to(ui.at(&["users", id])),
        None => Cell::code(id).note("an account that is gone"),
    }
}

fn client(ui: &Ui, names: &Names, id: &str) -> Cell {
    match names.clients.get(id) {
        Some(name) => Cell::text(name).note("client").to(ui.at(&["clients", id])),
        None => Cell::code(id).note("a client that is gone"),
    }
}

/// Who did it.
fn actor(ui: &Ui, names: &Names, event: &EventView) -> Cell {
    match Actor::parse(&event.actor) {
        Some(Actor::User(id)) => user(ui, names, &id),
        Some(Actor::Client(id)) => client(ui, names, &id),
        Some(Actor::AdminToken) => Cell::text("Admin token"),
        Some(Actor::System) => Cell::text("The server"),
        Some(Actor::Command) => Cell::text("Command line"),
        Some(Actor::Anonymous) | None => Cell::text("Somebody"),
    }
}

/// Whom or what it concerns most.
fn about(ui: &Ui, names: &Names, event: &EventView) -> Cell {
    match (&event.subject_id, &event.client_id, &event.target) {
        (Some(id), _, _) => user(ui, names, id),
        (None, Some(id), _) => client(ui, names, id),
        (None, None, Some(target)) => Cell::code(target),
        (None, None, None) => Cell::text("–"),
    }
}

fn row(ui: &Ui, names: &Names, event: &EventView) -> Vec<Cell> {
    vec![
        Cell::text(event.title)
            .to(ui.at(&["events", &event.id]))
            .maybe_tag(outcome_tag(event)),
        Cell::time(event.at, ui.now()),
        actor(ui, names, event),
        about(ui, names, event),
        Cell::text(event.address.as_deref().unwrap_or("–")).unbroken(),
    ]
}

/// `GET /admin/events/{event_id}`
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let event = engine::find(&call.app, &call.segment("event_id")?).await?;
    let names = engine::names(&call.app, std::slice::from_ref(&event)).await?;
    let optional = |value: &Option<String>| value.as_ref().map(Cell::code);
    let facts = Facts::default()
        .fact("When", Cell::text(time::exact(event.at)))
        .fact("What", Cell::code(event.kind.as_str()).maybe_tag(outcome_tag(&event)))
        .fact("Who", actor(&ui, &names, &event))
        .maybe("User", event.subject_id.as_ref().map(|id| user(&ui, &names, id)))
        .maybe("User ID", optional(&event.subject_id))
        .maybe("Client", event.client_id.as_ref().map(|id| client(&ui, &names, id)))
        .maybe("Client ID", optional(&event.client_id))
        .maybe("Concerns", optional(&event.target))
        .maybe("From", optional(&event.address).map(Cell::unbroken))
        .maybe("Request", optional(&event.request_id))
        .fact("Event", Cell::code(&event.id));
    let mut view = ui
        .view(Place::Events, event.title)
        .below("Audit log", ui.at(&["events"]))
        .part(Section::new("").part(facts));
    if let (Some(before), Some(after)) = (event.detail.get("before"), event.detail.get("after")) {
        let names = event.detail.get("claims_changed");
        view = view.part(Section::new("What changed").part(changes(before, after, names)));
    }
    if !event.detail.is_empty() {
        let detail = serde_json::to_string_pretty(&event.detail).unwrap_or_default();
        view = view.part(Section::new("Details").part(Code::new("As it was recorded", detail)));
    }
    view.ok()
}

/// The fields that differ, and the names of those of which no more is kept.
fn changes(before: &Value, after: &Value, names: Option<&Value>) -> Table {
    let mut table = Table::new("Changes", &["Field", "Before", "After"], "Nothing that is kept.");
    let empty = serde_json::Map::new();
    let before = before.as_object().unwrap_or(&empty);
    for (name, new) in after.as_object().unwrap_or(&empty) {
        let old = before.get(name).unwrap_or(&Value::Null);
        if old != new {
            table.row(vec![Cell::code(name), Cell::text(words(old)), Cell::text(words(new))]);
        }
    }
    for name in names.and_then(Value::as_array).into_iter().flatten() {
        table.row(vec![Cell::code(words(name)), Cell::text("not kept"), Cell::text("changed")]);
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
