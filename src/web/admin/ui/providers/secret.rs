//! Setting the secret of a provider, or taking it away; and confirming the addresses of one that has none.

use actix_web::HttpResponse;

use super::super::view::field::Field;
use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected, text};
use super::super::view::parts::{Note, Press, Row, Section};
use super::super::view::table::{Cell, Facts};
use super::{At, fields, view};
use crate::admin::AdminError;
use crate::admin::providers as engine;
use crate::federation::providers::{CredentialKind, SecretChange, is_unconfirmed};
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
    let had_secret = provider.has_secret();
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
        Ok(changed) => {
            let is_needed = CredentialKind::of(&changed.settings).is_needed();
            let done = match (is_removed, had_secret) {
                (false, _) => "secret",
                (true, _) if is_needed => "secret-removed",
                (true, true) => "secret-not-needed",
                (true, false) => "addresses-confirmed",
            };
            Ok(ui.see(&["providers", &id], done))
        }
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
    let (kind, has_secret) = (CredentialKind::of(provider), provider.has_secret());
    let is_unconfirmed = is_unconfirmed(&ui.app, provider);
    let page = match kind {
        CredentialKind::Nothing => {
            page.part(Note::info("This server is a public client there").line("PKCE alone speaks for it: it has no secret."))
        }
        CredentialKind::ClientSecret | CredentialKind::PrivateKey | CredentialKind::ApiKey => page,
    };
    let press = |label| {
        ui.press(ui.at(&["providers", &provider.id, "secret"]), label)
            .with("version", provider.version)
            .with("remove", "yes")
    };
    if let Some(note) = ui
        .proof_note()
        .filter(|_| kind != CredentialKind::Nothing || has_secret || is_unconfirmed)
    {
        return page.part(note);
    }
    let page = if is_unconfirmed {
        page.part(confirmation(ui, press("The addresses are right")))
    } else {
        page
    };
    let page = if kind == CredentialKind::Nothing {
        page
    } else {
        let now = match (has_secret, kind) {
            (true, _) => "set, not shown",
            (false, CredentialKind::PrivateKey) => "none: the keys of this server sign",
            (false, _) => "none",
        };
        let section = Section::new("Set or replace the secret")
            .line("It is sealed, and nobody can look at it here. The old one is not used any more from this moment on; if the provider takes both for a while, set the new one here first.")
            .part(Facts::default().fact("Now", Cell::text(now)));
        page.part(section).part(ui.answer(form))
    };
    if !ui.may_write || !has_secret {
        return page;
    }
    let then = if kind.is_needed() {
        "Nobody gets anything new from this provider until there is a new one; connections stay."
    } else if kind == CredentialKind::PrivateKey {
        "The keys of this server sign from then on, which the provider must know; connections stay."
    } else {
        "It is of no use here; connections stay."
    };
    page.part(
        Section::new("Remove it")
            .danger()
            .line(then)
            .part(Row::default().part(press("Remove the secret").danger())),
    )
}

/// What asks whether the addresses are right, where nothing shows that they are an operator's.
fn confirmation(ui: &Ui, press: Press) -> Section {
    let section = Section::new("Are the addresses right?")
        .line("Nothing shows that the addresses of this provider are those that an operator has set: its row was changed outside of this server or is of an older version, or APP_SECRET is another one. Nobody gets anything new from it until they are confirmed; look at all of them under Settings and Check first.");
    if ui.may_write {
        section.part(Row::default().part(press))
    } else {
        section
    }
}
