//! Turning a provider off, and deleting it with what people have connected there.

use actix_web::HttpResponse;

use super::super::ending::disabling;
use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected, text};
use super::super::view::parts::{Note, counted};
use super::{At, view};
use crate::admin::AdminError;
use crate::admin::providers as engine;
use crate::federation::providers::SecretChange;
use crate::model::provider::{Provider, ProviderSettings};
use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/providers/{id}/disabled`
pub async fn disabled(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let provider = engine::find(&call.app, &call.segment("id")?).await?;
    let path = ["providers", &provider.id];
    let page = |form: Form| {
        let note = Note::careful(format!("No agent gets anything from {} any more.", provider.name))
            .line("What an agent has already works until the provider ends it. Connections stay, and work again once it is enabled; people can still take them back.");
        view(&ui, &provider, At::Deeper, Some("Disable this provider?"))
            .part(note)
            .part(ui.answer(form))
    };
    if !call.is_post() {
        return page(disabling(&ui, path, provider.version)).ok();
    }
    let typed = call.admin_form()?;
    let is_disabled = text(&typed, "disabled") == "yes";
    let change = |settings| Ok(ProviderSettings { is_disabled, ..settings });
    match engine::change(&call.app, &provider.id, &expected(&typed), SecretChange::Keep, change).await {
        Ok(_) => Ok(ui.see(&path, if is_disabled { "disabled" } else { "enabled" })),
        Err(error @ AdminError::Changed) if is_disabled => {
            let (form, status) = disabling(&ui, path, provider.version).again(error, &typed)?;
            page(form).refused(status)
        }
        Err(error) => Err(error.into()),
    }
}

/// `/admin/providers/{id}/delete`
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let provider = engine::find(&call.app, &call.segment("id")?).await?;
    let connections = engine::count_connections_at(&call.app, &provider.id).await?;
    if !call.is_post() {
        return page(&ui, &provider, connections, form(&ui, &provider, connections)).ok();
    }
    let typed = call.admin_form()?;
    // Nobody deletes more than the page said.
    let was_said = text(&typed, "connections").parse().is_ok_and(|said: i64| connections <= said);
    let deleted = if was_said {
        engine::delete(&call.app, &provider.id, &expected(&typed), connections > 0).await
    } else {
        Err(AdminError::conflict(
            "meanwhile more people have connected accounts: look at the number again",
        ))
    };
    match deleted {
        Ok(()) => Ok(ui.see(&["providers"], "deleted")),
        Err(error @ (AdminError::Changed | AdminError::Conflict { .. })) => {
            let (form, status) = form(&ui, &provider, connections).again(error, &typed)?;
            page(&ui, &provider, connections, form).refused(status)
        }
        Err(error) => Err(error.into()),
    }
}

fn form(ui: &Ui, provider: &Provider, connections: i64) -> Form {
    let submit = match connections {
        0 => "Delete for good".to_owned(),
        count => format!("Delete for good, with {}", counted(count)),
    };
    ui.form(ui.at(&["providers", &provider.id, "delete"]), &submit)
        .version(provider.version)
        .with("connections", connections.to_string())
        .danger()
        .cancel(ui.at(&["providers", &provider.id]))
}

fn page(ui: &Ui, provider: &Provider, connections: i64, form: Form) -> View {
    let page = view(ui, provider, At::Deeper, Some("Delete this provider?"));
    let note = match connections {
        0 => Note::careful("Nobody has a connection there").line("Agents that ask for it are told that it is unknown."),
        count => Note::careful(format!("{} to {} will be removed", counted(count), provider.name))
            .line("Agents lose them at once. They are taken back at the provider, too, a moment later. If it has no way for that, tokens that were given out live on there until they end, or the person takes them back there.")
            .line("To turn it off for a while, disable it instead."),
    };
    match ui.proof_note() {
        Some(note) => page.part(note),
        None => page.part(note).part(ui.answer(form)),
    }
}
