//! Setting somebody's password.

use actix_web::HttpResponse;
use secrecy::SecretString;

use super::super::view::field::{Field, Kind};
use super::super::view::form::Form;
use super::super::view::page::{Ui, View};
use super::super::view::parts::Note;
use super::{At, view};
use crate::admin::users as engine;
use crate::model::user::User;
use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/users/{id}/password`
pub async fn password(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let user = engine::find(&call.app, &call.segment("id")?).await?;
    if !call.is_post() {
        return page(&ui, &user, form(&ui, &user)).ok();
    }
    let typed = call.admin_form()?;
    let password = SecretString::from(typed.all("password").next().unwrap_or_default());
    match engine::set_password(&call.app, &user.id, &password).await {
        Ok(()) => Ok(ui.see(&["users", &user.id], "password")),
        Err(error) => {
            let (form, status) = form(&ui, &user).again(error, &typed)?;
            page(&ui, &user, form).refused(status)
        }
    }
}

fn form(ui: &Ui, user: &User) -> Form {
    let field = Field::new(Kind::Password, "password", "New password")
        .hint("At least 8 characters. Tell it to them on a safe way, and let them change it in their account.")
        .autocomplete("new-password")
        .required();
    ui.form(ui.at(&["users", &user.id, "password"]), "Set the password")
        .field(field)
        .cancel(ui.at(&["users", &user.id]))
}

fn page(ui: &Ui, user: &User, form: Form) -> View {
    let page = view(ui, user, At::Deeper, Some("Set a password"));
    match ui.proof_note() {
        Some(note) => page.part(note),
        None => page
            .part(
                Note::careful(format!("{} is signed out everywhere.", user.username)).line("Every session and grant of the account ends."),
            )
            .part(ui.answer(form)),
    }
}
