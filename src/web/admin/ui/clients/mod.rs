//! `/admin/clients`: applications. `create` makes one, `settings` changes it, `secret` replaces its secret,
//! `remove` deletes it, `connect` shows how to use it.

pub mod connect;
pub mod create;
mod fields;
pub mod remove;
pub mod secret;
pub mod settings;
mod snippets;

pub(super) use snippets::shell;

use actix_web::HttpResponse;

use super::menu::Section;
use super::view::field::{Choice, Field};
use super::view::page::{Tab, Ui, View, listed_page, text};
use super::view::parts::{Link, Tag, Tone};
use super::view::table::{Cell, Table};
use super::view::{form, parts};
use crate::admin::clients::{self as engine, ClientView};
use crate::model::client::{Client, ClientKind, ClientOrigin, ClientSettings};
use crate::protocol::claims::VAULT;
use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /admin/clients`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let query = call.query()?;
    let (search, origin) = (text(&query, "q"), text(&query, "origin"));
    let filter = engine::origin(Some(origin).filter(|origin| !origin.is_empty()))?;
    let listed = engine::list(&call.app, Some(search), filter, &listed_page(&query)?).await?;
    let empty = match (search.is_empty(), filter) {
        (true, None) => "No application is registered yet.",
        (true, Some(_)) => "No client was made known in this way.",
        (false, _) => "No client has this in its name or id.",
    };
    let mut table = Table::new("Clients", &["Name", "Kind", "Client ID", "Changed"], empty);
    for client in &listed.items {
        table.row(row(&ui, client));
    }
    let next = listed
        .next
        .map(|next| ui.at_with(&["clients"], &[("q", search), ("origin", origin), ("cursor", &next)]));
    let mut view = ui
        .view(Section::Clients, "Clients")
        .lead("Applications that let people sign in here, or get tokens for themselves.")
        .part(
            parts::Search::new(ui.at(&["clients"]), "Search clients", "Search")
                .field(Field::text("q", "Name or client ID").value(search))
                .field(Field::select("origin", "Made known by", origins(filter))),
        )
        .part(table.next(next));
    if ui.may_write {
        view = view.action(Link::new("Register a client", ui.at(&["new-client"])).main());
    }
    view.ok()
}

/// The origins to choose from.
fn origins(chosen: Option<ClientOrigin>) -> Vec<Choice> {
    let all = Choice::new("", "Anybody", "", chosen.is_none());
    let one = |origin: ClientOrigin| Choice::new(origin.as_str(), origin_name(origin), "", chosen == Some(origin));
    std::iter::once(all).chain(ClientOrigin::ALL.map(one)).collect()
}

/// Who made a client known, for people.
fn origin_name(origin: ClientOrigin) -> &'static str {
    match origin {
        ClientOrigin::Operator => "An operator",
        ClientOrigin::Registration => "Itself",
        ClientOrigin::Document => "A document",
    }
}

/// What to know about a client that no operator has made.
fn origin_tag(origin: ClientOrigin) -> Option<Tag> {
    match origin {
        ClientOrigin::Operator => None,
        ClientOrigin::Registration => Some(Tag::new("Registered itself", Tone::Plain)),
        ClientOrigin::Document => Some(Tag::new("By document", Tone::Plain)),
    }
}

fn row(ui: &Ui, client: &ClientView) -> Vec<Cell> {
    let disabled = client.settings.is_disabled.then(|| Tag::new("Disabled", Tone::Bad));
    vec![
        Cell::text(&client.settings.name)
            .to(ui.at(&["clients", &client.client_id]))
            .maybe_tag(disabled.or_else(|| origin_tag(client.origin))),
        Cell::text(kind_name(client.kind)),
        Cell::code(&client.client_id),
        Cell::time(client.updated_at, ui.now()),
    ]
}

/// What a kind is called, for people.
fn kind_name(kind: ClientKind) -> &'static str {
    match kind {
        ClientKind::Web => "Web application",
        ClientKind::Spa => "Single-page application",
        ClientKind::Native => "Native application",
        ClientKind::Service => "Service",
        ClientKind::Mcp => "MCP client",
    }
}

/// Which page of a client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Settings,
    Connect,
    Playground,
    Secret,
    Access,
    /// Below the others
    Deeper,
}

/// A page of a client, with its heading and the way to the others.
pub(super) fn view(ui: &Ui, client: &Client, at: At, title: Option<&str>) -> View {
    let id = client.id.as_str();
    let tab = |label, which: At, path: &[&str]| Tab::new(label, ui.at(path), which == at);
    let mut tabs = vec![
        tab("Settings", At::Settings, &["clients", id]),
        tab("Connect", At::Connect, &["clients", id, "connect"]),
        tab("Consents and grants", At::Access, &["clients", id, "access"]),
    ];
    if ui.may_write {
        tabs.push(tab("Playground", At::Playground, &["clients", id, "playground"]));
        if client.needs_secret() {
            tabs.push(tab("Secret", At::Secret, &["clients", id, "secret"]));
        }
    }
    if client.scope.contains(VAULT) {
        tabs.push(Tab::new("Workloads", ui.at_with(&["workloads"], &[("client_id", id)]), false));
    }
    tabs.push(Tab::new("Audit log", ui.at_with(&["events"], &[("client_id", id)]), false));
    let view = ui
        .view(Section::Clients, title.unwrap_or(&client.name))
        .below("Clients", ui.at(&["clients"]));
    let view = match title {
        Some(_) => view.below(&client.name, ui.at(&["clients", id])),
        None => view,
    };
    let view = if client.is_disabled {
        view.tag(Tag::new("Disabled", Tone::Bad))
    } else {
        view
    };
    if at == At::Deeper { view } else { view.tabs(tabs) }
}

/// What a client is, in a word: as it was made, or as it looks.
fn looks_like(settings: &ClientSettings) -> &'static str {
    kind_name(settings.kind())
}

/// A sentence of a message of the engine.
fn said(message: &str) -> String {
    form::sentence(message)
}
