//! What people allowed: consents, which are remembered, and grants, under which tokens live. Of everybody, of
//! one person, or to one client.

use actix_web::HttpResponse;

use super::menu::Section as Place;
use super::view::page::{Tab, Ui, View, listed_page, text};
use super::view::parts::{Folded, Heading, Link, Note, Tag, Tone};
use super::view::table::{Cell, Table};
use super::view::time;
use super::{clients, users};
use crate::admin::clients as client_engine;
use crate::admin::consents::{self, ConsentView};
use crate::admin::grants::{self, GrantView};
use crate::admin::page::Page;
use crate::admin::users as user_engine;
use crate::model::grant::GrantState;
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::error::Error;

/// Of whom, and to whom.
#[derive(Clone, Copy, Default)]
struct Of<'a> {
    user_id: Option<&'a str>,
    client_id: Option<&'a str>,
}

impl Of<'_> {
    /// The same list in full.
    fn more(self, ui: &Ui, list: &str, cursor: &str) -> String {
        let mut query = vec![("cursor", cursor)];
        query.extend(self.user_id.map(|id| ("user_id", id)));
        query.extend(self.client_id.map(|id| ("client_id", id)));
        ui.at_with(&[list], &query)
    }
}

fn of(query: &Parameters) -> Of<'_> {
    let named = |name| Some(text(query, name)).filter(|id| !id.is_empty());
    Of {
        user_id: named("user_id"),
        client_id: named("client_id"),
    }
}

/// `GET /admin/grants`
pub async fn list_grants(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let query = call.query()?;
    let table = grants(&ui, &call, of(&query), &listed_page(&query)?).await?;
    page(&ui, "grants").part(explained()).part(table).ok()
}

/// `GET /admin/consents`
pub async fn list_consents(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let query = call.query()?;
    let table = consents(&ui, &call, of(&query), &listed_page(&query)?).await?;
    page(&ui, "consents").part(explained()).part(table).ok()
}

fn page(ui: &Ui, list: &str) -> View {
    let tab = |label, name: &str| Tab::new(label, ui.at(&[name]), name == list);
    ui.view(Place::Access, "Consents and grants")
        .tabs(vec![tab("Grants", "grants"), tab("Consents", "consents")])
}

fn explained() -> Folded {
    Folded::new("What is the difference?").part(
        Note::info("")
            .line("A consent is what somebody allowed an application. It is remembered, so that they are not asked again.")
            .line("A grant is one sign-in to an application: its code, its tokens, its refresh tokens. Revoking it ends all of these at once; the application can ask again, and gets a new one where there is consent.")
            .line("Withdrawing a consent revokes its grants, too, and the person is asked again."),
    )
}

/// `GET /admin/users/{id}/access`
pub async fn of_user(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let user = user_engine::find(&call.app, &call.segment("id")?).await?;
    let of = Of {
        user_id: Some(&user.id),
        client_id: None,
    };
    both(&ui, &call, of, users::view(&ui, &user, users::At::Access, None)).await
}

/// `GET /admin/clients/{client_id}/access`
pub async fn of_client(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let client = client_engine::find(&call.app, &call.segment("client_id")?).await?;
    let of = Of {
        user_id: None,
        client_id: Some(&client.id),
    };
    both(&ui, &call, of, clients::view(&ui, &client, clients::At::Access, None)).await
}

async fn both(ui: &Ui, call: &Call, of: Of<'_>, view: View) -> Result<HttpResponse, Error> {
    let consents = consents(ui, call, of, &Page::default()).await?;
    let grants = grants(ui, call, of, &Page::default()).await?;
    view.part(explained())
        .part(Heading::new("Consents"))
        .part(consents)
        .part(Heading::new("Grants"))
        .part(grants)
        .ok()
}

fn person(ui: &Ui, id: &str, name: Option<&String>) -> Cell {
    match name {
        Some(name) => Cell::text(name).to(ui.at(&["users", id])),
        None => Cell::code(id).note("the account is gone"),
    }
}

fn client(ui: &Ui, id: &str, name: Option<&String>) -> Cell {
    match name {
        Some(name) => Cell::text(name).to(ui.at(&["clients", id])),
        None => Cell::code(id).note("the client is gone"),
    }
}

async fn consents(ui: &Ui, call: &Call, of: Of<'_>, page: &Page) -> Result<Table, Error> {
    let filter = consents::Filter {
        user_id: of.user_id,
        client_id: of.client_id,
    };
    let listed = consents::list(&call.app, filter, page).await?;
    let columns: &[&str] = &["Who", "Application", "Allowed", "Since", "Do"];
    let columns = if ui.may_write { columns } else { &columns[..4] };
    let mut table = Table::new("Consents", columns, "Nobody was asked for consent, or all of it was withdrawn.");
    for consent in &listed.items {
        table.row(consent_row(ui, call, consent));
    }
    Ok(table.next(listed.next.map(|next| of.more(ui, "consents", &next))))
}

fn consent_row(ui: &Ui, call: &Call, consent: &ConsentView) -> Vec<Cell> {
    let mut scope = Cell::text(&consent.scope);
    if !consent.claims.is_empty() {
        scope = scope.note(format!("and the claims {}", consent.claims.join(", ")));
    }
    let who = consent.username.as_ref().unwrap_or(&consent.user_id);
    let application = consent.client_name.as_ref().unwrap_or(&consent.client_id);
    let here = call.here();
    let query = [
        ("user_id", consent.user_id.as_str()),
        ("client_id", &consent.client_id),
        ("back", &here),
    ];
    let withdraw = Link::new("Withdraw …", ui.at_with(&["consents", "withdraw"], &query)).about(format!("of {who} to {application}"));
    vec![
        person(ui, &consent.user_id, consent.username.as_ref()),
        client(ui, &consent.client_id, consent.client_name.as_ref()),
        scope,
        Cell::time(consent.created_at, ui.now()),
        Cell::only(withdraw),
    ]
}

async fn grants(ui: &Ui, call: &Call, of: Of<'_>, page: &Page) -> Result<Table, Error> {
    let filter = grants::GrantsWith {
        user_id: of.user_id,
        client_id: of.client_id,
        is_active: None,
    };
    let listed = grants::list(&call.app, filter, page).await?;
    let columns: &[&str] = &["Who", "Application", "Scope", "State", "Granted", "Do"];
    let columns = if ui.may_write { columns } else { &columns[..5] };
    let mut table = Table::new("Grants", columns, "There are no grants.");
    for grant in &listed.items {
        table.row(grant_row(ui, call, grant));
    }
    Ok(table.next(listed.next.map(|next| of.more(ui, "grants", &next))))
}

fn grant_row(ui: &Ui, call: &Call, grant: &GrantView) -> Vec<Cell> {
    let (state, tone) = match grant.state {
        GrantState::Pending => ("Code not redeemed yet", Tone::Plain),
        GrantState::Active => ("Active", Tone::Good),
        GrantState::Ended => ("Ended", Tone::Plain),
        GrantState::Revoked => ("Revoked", Tone::Bad),
    };
    let mut granted = Cell::time(grant.created_at, ui.now());
    if let Some(used) = grant.last_used_at {
        granted = granted.note(format!("last used {}", time::from_now(used, ui.now())));
    }
    let who = grant.username.as_ref().unwrap_or(&grant.user_id);
    let application = grant.client_name.as_ref().unwrap_or(&grant.client_id);
    let since = time::exact(grant.created_at);
    let address = ui.at_with(&["grants", &grant.id, "revoke"], &[("back", &call.here())]);
    let revoke = Link::new("Revoke …", address).about(format!("what {who} granted {application} on {since}"));
    let action = match grant.state {
        GrantState::Pending | GrantState::Active => Cell::only(revoke),
        GrantState::Ended | GrantState::Revoked => Cell::default(),
    };
    vec![
        person(ui, &grant.user_id, grant.username.as_ref()),
        client(ui, &grant.client_id, grant.client_name.as_ref()),
        Cell::text(&grant.scope),
        Cell::only_tag(Tag::new(state, tone)),
        granted,
        action,
    ]
}
