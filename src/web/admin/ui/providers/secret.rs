//! Setting the secret of a provider, or taking it away.

use actix_web::HttpResponse;

use super::super::view::field::Field;
use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected, text};
use super::super::view::parts::{Note, Row, Section};
use super::super::view::table::{Cell, Facts};
use super::{At, fields, view};
use crate::admin::AdminError;
use crate::admin::providers as engine;
use crate::federation::providers::{CredentialKind, SecretChange};
use crate::model::provider::Provider;
use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/providers/{id}/secret`
pub async fn secret(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let id = call.segment("id")?;
    let provider = engine::find(&call.app, &id).await?;
    if !call.is_post() {
        return page(&ui, &provider, form(&ui, &provider)).ok();
    }
    let typed = call.admin_form()?;
    let is_removed = text(&typed, "remove") == "yes";
    let secret = match fields::credential(&typed) {
        _ if is_removed => Ok(SecretChange::Remove),
        Ok(Some(credential)) => Ok(SecretChange::Set(credential)),
        Ok(None) => {
            let field = fields::wanted_secret(&provider).map(|field| field.name).unwrap_or_default();
            Err(AdminError::invalid(field, "it is missing"))
        }
        Err(error) => Err(error),
    };
    let changed = match secret {
        Ok(secret) => engine::change(&call.app, &id, &expected(&typed), secret, Ok).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => Ok(ui.see(&["providers", &id], if is_removed { "secret-removed" } else { "secret" })),
        Err(error) => {
            let provider = engine::find(&call.app, &id).await?;
            let (form, status) = form(&ui, &provider).again(error, &typed)?;
            page(&ui, &provider, form).refused(status)
        }
    }
}

fn form(ui: &Ui, provider: &Provider) -> Form {
    ui.form(ui.at(&["providers", &provider.id, "secret"]), "Set the secret")
        .version(provider.version)
        .maybe(fields::wanted_secret(provider).map(Field::required))
        .cancel(ui.at(&["providers", &provider.id]))
}

fn page(ui: &Ui, provider: &Provider, form: Form) -> View {
    let page = view(ui, provider, At::Secret, None);
    if CredentialKind::of(provider) == CredentialKind::Nothing {
        return page.part(Note::info("This server is a public client there").line("PKCE alone speaks for it: it has no secret."));
    }
    let now = if provider.has_secret() { "set, not shown" } else { "none" };
    let section = Section::new("Set or replace the secret")
        .line("It is sealed, and nobody can look at it here. The old one is not used any more from this moment on; if the provider takes both for a while, set the new one here first.")
        .part(Facts::default().fact("Now", Cell::text(now)));
    let page = match ui.proof_note() {
        Some(note) => return page.part(section.part(note)),
        None => page.part(section).part(ui.answer(form)),
    };
    if !ui.may_write || provider.sealed_secret.is_none() {
        return page;
    }
    let remove = ui
        .press(ui.at(&["providers", &provider.id, "secret"]), "Remove the secret")
        .with("version", provider.version)
        .with("remove", "yes")
        .danger();
    page.part(
        Section::new("Remove it")
            .danger()
            .line("Nobody gets anything new from this provider until there is a new one; connections stay.")
            .part(Row::default().part(remove)),
    )
}
