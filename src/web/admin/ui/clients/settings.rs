//! The settings of a client.

use actix_web::HttpResponse;

use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected};
use super::super::view::parts::{Link, Row, Section};
use super::super::view::table::{Cell, Facts};
use super::{At, fields, looks_like, view};
use crate::admin::clients as engine;
use crate::model::client::{Client, ClientKind, ClientOrigin};
use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/clients/{client_id}`
pub async fn settings(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let id = call.segment("client_id")?;
    if !call.is_post() {
        let client = engine::find(&call.app, &id).await?;
        return page(&ui, &client, form(&call, &ui, &client).await?).ok();
    }
    let typed = call.admin_form()?;
    match engine::change(&call.app, &id, &expected(&typed), |settings| fields::read(&typed, settings)).await {
        Ok(_) => Ok(ui.see(&["clients", &id], "saved")),
        Err(error) => {
            let client = engine::find(&call.app, &id).await?;
            let (form, status) = form(&call, &ui, &client).await?.again(error, &typed)?;
            page(&ui, &client, form).refused(status)
        }
    }
}

async fn form(call: &Call, ui: &Ui, client: &Client) -> Result<Form, Error> {
    let is_service = client.kind() == ClientKind::Service;
    let hint = "Exactly as the application names them. For 127.0.0.1, [::1] and localhost any port matches.";
    Ok(ui
        .form(ui.at(&["clients", &client.id]), "Save")
        .version(client.version)
        .field(fields::name(client))
        .field(fields::redirect_uris(client, hint))
        .field(fields::scope(client, &fields::catalog(&call.app).await?, is_service))
        .field(fields::consent_policy(client))
        .folded("Advanced settings", fields::advanced(client))
        .locked_unless(ui.may_write))
}

fn page(ui: &Ui, client: &Client, form: Form) -> View {
    let now = ui.now();
    let facts = Facts::default()
        .fact("Client ID", Cell::code(&client.id))
        .fact("Looks like", Cell::text(looks_like(client)))
        .fact("Made known by", Cell::text(origin(client.origin)))
        .fact("Registered", Cell::time(client.created_at, now))
        .fact("Changed", Cell::time(client.updated_at, now));
    let page = view(ui, client, At::Settings, None)
        .part(Section::new("").part(facts))
        .maybe(ui.proof_note())
        .part(Section::new("Settings").part(form));
    if ui.may_write { page.part(away(ui, client)) } else { page }
}

/// Who vouches for it.
fn origin(origin: ClientOrigin) -> &'static str {
    match origin {
        ClientOrigin::Operator => "an administrator",
        ClientOrigin::Registration => "itself: nobody has looked at it",
        ClientOrigin::Document => "its metadata document: what that says comes back when it is read again",
    }
}

/// Turning it off, or deleting it.
fn away(ui: &Ui, client: &Client) -> Section {
    let path = ui.at(&["clients", &client.id, "disabled"]);
    let row = if client.is_disabled {
        let press = ui.press(path, "Enable").with("version", client.version).with("disabled", "no");
        Row::default().part(press.main())
    } else {
        Row::default().part(Link::new("Disable …", path))
    };
    Section::new("Turn off or delete")
        .danger()
        .line("A disabled client gets nothing, and its tokens are refused. Once it is enabled again, those that people granted work again; those that it got for itself do not. A deleted one is gone for good, with its grants and consents.")
        .part(row.part(Link::new("Delete …", ui.at(&["clients", &client.id, "delete"]))))
}
