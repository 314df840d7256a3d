//! `/admin/workloads`: agents, each with what it may ask people for. `create` adds one, `settings` changes it, `connect` shows
//! how a program uses it, `remove` disables and deletes it.

mod ceilings;
pub mod connect;
pub mod create;
mod fields;
pub mod remove;
pub mod settings;

use actix_web::HttpResponse;

use super::menu::Section as Place;
use super::view::field::Field;
use super::view::page::{Tab, Ui, View, listed_page, text};
use super::view::parts::{Link, Search, Tag, Tone};
use super::view::table::{Cell, Table};
use crate::admin::workloads::{self as engine, WorkloadView};
use crate::model::workload::{Workload, WorkloadSettings};
use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /admin/workloads`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let query = call.query()?;
    let client_id = text(&query, "client_id");
    let of = Some(client_id).filter(|id| !id.is_empty());
    let listed = engine::list(&call.app, of, &listed_page(&query)?).await?;
    let empty = match of {
        None => "There is no workload: nobody can ask for anything.",
        Some(_) => "This client has no workload.",
    };
    let mut table = Table::new("Workloads", &["Name", "Client", "May ask at", "State", "Changed"], empty);
    for workload in &listed.items {
        table.row(row(&ui, workload));
    }
    let next = listed
        .next
        .map(|next| ui.at_with(&["workloads"], &[("client_id", client_id), ("cursor", &next)]));
    let view = ui
        .view(Place::Workloads, "Workloads")
        .lead("Agents. Each belongs to a client, and says at which providers it may ask people for something, and for how much.")
        .part(
            Search::new(ui.at(&["workloads"]), "Narrow the workloads", "Narrow")
                .field(Field::text("client_id", "Client ID").value(client_id)),
        )
        .part(table.next(next));
    if ui.may_write {
        return view.action(Link::new("Add a workload", ui.at(&["new-workload"])).main()).ok();
    }
    view.ok()
}

fn row(ui: &Ui, workload: &WorkloadView) -> Vec<Cell> {
    let settings = &workload.settings;
    let ceilings: Vec<&str> = settings.ceilings.keys().map(String::as_str).collect();
    let at = match ceilings.as_slice() {
        _ if settings.has_no_ceilings => Cell::only_tag(Tag::new("Its client’s", Tone::Careful)),
        [] => Cell::text("nobody"),
        few @ ([_] | [_, _] | [_, _, _]) => Cell::text(few.join(", ")),
        many => Cell::text(format!("{} providers", many.len())),
    };
    vec![
        Cell::text(&workload.name)
            .to(ui.at(&["workloads", &workload.name]))
            .note(&settings.display_name),
        Cell::code(&workload.client_id).to(ui.at(&["clients", &workload.client_id])),
        at,
        Cell::only_tag(state(settings)).maybe_tag(settings.may_name_users.then(|| Tag::new("Names people", Tone::Careful))),
        Cell::time(workload.updated_at, ui.now()),
    ]
}

fn state(settings: &WorkloadSettings) -> Tag {
    if settings.is_disabled {
        Tag::new("Disabled", Tone::Bad)
    } else {
        Tag::new("Enabled", Tone::Good)
    }
}

/// Which page of a workload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Settings,
    Connect,
    /// Below the others
    Deeper,
}

/// A page of a workload, with its heading and the way to the others.
fn view(ui: &Ui, workload: &Workload, at: At, title: Option<&str>) -> View {
    let name = workload.name.as_str();
    let tab = |label, which: At, path: &[&str]| Tab::new(label, ui.at(path), which == at);
    let tabs = vec![
        tab("Settings", At::Settings, &["workloads", name]),
        tab("Connect", At::Connect, &["workloads", name, "connect"]),
        Tab::new("Connections", ui.at_with(&["connections"], &[("workload", name)]), false),
        Tab::new("Client", ui.at(&["clients", &workload.client_id]), false),
    ];
    let view = ui
        .view(Place::Workloads, title.unwrap_or(name))
        .below("Workloads", ui.at(&["workloads"]));
    let view = match title {
        Some(_) => view.below(name, ui.at(&["workloads", name])),
        None => view,
    };
    let view = view.tag(state(workload));
    if at == At::Deeper { view } else { view.tabs(tabs) }
}
