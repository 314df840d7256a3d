//! The settings of a provider.

use actix_web::HttpResponse;

use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected};
use super::super::view::parts::{Link, Once, Row, Section};
use super::super::view::table::{Cell, Facts};
use super::{At, fields, preset_name, view};
use crate::admin::providers as engine;
use crate::federation::providers::{SecretChange, callback_url};
use crate::model::provider::{Provider, ProviderKind};
use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/providers/{id}`
pub async fn settings(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let id = call.segment("id")?;
    if !call.is_post() {
        let provider = engine::find(&call.app, &id).await?;
        return page(&ui, &provider, form(&ui, &provider)).ok();
    }
    let typed = call.admin_form()?;
    let changed = match fields::credential(&typed) {
        Ok(credential) => {
            let secret = credential.map_or(SecretChange::Keep, SecretChange::Set);
            engine::change(&call.app, &id, &expected(&typed), secret, |settings| fields::read(&typed, settings)).await
        }
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => Ok(ui.see(&["providers", &id], "saved")),
        Err(error) => {
            let provider = engine::find(&call.app, &id).await?;
            let (form, status) = form(&ui, &provider).again(fields::at_its_field(error), &typed)?;
            page(&ui, &provider, form).refused(status)
        }
    }
}

fn form(ui: &Ui, provider: &Provider) -> Form {
    let form = ui
        .form(ui.at(&["providers", &provider.id]), "Save")
        .version(provider.version)
        .field(fields::name(provider));
    let form = match fields::preset_of(provider) {
        None => form,
        Some(preset) => {
            let mut folded = fields::addresses(provider, preset);
            let title = if folded.is_empty() {
                "Advanced settings"
            } else {
                "Addresses and advanced settings"
            };
            folded.extend(fields::advanced(provider));
            // What decides where the secret goes changes together with it, and not without.
            let again = "Only where it has to be said again: for other addresses, or another way to prove who this server is.";
            folded.extend([fields::client_secret(), fields::private_key()].map(|field| field.hint(again).optional()));
            form.field(fields::client_id(provider))
                .field(fields::scope(provider))
                .folded(title, folded)
        }
    };
    form.locked_unless(ui.may_write)
}

fn page(ui: &Ui, provider: &Provider, form: Form) -> View {
    let now = ui.now();
    let secret = if provider.has_secret() { "set, not shown" } else { "none" };
    let facts = Facts::default()
        .fact("Id", Cell::code(&provider.id))
        .fact("Preset", Cell::text(preset_name(provider)))
        .fact("Secret", Cell::text(secret))
        .fact("Added", Cell::time(provider.created_at, now))
        .fact("Changed", Cell::time(provider.updated_at, now));
    let mut first = Section::new("").part(facts);
    if provider.kind == ProviderKind::Oauth2 {
        first = first.part(Once::new(
            "Callback URL (redirect URI), to register at the provider",
            callback_url(&ui.app, &provider.id),
        ));
    }
    let page = view(ui, provider, At::Settings, None)
        .part(first)
        .maybe(ui.proof_note())
        .part(Section::new("Settings").part(form));
    if ui.may_write { page.part(away(ui, provider)) } else { page }
}

/// Turning it off, or deleting it.
fn away(ui: &Ui, provider: &Provider) -> Section {
    let path = ui.at(&["providers", &provider.id, "disabled"]);
    let row = if provider.is_disabled {
        let press = ui.press(path, "Enable").with("version", provider.version).with("disabled", "no");
        Row::default().part(press.main())
    } else {
        Row::default().part(Link::new("Disable …", path))
    };
    Section::new("Turn off or delete")
        .danger()
        .line("While it is disabled no agent gets anything from it, and connections stay. Deleting it takes every connection with it, here and then at the provider.")
        .part(row.part(Link::new("Delete …", ui.at(&["providers", &provider.id, "delete"]))))
}
