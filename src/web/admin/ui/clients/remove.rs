//! Deleting a client.

use actix_web::HttpResponse;

use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected};
use super::super::view::parts::Note;
use super::{At, view};
use crate::admin::AdminError;
use crate::admin::clients as engine;
use crate::model::client::Client;
use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/clients/{client_id}/delete`
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let client = engine::find(&call.app, &call.segment("client_id")?).await?;
    if !call.is_post() {
        return page(&ui, &client, form(&ui, &client)).ok();
    }
    let typed = call.admin_form()?;
    match engine::delete(&call.app, &client.id, &expected(&typed)).await {
        Ok(()) => Ok(ui.see(&["clients"], "deleted")),
        Err(error @ (AdminError::Changed | AdminError::Conflict { .. })) => {
            let (form, status) = form(&ui, &client).again(error, &typed)?;
            page(&ui, &client, form).refused(status)
        }
        Err(error) => Err(error.into()),
    }
}

fn form(ui: &Ui, client: &Client) -> Form {
    ui.form(ui.at(&["clients", &client.id, "delete"]), "Delete for good")
        .version(client.version)
        .danger()
        .cancel(ui.at(&["clients", &client.id]))
}

fn page(ui: &Ui, client: &Client, form: Form) -> View {
    let page = view(ui, client, At::Deeper, Some("Delete this client?"));
    match ui.proof_note() {
        Some(note) => page.part(note),
        None => page
            .part(
                Note::careful(format!("{} stops working at once.", client.name))
                    .line("Its grants and consents go with it, and every token that it has is dead. Nothing brings it back; registering it again makes a new client ID.")
                    .line("To turn it off for a while, disable it instead."),
            )
            .part(ui.answer(form)),
    }
}
