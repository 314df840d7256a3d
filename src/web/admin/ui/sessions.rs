//! `/admin/sessions`: who is signed in, where.

use actix_web::HttpResponse;

use super::menu::Section as Place;
use super::users;
use super::view::page::{Ui, listed_page};
use super::view::parts::{Link, Section, Tag, Tone};
use super::view::table::{Cell, Table};
use super::view::time;
use crate::admin::page::Page;
use crate::admin::sessions::{self as engine, SessionKind, SessionView};
use crate::admin::users as user_engine;
use crate::identity::browser_name;
use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /admin/sessions`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let table = table(&ui, &call, None, &listed_page(&call.query()?)?).await?;
    ui.view(Place::Sessions, "Sessions")
        .lead("Browsers in which somebody is signed in. Ending a session signs that browser out.")
        .part(table)
        .ok()
}

/// `GET /admin/users/{id}/sessions`
pub async fn of_user(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let user = user_engine::find(&call.app, &call.segment("id")?).await?;
    let table = table(&ui, &call, Some(&user.id), &listed_page(&call.query()?)?).await?;
    users::view(&ui, &user, users::At::Sessions, None)
        .part(Section::new("").part(table))
        .ok()
}

async fn table(ui: &Ui, call: &Call, user_id: Option<&str>, page: &Page) -> Result<Table, Error> {
    let listed = engine::list(&call.app, user_id, page).await?;
    let columns: &[&str] = &["Who", "Browser", "Address", "Signed in", "Last seen", "Do"];
    let columns = if ui.may_write { columns } else { &columns[..5] };
    let mut table = Table::new("Sessions", columns, "Nobody is signed in.");
    for session in &listed.items {
        table.row(row(ui, call, session));
    }
    let next = listed.next.map(|next| match user_id {
        Some(id) => ui.at_with(&["users", id, "sessions"], &[("cursor", &next)]),
        None => ui.at_with(&["sessions"], &[("cursor", &next)]),
    });
    Ok(table.next(next))
}

fn row(ui: &Ui, call: &Call, session: &SessionView) -> Vec<Cell> {
    let who = match (session.kind, &session.user_id) {
        (SessionKind::User, Some(id)) => Cell::text(session.username.as_ref().unwrap_or(id)).to(ui.at(&["users", id])),
        _ => Cell::text("Admin token"),
    };
    let is_this = ui.session_id.as_ref() == Some(&session.id);
    let who = who.maybe_tag(is_this.then(|| Tag::new("This browser", Tone::Good)));
    let browser = browser_name::in_words(&session.user_agent);
    let name = session.username.as_deref().unwrap_or("the admin token");
    let end = Link::new("End …", ui.at_with(&["sessions", &session.id, "end"], &[("back", &call.here())])).about(format!(
        "the session of {name} in {browser} since {}",
        time::exact(session.auth_time)
    ));
    vec![
        who,
        Cell::text(browser),
        Cell::text(&session.address).unbroken(),
        Cell::time(session.auth_time, ui.now()),
        Cell::time(session.last_seen_at, ui.now()),
        Cell::only(end),
    ]
}
