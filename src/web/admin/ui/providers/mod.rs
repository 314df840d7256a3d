//! `/admin/providers`: where people have accounts elsewhere. `create` adds one, `settings` changes it, `secret` replaces its
//! secret, `check` looks at it as it is now, `remove` disables and deletes it. `places` says where one registers this server
//! as a client.

pub mod check;
pub mod create;
mod fields;
mod places;
pub mod remove;
pub mod secret;
pub mod settings;

use actix_web::HttpResponse;

use super::menu::Section as Place;
use super::view::page::{Tab, Ui, View, listed_page};
use super::view::parts::{Link, Tag, Tone};
use super::view::table::{Cell, Table};
use crate::admin::providers::{self as engine, ProviderView};
use crate::federation::providers::{CredentialKind, is_unconfirmed, presets};
use crate::model::provider::{Provider, ProviderKind, ProviderSettings};
use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /admin/providers`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let listed = engine::list(&call.app, &listed_page(&call.query()?)?).await?;
    let connections = engine::count_connections(&call.app).await?;
    let mut table = Table::new(
        "Providers",
        &["Name", "Id", "Preset", "State", "Connections"],
        "No provider is set up: there is nothing that agents could ask for.",
    );
    for provider in &listed.items {
        let count = connections.get(&provider.id).copied().unwrap_or_default();
        table.row(row(&ui, provider, count));
    }
    let next = listed.next.map(|next| ui.at_with(&["providers"], &[("cursor", &next)]));
    let view = ui
        .view(Place::Providers, "Providers")
        .lead("Where people have accounts elsewhere, so that agents can ask them for access there.")
        .part(table.next(next));
    if ui.may_write {
        return view.action(Link::new("Add a provider", ui.at(&["new-provider"])).main()).ok();
    }
    view.ok()
}

fn row(ui: &Ui, provider: &ProviderView, connections: i64) -> Vec<Cell> {
    vec![
        Cell::text(&provider.settings.name).to(ui.at(&["providers", &provider.id])),
        Cell::code(&provider.id),
        Cell::text(preset_name(&provider.settings)),
        Cell::only_tag(state(&provider.settings, provider.has_secret)),
        Cell::text(connections.to_string()).to(ui.at_with(&["connections"], &[("provider", &provider.id)])),
    ]
}

/// What is known of it beforehand, in words.
fn preset_name(settings: &ProviderSettings) -> String {
    match (settings.kind, presets::find(&settings.preset)) {
        (ProviderKind::ApiKey, _) => "API key".to_owned(),
        (ProviderKind::Oauth2, Some(preset)) => preset.label.to_owned(),
        (ProviderKind::Oauth2, None) => settings.preset.clone(),
    }
}

fn state(settings: &ProviderSettings, has_secret: bool) -> Tag {
    if settings.is_disabled {
        Tag::new("Disabled", Tone::Bad)
    } else if !has_secret && CredentialKind::of(settings).is_needed() {
        Tag::new("Without secret", Tone::Careful)
    } else {
        Tag::new("Enabled", Tone::Good)
    }
}

/// Which page of a provider.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Settings,
    Check,
    Secret,
    /// Below the others
    Deeper,
}

/// A page of a provider, with its heading and the way to the others.
fn view(ui: &Ui, provider: &Provider, at: At, title: Option<&str>) -> View {
    let id = provider.id.as_str();
    let tab = |label, which: At, path: &[&str]| Tab::new(label, ui.at(path), which == at);
    let mut tabs = vec![
        tab("Settings", At::Settings, &["providers", id]),
        tab("Check", At::Check, &["providers", id, "check"]),
    ];
    let has_page = CredentialKind::of(provider) != CredentialKind::Nothing || provider.has_secret() || is_unconfirmed(&ui.app, provider);
    if ui.may_write && has_page {
        tabs.push(tab("Secret", At::Secret, &["providers", id, "secret"]));
    }
    tabs.push(Tab::new("Connections", ui.at_with(&["connections"], &[("provider", id)]), false));
    let view = ui
        .view(Place::Providers, title.unwrap_or(&provider.name))
        .below("Providers", ui.at(&["providers"]));
    let view = match title {
        Some(_) => view.below(&provider.name, ui.at(&["providers", id])),
        None => view,
    };
    let view = view.tag(state(provider, provider.has_secret()));
    if at == At::Deeper { view } else { view.tabs(tabs) }
}
