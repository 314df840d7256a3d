//! `/admin/settings`: how the server behaves, and where each value comes from.

use std::collections::BTreeMap;

use actix_web::HttpResponse;

use super::menu::Section as Place;
use super::view::field::Field;
use super::view::form::Form;
use super::view::page::{Ui, View, text};
use super::view::parts::{Note, Section, Tag, Tone};
use super::view::table::{Cell, Facts, Table};
use crate::admin::AdminError;
use crate::admin::settings::{self as engine, SettingList, SettingView, SourceKind};
use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /admin/settings`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let list = engine::list(&call.app).await?;
    let (live, fixed): (Vec<&SettingView>, Vec<&SettingView>) = list.settings.iter().partition(|setting| setting.changeable);
    let table = |caption: &str, settings: &[&SettingView]| {
        let mut table = Table::new(caption, &["Setting", "Value", "From"], "None.");
        for setting in settings {
            table.row(row(&ui, setting));
        }
        table
    };
    ui.view(Place::Settings, "Settings")
        .lead("Flags are stronger than the environment, the environment is stronger than the file, and the file is stronger than what is changed here.")
        .part(
            Section::new("Can be changed now")
                .line("Without a restart. Other nodes follow within a minute.")
                .part(table("Settings that can be changed now", &live)),
        )
        .part(
            Section::new("Set when the server starts")
                .line("By a flag, the environment or gatehouse.toml. Secrets are never shown.")
                .part(table("Settings of the start", &fixed)),
        )
        .ok()
}

fn source_tag(setting: &SettingView) -> Tag {
    let text = match setting.source {
        SourceKind::Default => "Default",
        SourceKind::Database => "Changed here",
        SourceKind::File => "File",
        SourceKind::Environment => "Environment",
        SourceKind::Flag => "Flag",
    };
    let tone = if setting.source == SourceKind::Database {
        Tone::Good
    } else {
        Tone::Plain
    };
    Tag::new(text, tone)
}

fn value(setting: &SettingView) -> Cell {
    match &setting.value {
        Some(value) => Cell::code(value),
        None if setting.is_secret && setting.is_set => Cell::text("set, not shown"),
        None => Cell::text("–"),
    }
}

fn row(ui: &Ui, setting: &SettingView) -> Vec<Cell> {
    let name = Cell::code(&setting.key).note(&setting.help);
    let name = if setting.changeable && ui.may_write {
        name.to(ui.at(&["settings", &setting.key]))
    } else {
        name
    };
    let source = Cell::only_tag(source_tag(setting)).note(setting.place.clone().unwrap_or_default());
    vec![name, value(setting), source]
}

/// `/admin/settings/{key}`
pub async fn change(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let key = call.segment("key")?;
    let (list, setting) = find(&call, &key).await?;
    if !call.is_post() {
        return page(&ui, &list, &setting, form(&ui, &list, &setting)).ok();
    }
    let typed = call.admin_form()?;
    let wanted = Some(text(&typed, "value").to_owned()).filter(|_| text(&typed, "default").is_empty());
    let changes = BTreeMap::from([(key.clone(), wanted)]);
    match engine::change(&call.app, &changes, Some(text(&typed, "version"))).await {
        Ok(_) => Ok(ui.see(&["settings"], "saved")),
        Err(error) => {
            let error = match AdminError::from(error) {
                // The form has one field, and it is about this setting.
                AdminError::Invalid { message, .. } => AdminError::invalid("value", message),
                other => other,
            };
            let (list, setting) = find(&call, &key).await?;
            let (form, status) = form(&ui, &list, &setting).again(error, &typed)?;
            page(&ui, &list, &setting, form).refused(status)
        }
    }
}

async fn find(call: &Call, key: &str) -> Result<(SettingList, SettingView), Error> {
    let list = engine::list(&call.app).await?;
    let setting = list.settings.iter().find(|setting| setting.key == key).cloned();
    Ok((list, setting.ok_or(AdminError::NotFound)?))
}

fn form(ui: &Ui, list: &SettingList, setting: &SettingView) -> Form {
    let field = Field::text("value", "Value")
        .value(setting.value.clone().unwrap_or_default())
        .required();
    ui.form(ui.at(&["settings", &setting.key]), "Save")
        .version(&list.version)
        .field(field)
        .cancel(ui.at(&["settings"]))
        .locked_unless(ui.may_write && setting.changeable)
}

fn page(ui: &Ui, list: &SettingList, setting: &SettingView, form: Form) -> View {
    let facts = Facts::default()
        .fact("Default", setting.default.as_ref().map_or_else(|| Cell::text("none"), Cell::code))
        .fact(
            "From",
            Cell::only_tag(source_tag(setting)).note(setting.place.clone().unwrap_or_default()),
        )
        .fact("Environment", Cell::code(&setting.env));
    let view = ui
        .view(Place::Settings, &setting.key)
        .lead(&setting.help)
        .below("Settings", ui.at(&["settings"]))
        .part(Section::new("").part(facts))
        .maybe(ui.proof_note())
        .part(Section::new("Change").part(form));
    if !setting.changeable {
        return view.part(Note::info("This cannot be changed here").line("Set it where the server is started, and restart."));
    }
    if setting.source == SourceKind::Database && ui.may_write {
        let back = ui
            .press(ui.at(&["settings", &setting.key]), "Back to the default")
            .with("version", &list.version)
            .with("default", "yes");
        return view.part(back);
    }
    view
}
