//! `/admin/users`: people who can sign in. `create` makes an account, `settings` changes it, `password` sets
//! its password, `remove` deletes it.

pub mod create;
mod fields;
pub mod password;
pub mod remove;
pub mod settings;

use actix_web::HttpResponse;

use super::menu::Section;
use super::view::field::{Choice, Field};
use super::view::page::{Tab, Ui, View, listed_page, text};
use super::view::parts::{Link, Search, Tag, Tone};
use super::view::table::{Cell, Table};
use crate::admin::users::{self as engine, Filter, UserView};
use crate::model::user::{ADMIN_ROLE, AUDITOR_ROLE, User};
use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /admin/users`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let query = call.query()?;
    let (search, state) = (text(&query, "q"), text(&query, "state"));
    let filter = Filter {
        search: Some(search).filter(|search| !search.is_empty()),
        is_disabled: match state {
            "enabled" => Some(false),
            "disabled" => Some(true),
            _ => None,
        },
    };
    let listed = engine::list(&call.app, filter, &listed_page(&query)?).await?;
    let empty = if search.is_empty() && state.is_empty() {
        "Nobody has an account yet."
    } else {
        "Nobody’s name begins like this."
    };
    let mut table = Table::new("Users", &["User name", "Name", "E-mail", "Changed"], empty);
    for user in &listed.items {
        table.row(row(&ui, user));
    }
    let next = listed
        .next
        .map(|next| ui.at_with(&["users"], &[("q", search), ("state", state), ("cursor", &next)]));
    let states = [("", "All"), ("enabled", "Enabled"), ("disabled", "Disabled")];
    let states = states
        .into_iter()
        .map(|(value, label)| Choice::new(value, label, "", value == state))
        .collect();
    let search = Search::new(ui.at(&["users"]), "Search users", "Search")
        .field(Field::text("q", "Beginning of the user name or e-mail").value(search))
        .field(Field::select("state", "State", states));
    let view = ui
        .view(Section::Users, "Users")
        .lead("People who can sign in.")
        .part(search)
        .part(table.next(next));
    if ui.may_write {
        return view.action(Link::new("Make an account", ui.at(&["new-user"])).main()).ok();
    }
    view.ok()
}

fn row(ui: &Ui, user: &UserView) -> Vec<Cell> {
    let settings = &user.settings;
    let name = settings.profile.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
    let mut who = Cell::text(&settings.username).to(ui.at(&["users", &user.id]));
    for tag in tags(&settings.roles, settings.is_disabled) {
        who = who.tag(tag);
    }
    vec![
        who,
        Cell::text(name),
        Cell::text(settings.email.clone().unwrap_or_default()),
        Cell::time(user.updated_at, ui.now()),
    ]
}

fn tags(roles: &[String], is_disabled: bool) -> Vec<Tag> {
    let has = |role: &str| roles.iter().any(|held| held == role);
    let mut tags = Vec::new();
    if has(ADMIN_ROLE) {
        tags.push(Tag::new("Administrator", Tone::Careful));
    } else if has(AUDITOR_ROLE) {
        tags.push(Tag::new("Auditor", Tone::Plain));
    }
    if is_disabled {
        tags.push(Tag::new("Disabled", Tone::Bad));
    }
    tags
}

/// Which page of a user.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Settings,
    Access,
    Sessions,
    /// Below the others
    Deeper,
}

/// A page of a user, with its heading and the way to the others.
pub(super) fn view(ui: &Ui, user: &User, at: At, title: Option<&str>) -> View {
    let id = user.id.as_str();
    let tab = |label, which: At, path: &[&str]| Tab::new(label, ui.at(path), which == at);
    let tabs = vec![
        tab("Settings", At::Settings, &["users", id]),
        tab("Consents and grants", At::Access, &["users", id, "access"]),
        tab("Sessions", At::Sessions, &["users", id, "sessions"]),
        Tab::new("Connections", ui.at_with(&["connections"], &[("user", id)]), false),
        Tab::new("Audit log", ui.at_with(&["events"], &[("subject_id", id)]), false),
    ];
    let view = ui
        .view(Section::Users, title.unwrap_or(&user.username))
        .below("Users", ui.at(&["users"]));
    let mut view = match title {
        Some(_) => view.below(&user.username, ui.at(&["users", id])),
        None => view,
    };
    if let Some(tag) = tags(&user.roles, user.is_disabled).pop() {
        view = view.tag(tag);
    }
    if at == At::Deeper { view } else { view.tabs(tabs) }
}
