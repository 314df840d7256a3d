//! What ends at once, asked once more: a grant, a consent, a session, all of somebody's sessions, and what ends
//! when a client or an account is disabled. Enabling is not asked.

use actix_web::HttpResponse;

use super::menu::Section as Place;
use super::view::form::Form;
use super::view::page::{Ui, View, expected, text};
use super::view::parts::{Note, Section};
use super::view::table::{Cell, Facts};
use super::view::time;
use super::{clients, users};
use crate::admin::page::Page;
use crate::admin::sessions::{self, SessionKind};
use crate::admin::{AdminError, clients as client_engine, consents, grants, users as user_engine};
use crate::identity::browser_name;
use crate::model::client::ClientSettings;
use crate::model::user::UserSettings;
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::error::Error;

/// The question: what it is about, what will happen, and the button.
fn question(ui: &Ui, view: View, facts: Facts, note: Note, form: Form) -> Result<HttpResponse, Error> {
    view.part(Section::new("").part(facts)).part(note).part(ui.answer(form)).ok()
}

/// What tokens are for, where that is not this server itself.
fn resources(identifiers: &[String]) -> Option<Cell> {
    (!identifiers.is_empty()).then(|| Cell::code(identifiers.join(" ")))
}

/// A form that ends something and comes back to where it was asked for.
fn form(ui: &Ui, action: String, submit: &str, query: &Parameters) -> Form {
    ui.form(action, submit)
        .with("back", text(query, "back"))
        .danger()
        .cancel(ui.back(query))
}

/// `/admin/grants/{id}/revoke`
pub async fn grant(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let id = call.segment("id")?;
    if call.is_post() {
        let typed = call.admin_form()?;
        grants::revoke(&call.app, &id).await?;
        return Ok(ui.see_back(&typed, "revoked"));
    }
    let query = call.query()?;
    let grant = grants::show(&call.app, &id).await?;
    let who = grant.username.as_ref().unwrap_or(&grant.user_id);
    let application = grant.client_name.as_ref().unwrap_or(&grant.client_id);
    let facts = Facts::default()
        .fact("Who", Cell::text(who))
        .fact("Application", Cell::text(application))
        .fact("Scope", Cell::text(&grant.scope))
        .maybe("Resources", resources(&grant.resource))
        .fact("Granted", Cell::text(time::exact(grant.created_at)));
    let note = Note::careful(format!("{application} loses every token of this grant at once."))
        .line("Nothing brings them back. It can ask again, and where there is consent it gets a new grant without a question; to have the person asked, withdraw the consent.");
    let view = ui
        .view(Place::Access, "Revoke this grant?")
        .below("Consents and grants", ui.at(&["grants"]));
    question(
        &ui,
        view,
        facts,
        note,
        form(&ui, ui.at(&["grants", &id, "revoke"]), "Revoke the grant", &query),
    )
}

/// `/admin/consents/withdraw`
pub async fn consent(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    if call.is_post() {
        let typed = call.admin_form()?;
        consents::withdraw(&call.app, text(&typed, "user_id"), text(&typed, "client_id")).await?;
        return Ok(ui.see_back(&typed, "withdrawn"));
    }
    let query = call.query()?;
    let filter = consents::Filter {
        user_id: Some(text(&query, "user_id")),
        client_id: Some(text(&query, "client_id")),
    };
    let listed = consents::list(&call.app, filter, &Page::default()).await?;
    let consent = listed.items.first().ok_or(AdminError::NotFound)?;
    let who = consent.username.as_ref().unwrap_or(&consent.user_id);
    let application = consent.client_name.as_ref().unwrap_or(&consent.client_id);
    let facts = Facts::default()
        .fact("Who", Cell::text(who))
        .fact("Application", Cell::text(application))
        .fact("Allowed", Cell::text(&consent.scope))
        .maybe("Resources", resources(&consent.resource))
        .fact("Since", Cell::text(time::exact(consent.created_at)));
    let note = Note::careful(format!("{application} can do nothing for {who} any more."))
        .line("Every grant that rests on the consent is revoked with it, and all their tokens are dead. The next time, the person is asked again.");
    let form = form(&ui, ui.at(&["consents", "withdraw"]), "Withdraw the consent", &query)
        .with("user_id", &consent.user_id)
        .with("client_id", &consent.client_id);
    let view = ui
        .view(Place::Access, "Withdraw this consent?")
        .below("Consents and grants", ui.at(&["consents"]));
    question(&ui, view, facts, note, form)
}

/// `/admin/sessions/{id}/end`
pub async fn session(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let id = call.segment("id")?;
    if call.is_post() {
        let typed = call.admin_form()?;
        sessions::end(&call.app, &id).await?;
        return Ok(ui.see_back(&typed, "ended"));
    }
    let query = call.query()?;
    let session = sessions::show(&call.app, &id).await?;
    let who = match (session.kind, &session.username, &session.user_id) {
        (SessionKind::AdminToken, _, _) => "Admin token",
        (SessionKind::User, Some(name), _) | (SessionKind::User, None, Some(name)) => name,
        (SessionKind::User, None, None) => "Somebody",
    };
    let facts = Facts::default()
        .fact("Who", Cell::text(who))
        .fact("Browser", Cell::text(browser_name::in_words(&session.user_agent)))
        .fact("Address", Cell::text(&session.address).unbroken())
        .fact("Signed in", Cell::text(time::exact(session.auth_time)))
        .fact("Last seen", Cell::text(time::exact(session.last_seen_at)));
    let note = if ui.session_id.as_ref() == Some(&id) {
        Note::careful("This is the browser that you are using: you sign yourself out.")
    } else {
        Note::careful("That browser is signed out at once.")
    };
    let note = note.line("Applications lose what was not meant to outlive the session; those with offline access keep theirs.");
    let view = ui
        .view(Place::Sessions, "End this session?")
        .below("Sessions", ui.at(&["sessions"]));
    question(
        &ui,
        view,
        facts,
        note,
        form(&ui, ui.at(&["sessions", &id, "end"]), "End the session", &query),
    )
}

/// `/admin/users/{id}/sign-out`
pub async fn every_session(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let id = call.segment("id")?;
    if call.is_post() {
        call.admin_form()?;
        user_engine::sign_out(&call.app, &id).await?;
        return Ok(ui.see(&["users", &id], "signed-out"));
    }
    let user = user_engine::find(&call.app, &id).await?;
    let note = Note::careful(format!(
        "{} is signed out of every browser, and every grant is revoked.",
        user.username
    ))
    .line("All applications lose their tokens, those with offline access, too. The password stays, and so do consents.");
    let form = ui
        .form(ui.at(&["users", &id, "sign-out"]), "Sign out everywhere")
        .danger()
        .cancel(ui.at(&["users", &id]));
    users::view(&ui, &user, users::At::Deeper, Some("Sign out everywhere?"))
        .part(note)
        .part(ui.answer(form))
        .ok()
}

/// The button that disables something.
pub(super) fn disabling(ui: &Ui, path: [&str; 2], version: i64) -> Form {
    let [place, id] = path;
    ui.form(ui.at(&[place, id, "disabled"]), "Disable")
        .version(version)
        .with("disabled", "yes")
        .danger()
        .cancel(ui.at(&[place, id]))
}

/// `/admin/clients/{client_id}/disabled`
pub async fn client(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let client = client_engine::find(&call.app, &call.segment("client_id")?).await?;
    let path = ["clients", &client.id];
    let page = |form: Form| {
        let note = Note::careful(format!("{} stops working at once.", client.name))
            .line("It gets nothing any more, and its tokens are refused. Once it is enabled again, those that people granted work again unless they have expired meanwhile; those that it got for itself are dead for good.");
        clients::view(&ui, &client, clients::At::Deeper, Some("Disable this client?"))
            .part(note)
            .part(ui.answer(form))
    };
    if !call.is_post() {
        return page(disabling(&ui, path, client.version)).ok();
    }
    let typed = call.admin_form()?;
    let is_disabled = text(&typed, "disabled") == "yes";
    let change = |settings| Ok(ClientSettings { is_disabled, ..settings });
    match client_engine::change(&call.app, &client.id, &expected(&typed), change).await {
        Ok(_) => Ok(ui.see(&path, if is_disabled { "disabled" } else { "enabled" })),
        Err(error @ AdminError::Changed) if is_disabled => {
            let (form, status) = disabling(&ui, path, client.version).again(error, &typed)?;
            page(form).refused(status)
        }
        Err(error) => Err(error.into()),
    }
}

/// `/admin/users/{id}/disabled`
pub async fn user(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let user = user_engine::find(&call.app, &call.segment("id")?).await?;
    let path = ["users", &user.id];
    let page = |form: Form| {
        let note = Note::careful(format!("{} is signed out everywhere, and cannot sign in.", user.username))
            .line("Every session and grant of the account ends, and all applications lose their tokens. Enabling it brings none of them back. The password stays, and so do consents.");
        users::view(&ui, &user, users::At::Deeper, Some("Disable this account?"))
            .part(note)
            .part(ui.answer(form))
    };
    if !call.is_post() {
        return page(disabling(&ui, path, user.version)).ok();
    }
    let typed = call.admin_form()?;
    let is_disabled = text(&typed, "disabled") == "yes";
    let change = |settings| Ok(UserSettings { is_disabled, ..settings });
    match user_engine::change(&call.app, &user.id, &expected(&typed), change).await {
        Ok(_) => Ok(ui.see(&path, if is_disabled { "disabled" } else { "enabled" })),
        Err(error @ AdminError::Changed) if is_disabled => {
            let (form, status) = disabling(&ui, path, user.version).again(error, &typed)?;
            page(form).refused(status)
        }
        Err(error) => Err(error.into()),
    }
}
