//! Deleting an account.

use actix_web::HttpResponse;

use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected};
use super::super::view::parts::Note;
use super::{At, view};
use crate::admin::AdminError;
use crate::admin::users as engine;
use crate::model::user::User;
use crate::web::call::Call;
use crate::web::error::Error;

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
            .part(ui.answer(form)),
    }
}
