//! Turning an account off and on, and deleting it.

use actix_web::HttpResponse;

use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected, text};
use super::super::view::parts::{Note, Section};
use super::{At, view};
use crate::admin::AdminError;
use crate::admin::users as engine;
use crate::model::user::{User, UserSettings};
use crate::web::call::Call;
use crate::web::error::Error;

/// `POST /admin/users/{id}/disabled`
pub async fn disable(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let id = call.segment("id")?;
    let typed = call.admin_form()?;
    let is_disabled = text(&typed, "disabled") == "yes";
    let change = |settings| Ok(UserSettings { is_disabled, ..settings });
    engine::change(&call.app, &id, &expected(&typed), change).await?;
    Ok(ui.see(&["users", &id], if is_disabled { "disabled" } else { "enabled" }))
}

/// `/admin/users/{id}/delete`
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let user = engine::find(&call.app, &call.segment("id")?).await?;
    if !call.is_post() {
        return page(&ui, &user, form(&ui, &user)).ok();
    }
    let typed = call.admin_form()?;
    match engine::delete(&call.app, &user.id, &expected(&typed)).await {
        Ok(()) => Ok(ui.see(&["users"], "deleted")),
        Err(error @ (AdminError::Changed | AdminError::Conflict { .. })) => {
            let (form, status) = form(&ui, &user).again(error, &typed)?;
            page(&ui, &user, form).refused(status)
        }
        Err(error) => Err(error.into()),
    }
}

fn form(ui: &Ui, user: &User) -> Form {
    ui.form(ui.at(&["users", &user.id, "delete"]), "Delete for good")
        .version(user.version)
        .danger()
        .cancel(ui.at(&["users", &user.id]))
}

fn page(ui: &Ui, user: &User, form: Form) -> View {
    let page = view(ui, user, At::Deeper, Some("Delete this account?"));
    match ui.proof_note() {
        Some(note) => page.part(note),
        None => page
            .part(
                Note::careful(format!("{} can never sign in again.", user.username))
                    .line("Sessions, grants and consents go with the account, and every token that acts for it is dead. A new account of the same name is somebody else to every application.")
                    .line("To turn it off for a while, disable it instead."),
            )
            .part(Section::new("").part(form)),
    }
}
