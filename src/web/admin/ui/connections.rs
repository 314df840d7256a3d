//! `/admin/connections`: what people gave agents elsewhere. Never a token; all that can be done is to take it back.

use actix_web::HttpResponse;

use super::menu::Section as Place;
use super::view::field::{Choice, Field};
use super::view::page::{Ui, listed_page, text};
use super::view::parts::{Link, Note, Search, Section, Tag, Tone};
use super::view::table::{Cell, Facts, Table};
use super::view::time;
use crate::admin::connections::{self as engine, AtProvider, ConnectionView, ConnectionsWith};
use crate::admin::page::{MAX_LIMIT, Page};
use crate::admin::{AdminError, providers, users};
use crate::base::invalid::Invalid;
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::error::{Error, status_of};

/// With more scopes than this, the rest is counted.
const MAX_SCOPES: usize = 8;
/// How much of the name of an account a list shows, in characters.
const MAX_ACCOUNT: usize = 60;

/// `GET /admin/connections`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let query = call.query()?;
    let view = ui
        .view(Place::Connections, "Connections")
        .lead("What people gave agents at other providers. The tokens themselves are never shown.");
    let search = search(&ui, &query).await?;
    let said = |name| Some(text(&query, name)).filter(|said| !said.is_empty());
    let user_id = match said("user") {
        None => None,
        Some(user) => match users::id_of(&call.app, user).await? {
            Some(id) => Some(id),
            None => {
                let invalid = Invalid::new("user", "nobody has this user name, and it is no user ID");
                let status = status_of(&AdminError::parameter("user", ""));
                return view.part(search.blame(&invalid)).refused(status);
            }
        },
    };
    let with = ConnectionsWith {
        user_id: user_id.as_deref(),
        provider_id: said("provider"),
        workload: said("workload"),
    };
    if with == ConnectionsWith::default() {
        return view
            .part(search)
            .part(Note::info("Say whose connections, where, or of which workload"))
            .ok();
    }
    let listed = engine::list(&call.app, with, &listed_page(&query)?).await?;
    let columns: &[&str] = &["Who", "Workload", "Provider and account", "Scopes", "State", "Refreshed", "Do"];
    let columns = if ui.may_write { columns } else { &columns[..6] };
    let mut table = Table::new("Connections", columns, "There is no such connection.");
    for connection in &listed.items {
        table.row(row(&ui, &call, connection));
    }
    let next = listed.next.map(|next| {
        let mut pairs: Vec<(&str, &str)> = ["user", "provider", "workload"].map(|name| (name, text(&query, name))).into();
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.push(("cursor", &next));
        ui.at_with(&["connections"], &pairs)
    });
    view.part(search).part(table.next(next)).ok()
}

async fn search(ui: &Ui, query: &Parameters) -> Result<Search, Error> {
    let page = Page::parse(Some(&MAX_LIMIT.to_string()), None)?;
    let (listed, said) = (providers::list(&ui.app, &page).await?, text(query, "provider"));
    let is_known = |id: &str| listed.items.iter().any(|provider| provider.id == id);
    let any = Choice::new("", "Any", "", said.is_empty());
    let known = listed.items.iter().map(|provider| {
        let label = format!("{} ({})", provider.settings.name, provider.id);
        Choice::new(&provider.id, &label, "", provider.id == said)
    });
    let unknown = (!said.is_empty() && !is_known(said)).then(|| Choice::new(said, said, "", true));
    Ok(Search::new(ui.at(&["connections"]), "Narrow the connections", "Show")
        .field(Field::text("user", "User name or ID").value(text(query, "user")))
        .field(Field::select(
            "provider",
            "Provider",
            std::iter::once(any).chain(known).chain(unknown).collect(),
        ))
        .field(Field::text("workload", "Workload").value(text(query, "workload"))))
}

fn row(ui: &Ui, call: &Call, connection: &ConnectionView) -> Vec<Cell> {
    let back = call.here();
    let remove = ui.at_with(&["connections", &connection.id, "remove"], &[("back", &back)]);
    let remove = Link::new("Remove …", remove).about(format!(
        "what {} gave {} at {}",
        who(connection),
        connection.workload,
        provider(connection)
    ));
    vec![
        who_cell(ui, connection),
        workload_cell(ui, connection),
        provider_cell(ui, connection).note(shortened(account(connection))),
        scopes(connection),
        state(connection),
        Cell::time(connection.updated_at, ui.now()),
        Cell::only(remove),
    ]
}

fn who(connection: &ConnectionView) -> &str {
    connection.username.as_ref().unwrap_or(&connection.user_id)
}

fn provider(connection: &ConnectionView) -> &str {
    connection.provider_name.as_ref().unwrap_or(&connection.provider)
}

fn who_cell(ui: &Ui, connection: &ConnectionView) -> Cell {
    match &connection.username {
        Some(name) => Cell::text(name).to(ui.at(&["users", &connection.user_id])),
        None => Cell::code(&connection.user_id).note("the account is gone"),
    }
}

fn workload_cell(ui: &Ui, connection: &ConnectionView) -> Cell {
    let name = &connection.workload;
    match &connection.client_id {
        Some(_) => Cell::text(name).to(ui.at(&["workloads", name])),
        None => Cell::code(name).note("the workload is gone"),
    }
}

fn provider_cell(ui: &Ui, connection: &ConnectionView) -> Cell {
    match &connection.provider_name {
        Some(name) => Cell::text(name).to(ui.at(&["providers", &connection.provider])),
        None => Cell::code(&connection.provider),
    }
}

/// What a provider calls an account is up to the provider, and as long as it likes.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_ACCOUNT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What the account is called there: its name for people, or that for machines.
fn account(connection: &ConnectionView) -> &str {
    if connection.account_label.is_empty() {
        &connection.account
    } else {
        &connection.account_label
    }
}

fn scopes(connection: &ConnectionView) -> Cell {
    let all: Vec<&str> = connection.scope.split_whitespace().collect();
    if all.is_empty() {
        return Cell::text("none");
    }
    let shown = all.iter().take(MAX_SCOPES).copied().collect::<Vec<_>>().join(" ");
    match all.len().saturating_sub(MAX_SCOPES) {
        0 => Cell::text(shown),
        more => Cell::text(shown).note(format!("and {more} more")),
    }
}

fn state(connection: &ConnectionView) -> Cell {
    if connection.needs_consent {
        return Cell::only_tag(Tag::new("Needs consent", Tone::Careful));
    }
    match connection.failures {
        0 => Cell::only_tag(Tag::new("Alive", Tone::Good)),
        1 => Cell::only_tag(Tag::new("Not refreshed", Tone::Careful)).note("once, lately"),
        times => Cell::only_tag(Tag::new("Not refreshed", Tone::Careful)).note(format!("{times} times in a row")),
    }
}

/// `/admin/connections/{id}/remove`
pub async fn remove(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let id = call.segment("id")?;
    if call.is_post() {
        let typed = call.admin_form()?;
        let removed = engine::remove(&call.app, &id).await?;
        let done = match removed.at_provider {
            AtProvider::Revoked => "removed",
            AtProvider::Later => "removed-later",
            AtProvider::NotRevoked => "removed-here",
        };
        return Ok(ui.see_back(&typed, done));
    }
    let query = call.query()?;
    let connection = engine::show(&call.app, &id).await?;
    let ends = connection.token_expires_at.map(|at| Cell::text(time::exact(at)));
    let facts = Facts::default()
        .fact("Who", who_cell(&ui, &connection))
        .fact("Workload", workload_cell(&ui, &connection))
        .fact("Provider", provider_cell(&ui, &connection))
        .fact("Account", Cell::text(account(&connection)))
        .fact("Scopes", Cell::text(&connection.scope))
        .fact("State", state(&connection))
        .fact("Given", Cell::text(time::exact(connection.created_at)))
        .fact("Refreshed or given again", Cell::text(time::exact(connection.updated_at)))
        .maybe("The access token ends", ends);
    let note = Note::careful(format!(
        "{} loses what {} gave it at {}.",
        connection.workload_label,
        who(&connection),
        provider(&connection)
    ))
    .line("It is removed here in any case, and the provider is told where it has a way for that. An access token that the agent has already may work until it ends. The next time the agent asks, the person is asked again.");
    let form = ui
        .form(ui.at(&["connections", &id, "remove"]), "Remove the connection")
        .with("back", text(&query, "back"))
        .danger()
        .cancel(ui.back(&query));
    ui.view(Place::Connections, "Remove this connection?")
        .below("Connections", ui.at(&["connections"]))
        .part(Section::new("").part(facts))
        .part(note)
        .part(ui.answer(form))
        .ok()
}
