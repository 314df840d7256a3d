//! `/admin/scopes`: what applications may ask for, and what it means.

use actix_web::HttpResponse;

use super::menu::Section as Place;
use super::view::field::{Field, lines};
use super::view::form::Form;
use super::view::page::{Ui, View, expected, listed_page, text};
use super::view::parts::{Link, Note, Row, Section, Tag, Tone};
use super::view::table::{Cell, Facts, Table};
use crate::admin::AdminError;
use crate::admin::scopes::{self as engine, ScopeView};
use crate::model::scope::ScopeSettings;
use crate::oauth::scopes;
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /admin/scopes`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let listed = engine::list(&call.app, &listed_page(&call.query()?)?).await?;
    let mut table = Table::new("Scopes", &["Name", "Meaning", "Releases", "For"], "No scope is defined.");
    for scope in &listed.items {
        table.row(row(&ui, scope));
    }
    let next = listed.next.map(|next| ui.at_with(&["scopes"], &[("cursor", &next)]));
    let view = ui
        .view(Place::Scopes, "Scopes")
        .lead("What an application may ask for. People read the meaning when they are asked for consent.")
        .part(table.next(next));
    if ui.may_write {
        let link = Link::new("Define a scope", ui.at(&["new-scope"])).main();
        return view.action(link).ok();
    }
    view.ok()
}

fn row(ui: &Ui, scope: &ScopeView) -> Vec<Cell> {
    let settings = &scope.settings;
    let claims = match settings.claims.as_slice() {
        [] => Cell::text("nothing"),
        few if few.len() <= 3 => Cell::text(few.join(", ")),
        many => Cell::text(format!("{} claims", many.len())),
    };
    let for_whom = if settings.roles.is_empty() {
        Cell::text("everybody")
    } else {
        Cell::text(settings.roles.join(", "))
    };
    let default = settings.is_default.then(|| Tag::new("Default", Tone::Plain));
    vec![
        Cell::code(&scope.name).to(ui.at(&["scopes", &scope.name])).maybe_tag(default),
        Cell::text(&settings.description),
        claims,
        for_whom,
    ]
}

fn fields(form: Form, settings: &ScopeSettings) -> Form {
    form.field(
        Field::text("description", "Meaning")
            .value(&settings.description)
            .hint("For the person who is asked for consent: “Read your calendar”."),
    )
    .field(
        Field::lines("claims", "Claims that it releases, one per line", &settings.claims)
            .hint("Facts about the person that the ID token and userinfo then carry, such as email or department.")
            .optional(),
    )
    .field(
        Field::lines("roles", "Roles of which a person needs one, one per line", &settings.roles)
            .hint("Empty: everybody may hand it on.")
            .optional(),
    )
    .field(
        Field::check("default", "Given when a request names no scope", settings.is_default)
            .hint("As far as the application may ask for it."),
    )
}

fn read(typed: &Parameters) -> ScopeSettings {
    ScopeSettings {
        description: text(typed, "description").to_owned(),
        claims: lines(typed, "claims"),
        is_default: !text(typed, "default").is_empty(),
        roles: lines(typed, "roles"),
    }
}

/// `/admin/new-scope`
pub async fn define(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let form = || {
        let name = Field::text("name", "Name")
            .hint("What applications put into their request, such as calendar:read.")
            .required();
        let form = ui.form(ui.at(&["new-scope"]), "Define").field(name).cancel(ui.at(&["scopes"]));
        fields(form, &ScopeSettings::default())
    };
    let page = |form: Form| {
        let view = ui.view(Place::Scopes, "Define a scope").below("Scopes", ui.at(&["scopes"]));
        view.part(Section::new("").part(form))
    };
    if !call.is_post() {
        return page(form()).ok();
    }
    let typed = call.admin_form()?;
    match scopes::define(&call.app, text(&typed, "name"), read(&typed)).await {
        Ok(scope) => Ok(ui.see(&["scopes", &scope.name], "created")),
        Err(error) => {
            let (form, status) = form().again(AdminError::from(error), &typed)?;
            page(form).refused(status)
        }
    }
}

/// `/admin/scopes/{name}`
pub async fn settings(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let name = call.segment("name")?;
    if !call.is_post() {
        let scope = ScopeView::from(engine::find(&call.app, &name).await?);
        return page(&ui, &scope, form(&ui, &scope)).ok();
    }
    let typed = call.admin_form()?;
    match engine::change(&call.app, &name, &expected(&typed), |_| Ok(read(&typed))).await {
        Ok(_) => Ok(ui.see(&["scopes", &name], "saved")),
        Err(error) => {
            let scope = ScopeView::from(engine::find(&call.app, &name).await?);
            let (form, status) = form(&ui, &scope).again(error, &typed)?;
            page(&ui, &scope, form).refused(status)
        }
    }
}

fn form(ui: &Ui, scope: &ScopeView) -> Form {
    let form = ui.form(ui.at(&["scopes", &scope.name]), "Save").version(scope.version);
    fields(form, &scope.settings).locked_unless(ui.may_write)
}

fn page(ui: &Ui, scope: &ScopeView, form: Form) -> View {
    let facts = Facts::default()
        .fact("Defined", Cell::time(scope.created_at, ui.now()))
        .fact("Changed", Cell::time(scope.updated_at, ui.now()));
    let view = ui
        .view(Place::Scopes, &scope.name)
        .below("Scopes", ui.at(&["scopes"]))
        .part(Section::new("").part(facts))
        .part(Section::new("Settings").part(form));
    if !ui.may_write {
        return view;
    }
    if scope.needed {
        return view.part(Note::info("The server itself needs this scope, so it cannot be deleted."));
    }
    let delete = Link::new("Delete …", ui.at(&["scopes", &scope.name, "delete"]));
    let section = Section::new("Delete")
        .danger()
        .line("No token is issued with it any more; applications that ask for it get the rest.");
    view.part(section.part(Row::default().part(delete)))
}

/// `/admin/scopes/{name}/delete`
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let scope = ScopeView::from(engine::find(&call.app, &call.segment("name")?).await?);
    let form = || {
        ui.form(ui.at(&["scopes", &scope.name, "delete"]), "Delete for good")
            .version(scope.version)
            .danger()
            .cancel(ui.at(&["scopes", &scope.name]))
    };
    let page = |form: Form| {
        let view = ui
            .view(Place::Scopes, "Delete this scope?")
            .below("Scopes", ui.at(&["scopes"]))
            .below(&scope.name, ui.at(&["scopes", &scope.name]));
        match ui.proof_note() {
            Some(note) => view.part(note),
            None => view
                .part(Note::careful(format!("Nobody gets {} any more.", scope.name)).line(
                    "Tokens that carry it keep it until they expire. Applications that ask for it get the rest of what they ask for.",
                ))
                .part(ui.answer(form)),
        }
    };
    if !call.is_post() {
        return page(form()).ok();
    }
    let typed = call.admin_form()?;
    match engine::delete(&call.app, &scope.name, &expected(&typed)).await {
        Ok(()) => Ok(ui.see(&["scopes"], "deleted")),
        Err(error @ (AdminError::Changed | AdminError::Conflict { .. })) => {
            let (form, status) = form().again(error, &typed)?;
            page(form).refused(status)
        }
        Err(error) => Err(error.into()),
    }
}
