//! Making an account.

use actix_web::HttpResponse;
use secrecy::SecretString;

use super::super::menu::Section as Place;
use super::super::view::field::{Field, Kind};
use super::super::view::form::Form;
use super::super::view::page::{Ui, View};
use super::super::view::parts::Section;
use super::fields;
use crate::admin::users as engine;
use crate::model::user::UserSettings;
use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/new-user`
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    if !call.is_post() {
        return page(&ui, form(&ui)).ok();
    }
    let typed = call.admin_form()?;
    // As it was typed: blanks are part of a password.
    let password = typed.all("password").next().map(SecretString::from);
    let made = match fields::read(&typed, UserSettings::default()) {
        Ok(settings) => engine::create(&call.app, settings, password.as_ref()).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(user) => Ok(ui.see(&["users", &user.id], "created")),
        Err(error) => {
            let (form, status) = form(&ui).again(error, &typed)?;
            page(&ui, form).refused(status)
        }
    }
}

fn form(ui: &Ui) -> Form {
    let password = Field::new(Kind::Password, "password", "Password")
        .hint("At least 8 characters. Without one nobody can sign in with a password.")
        .autocomplete("new-password")
        .optional();
    let form = ui.form(ui.at(&["new-user"]), "Make the account").cancel(ui.at(&["users"]));
    fields::fields(form, &UserSettings::default()).field(password)
}

fn page(ui: &Ui, form: Form) -> View {
    let view = ui.view(Place::Users, "Make an account").below("Users", ui.at(&["users"]));
    view.maybe(ui.proof_note()).part(Section::new("").part(form))
}
