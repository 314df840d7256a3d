//! Adding a provider: first which one it is, then what it is called here, then what the provider says once this server is
//! registered there. The address for that is shown before, since without it nobody gets a secret.

use actix_web::HttpResponse;

use super::super::menu::Section as Place;
use super::super::view::field::Field;
use super::super::view::form::Form;
use super::super::view::page::{Ui, View, text};
use super::super::view::parts::{Choices, Link, Note, Once, Row, Search, Section, Way};
use super::{fields, places};
use crate::admin::AdminError;
use crate::admin::providers as engine;
use crate::base::invalid::Invalid;
use crate::federation::providers::presets::{self, Preset, Source};
use crate::federation::providers::{callback_url, check_id, register};
use crate::model::provider::{ProviderKind, ProviderSettings};
use crate::web::call::Call;
use crate::web::error::{Error, status_of};

/// What stands in the place of a preset for providers that keep one key for everybody.
const API_KEY: &str = "api_key";

/// `/admin/new-provider`
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    if call.is_post() {
        return add(&call, &ui).await;
    }
    let query = call.query()?;
    let said = text(&query, "preset");
    if said == API_KEY {
        return key_page(&ui, key_form(&ui)).ok();
    }
    let Some(preset) = presets::find(said) else {
        return choose(&ui).ok();
    };
    let suggestion = suggestion(&ui, preset).await?;
    // Somebody who comes back to choose sends nothing for it.
    let is_said = query.names().any(|name| name == "as");
    let id = if is_said { text(&query, "as") } else { suggestion.as_str() };
    if id.is_empty() {
        return name_it(&ui, preset, &suggestion, None).ok();
    }
    match check(&ui, id).await? {
        Ok(()) => page(&ui, preset, id, form(&ui, preset, id)).ok(),
        Err(invalid) => {
            let status = status_of(&AdminError::invalid(invalid.field, ""));
            name_it(&ui, preset, id, Some(&invalid)).refused(status)
        }
    }
}

/// Whether a provider can be called so.
async fn check(ui: &Ui, id: &str) -> Result<Result<(), Invalid>, Error> {
    if let Err(invalid) = check_id(id) {
        return Ok(Err(Invalid::new("as", invalid.message)));
    }
    match engine::find(&ui.app, id).await {
        Ok(_) => Ok(Err(Invalid::new("as", format!("there is a provider {id} already")))),
        Err(AdminError::NotFound) => Ok(Ok(())),
        Err(error) => Err(error.into()),
    }
}

/// What it could be called: as its preset, with a number when there is one already. Those that can be anybody have no such name.
async fn suggestion(ui: &Ui, preset: &Preset) -> Result<String, Error> {
    if matches!(preset.source, Source::Issuer | Source::Settings) {
        return Ok(String::new());
    }
    let name = preset.id.replace('_', "-");
    let numbered = (2..10).map(|number| format!("{name}-{number}"));
    for id in std::iter::once(name.clone()).chain(numbered) {
        if check(ui, &id).await?.is_ok() {
            return Ok(id);
        }
    }
    Ok(String::new())
}

fn choose(ui: &Ui) -> View {
    let way = |preset: &Preset| {
        let asks: Vec<&str> = preset.parameters.iter().map(|parameter| parameter.name).collect();
        let text = match preset.source {
            Source::Known(_) | Source::Discovered(_) => "Its addresses are known.",
            Source::Issuer => "Its metadata says where everything is.",
            Source::Settings => "You say where everything is.",
        };
        let example = match (preset.source, asks.as_slice()) {
            (Source::Issuer, _) => "Asks for its issuer".to_owned(),
            (Source::Settings, _) => "Asks for its endpoints".to_owned(),
            (_, []) => String::new(),
            (_, asks) => format!("Asks for: {}", asks.join(", ").replace('_', " ")),
        };
        Way {
            href: ui.at_with(&["new-provider"], &[("preset", preset.id)]),
            title: preset.label.to_owned(),
            text: text.to_owned(),
            example,
        }
    };
    let key = Way {
        href: ui.at_with(&["new-provider"], &[("preset", API_KEY)]),
        title: "An API key".to_owned(),
        text: "One key for everybody, which you put in. Nobody is asked, and agents get the key itself.".to_owned(),
        example: "Asks for the key".to_owned(),
    };
    let ways = presets::ALL.iter().map(way).chain(std::iter::once(key));
    ui.view(Place::Providers, "Add a provider")
        .lead("Where do people have accounts? What is peculiar about these is known beforehand; the last three are for everything else.")
        .below("Providers", ui.at(&["providers"]))
        .part(Choices::new(ways.collect()))
}

fn begun(ui: &Ui, label: &str) -> View {
    ui.view(Place::Providers, format!("New: {label}"))
        .below("Providers", ui.at(&["providers"]))
        .below("Add a provider", ui.at(&["new-provider"]))
}

/// The page that asks what it is called here.
fn name_it(ui: &Ui, preset: &Preset, id: &str, invalid: Option<&Invalid>) -> View {
    let field = Field::text("as", "Id")
        .value(id)
        .hint("Small letters, digits and hyphens. Agents name the provider by it, and it stands in the address that people come back to. It cannot be changed later.")
        .required();
    let search = Search::new(ui.at(&["new-provider"]), "Id of the provider", "Go on")
        .with("preset", preset.id)
        .field(field);
    let search = match invalid {
        Some(invalid) => search.blame(invalid),
        None => search,
    };
    begun(ui, preset.label).part(Section::new("What is it called here?").part(search))
}

fn page(ui: &Ui, preset: &Preset, id: &str, form: Form) -> View {
    let place = places::of(preset.id);
    let view = begun(ui, preset.label);
    let mut first = Section::new("First register this server there").line(place.how);
    if !place.mind.is_empty() {
        first = first.line(place.mind);
    }
    let first = first.part(Once::new("Callback URL (redirect URI), to copy", callback_url(&ui.app, id)));
    let mut row = Row::default();
    if let Some(link) = place.link {
        row = row.part(Link::new("Open that page", link.to_owned()).about(format!("of {}", preset.label)));
    }
    let another = ui.at_with(&["new-provider"], &[("preset", preset.id), ("as", "")]);
    let row = row.part(Link::new("Choose another id", another).about("which changes the address"));
    view.part(first.part(row))
        .maybe(ui.proof_note())
        .part(Section::new("Then say what the provider gave you").part(form))
}

/// What a provider is before anything was said.
fn blank(preset: &Preset) -> ProviderSettings {
    let is_named = matches!(preset.source, Source::Known(_) | Source::Discovered(_));
    ProviderSettings {
        name: if is_named { preset.label.to_owned() } else { String::new() },
        preset: preset.id.to_owned(),
        ..ProviderSettings::default()
    }
}

fn form(ui: &Ui, preset: &Preset, id: &str) -> Form {
    let settings = blank(preset);
    let mut form = ui
        .form(ui.at(&["new-provider"]), "Add")
        .with("preset", preset.id)
        .field(Field::text("id", "Id").value(id).locked(true))
        .field(fields::name(&settings));
    for field in fields::addresses(&settings, preset) {
        form = form.field(field);
    }
    let secret = fields::client_secret().hint("Sealed, and never shown again. It can be set later, too.");
    let mut advanced = fields::advanced(&settings);
    advanced.push(fields::private_key().optional());
    form.field(fields::client_id(&settings))
        .field(secret.optional())
        .field(fields::scope(&settings))
        .folded("Advanced settings", advanced)
        .cancel(ui.at(&["providers"]))
        .locked_unless(ui.may_write)
}

fn key_page(ui: &Ui, form: Form) -> View {
    begun(ui, "An API key")
        .lead("One key for everybody. No person is asked: every agent that may use this provider gets the key itself.")
        .part(
            Note::careful("An agent that has the key has it for good").line(
                "It cannot be taken back from an agent, only replaced at the provider. Where the provider has OAuth, take that instead.",
            ),
        )
        .maybe(ui.proof_note())
        .part(Section::new("").part(form))
}

fn key_form(ui: &Ui) -> Form {
    ui.form(ui.at(&["new-provider"]), "Add")
        .with("preset", API_KEY)
        .field(
            Field::text("id", "Id")
                .hint("Small letters, digits and hyphens. Agents name the provider by it. It cannot be changed later.")
                .required(),
        )
        .field(fields::name(&ProviderSettings::default()))
        .field(
            fields::api_key()
                .hint("Sealed, and never shown here again. It can be set later, too.")
                .optional(),
        )
        .cancel(ui.at(&["providers"]))
        .locked_unless(ui.may_write)
}

async fn add(call: &Call, ui: &Ui) -> Result<HttpResponse, Error> {
    let typed = call.admin_form()?;
    let (said, id) = (text(&typed, "preset"), text(&typed, "id"));
    let preset = presets::find(said);
    let settings = match preset {
        Some(preset) => blank(preset),
        None if said == API_KEY => ProviderSettings {
            kind: ProviderKind::ApiKey,
            ..ProviderSettings::default()
        },
        None => return Err(AdminError::invalid("preset", "choose a preset").into()),
    };
    let read = fields::read(&typed, settings).and_then(|settings| Ok((settings, fields::credential(&typed)?)));
    let added = match read {
        Ok((settings, credential)) => register(&call.app, id, settings, credential).await.map_err(AdminError::from),
        Err(error) => Err(error),
    };
    match (added, preset) {
        (Ok(provider), _) => Ok(ui.see(&["providers", &provider.id], "created")),
        (Err(error), Some(preset)) => {
            let (form, status) = form(ui, preset, id).again(fields::at_its_field(error), &typed)?;
            page(ui, preset, id, form).refused(status)
        }
        (Err(error), None) => {
            let (form, status) = key_form(ui).again(error, &typed)?;
            key_page(ui, form).refused(status)
        }
    }
}
