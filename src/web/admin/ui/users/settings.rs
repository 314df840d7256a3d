//! The settings of an account.

use actix_web::HttpResponse;

use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected};
use super::super::view::parts::{Link, Row, Section};
use super::super::view::table::{Cell, Facts};
use super::{At, fields, view};
use crate::admin::users as engine;
use crate::model::user::User;
use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/users/{id}`
pub async fn settings(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let id = call.segment("id")?;
    if !call.is_post() {
        let user = engine::find(&call.app, &id).await?;
        return page(&ui, &user, form(&ui, &user)).ok();
    }
    let typed = call.admin_form()?;
    match engine::change(&call.app, &id, &expected(&typed), |settings| fields::read(&typed, settings)).await {
        Ok(_) => Ok(ui.see(&["users", &id], "saved")),
        Err(error) => {
            let user = engine::find(&call.app, &id).await?;
            let (form, status) = form(&ui, &user).again(error, &typed)?;
            page(&ui, &user, form).refused(status)
        }
    }
}

fn form(ui: &Ui, user: &User) -> Form {
    let form = ui.form(ui.at(&["users", &user.id]), "Save").version(user.version);
    fields::fields(form, user).locked_unless(ui.may_write)
}

fn page(ui: &Ui, user: &User, form: Form) -> View {
    let now = ui.now();
    let password = if user.password_hash.is_some() {
        "set"
    } else {
        "none: nobody can sign in with one"
    };
    let facts = Facts::default()
        .fact("Identifier (sub)", Cell::code(&user.id))
        .fact("Password", Cell::text(password))
        .fact("Made", Cell::time(user.created_at, now))
        .fact("Changed", Cell::time(user.updated_at, now));
    let page = view(ui, user, At::Settings, None)
        .part(Section::new("").part(facts))
        .maybe(ui.proof_note())
        .part(Section::new("Settings").part(form));
    if ui.may_write { page.part(away(ui, user)) } else { page }
}

fn away(ui: &Ui, user: &User) -> Section {
    let id = user.id.as_str();
    let row = Row::default()
        .part(Link::new("Set a password …", ui.at(&["users", id, "password"])))
        .part(Link::new("Sign out everywhere …", ui.at(&["users", id, "sign-out"])));
    let path = ui.at(&["users", id, "disabled"]);
    let row = if user.is_disabled {
        row.part(ui.press(path, "Enable").with("version", user.version).with("disabled", "no").main())
    } else {
        row.part(Link::new("Disable …", path))
    };
    Section::new("Password, sign-out, deletion")
        .danger()
        .line("Somebody who is disabled cannot sign in. Disabling and signing out everywhere both end every session and grant; enabling brings none of them back.")
        .part(row.part(Link::new("Delete …", ui.at(&["users", id, "delete"]))))
}
