//! `/admin/resources`: the APIs and MCP servers that tokens are for.

use actix_web::HttpResponse;

use super::menu::Section as Place;
use super::view::field::{Choice, Field, Kind, lines};
use super::view::form::Form;
use super::view::page::{Ui, View, expected, listed_page, text};
use super::view::parts::{Link, Note, Row, Section};
use super::view::table::{Cell, Facts, Table};
use crate::admin::AdminError;
use crate::admin::resources::{self as engine, ResourceView};
use crate::model::client::AccessTokenFormat;
use crate::model::resource::ResourceSettings;
use crate::oauth::resources;
use crate::protocol::parameters::Parameters;
use crate::protocol::scope::Scope;
use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /admin/resources`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let listed = engine::list(&call.app, &listed_page(&call.query()?)?).await?;
    let columns = ["Name", "Identifier", "Own scopes", "For"];
    let mut table = Table::new(
        "Resources",
        &columns,
        "No resource is registered: tokens are for this server itself.",
    );
    for resource in &listed.items {
        table.row(row(&ui, resource));
    }
    let next = listed.next.map(|next| ui.at_with(&["resources"], &[("cursor", &next)]));
    let view = ui
        .view(Place::Resources, "Resources")
        .lead("The APIs and MCP servers that access tokens are for. A token for one of them is worth nothing at another.")
        .part(table.next(next));
    if ui.may_write {
        let link = Link::new("Register a resource", ui.at(&["new-resource"])).main();
        return view.action(link).ok();
    }
    view.ok()
}

fn row(ui: &Ui, resource: &ResourceView) -> Vec<Cell> {
    let settings = &resource.settings;
    let own = match settings.scope.iter().count() {
        0 => Cell::text("none"),
        1..=3 => Cell::text(settings.scope.to_string()),
        many => Cell::text(format!("{many} scopes")),
    };
    let clients = match settings.clients.as_ref().map(Vec::len) {
        None => Cell::text("every client"),
        Some(1) => Cell::text("1 client"),
        Some(count) => Cell::text(format!("{count} clients")),
    };
    vec![
        Cell::text(&settings.name).to(ui.at(&["resources", &resource.identifier])),
        Cell::code(&resource.identifier),
        own,
        clients,
    ]
}

fn fields(form: Form, settings: &ResourceSettings) -> Form {
    let own: Vec<String> = settings.scope.iter().map(str::to_owned).collect();
    let format = |one: Option<AccessTokenFormat>, label: &str| {
        let name = one.map_or("", AccessTokenFormat::as_str);
        Choice::new(name, label, "", settings.access_token_format == one)
    };
    let lifetime = settings.access_token_lifetime.map(|seconds| seconds.to_string());
    form.field(
        Field::text("resource_name", "Name")
            .value(&settings.name)
            .hint("People read it when they are asked for consent.")
            .required(),
    )
    .field(
        Field::lines("scope", "Its own scopes, one per line", &own)
            .hint("Tokens for other resources never carry them. Define their meaning under Scopes.")
            .optional(),
    )
    .field(Field::select(
        "access_token_format",
        "Access tokens",
        vec![
            format(None, "As the client has them"),
            format(Some(AccessTokenFormat::Jwt), "Signed (JWT)"),
            format(Some(AccessTokenFormat::Opaque), "Opaque"),
        ],
    ))
    .field(
        Field::new(Kind::Number, "access_token_lifetime", "Life of access tokens, in seconds")
            .value(lifetime.unwrap_or_default())
            .hint("From 10 seconds to 1 day. Empty: as the client has them.")
            .optional(),
    )
    .field(Field::check(
        "every_client",
        "Every client may have tokens for it",
        settings.clients.is_none(),
    ))
    .field(
        Field::lines(
            "allowed_clients",
            "Clients that may, one client_id per line",
            settings.clients.as_deref().unwrap_or_default(),
        )
        .hint("Counts only when not every client may.")
        .optional(),
    )
}

fn read(typed: &Parameters) -> Result<ResourceSettings, AdminError> {
    let own: Vec<String> = lines(typed, "scope")
        .iter()
        .flat_map(|line| line.split_whitespace())
        .map(str::to_owned)
        .collect();
    let lifetime = match text(typed, "access_token_lifetime") {
        "" => None,
        seconds => {
            let number = seconds.parse();
            Some(number.map_err(|_| AdminError::invalid("access_token_lifetime", "this is a number of seconds"))?)
        }
    };
    Ok(ResourceSettings {
        name: text(typed, "resource_name").to_owned(),
        scope: Scope::parse(&own.join(" ")).map_err(|refusal| AdminError::invalid("scope", refusal.description))?,
        access_token_format: AccessTokenFormat::parse(text(typed, "access_token_format")),
        access_token_lifetime: lifetime,
        clients: text(typed, "every_client").is_empty().then(|| lines(typed, "allowed_clients")),
    })
}

/// `/admin/new-resource`
pub async fn register(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let form = || {
        let identifier = Field::new(Kind::Url, "identifier", "Identifier")
            .hint("The URL under which clients reach it, such as https://mcp.example.com/mcp. It cannot be changed later.")
            .required();
        let form = ui
            .form(ui.at(&["new-resource"]), "Register")
            .field(identifier)
            .cancel(ui.at(&["resources"]));
        fields(form, &ResourceSettings::default())
    };
    let page = |form: Form| {
        let view = ui
            .view(Place::Resources, "Register a resource")
            .below("Resources", ui.at(&["resources"]));
        view.part(Section::new("").part(form))
    };
    if !call.is_post() {
        return page(form()).ok();
    }
    let typed = call.admin_form()?;
    let registered = match read(&typed) {
        Ok(settings) => resources::register(&call.app, text(&typed, "identifier"), settings)
            .await
            .map_err(AdminError::from),
        Err(error) => Err(error),
    };
    match registered {
        Ok(resource) => Ok(ui.see(&["resources", &resource.identifier], "created")),
        Err(error) => {
            let (form, status) = form().again(error, &typed)?;
            page(form).refused(status)
        }
    }
}

/// `/admin/resources/{identifier}`
pub async fn settings(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let identifier = call.segment("identifier")?;
    if !call.is_post() {
        let resource = ResourceView::new(&call.app, engine::find(&call.app, &identifier).await?);
        return page(&ui, &resource, form(&ui, &resource)).ok();
    }
    let typed = call.admin_form()?;
    match engine::change(&call.app, &identifier, &expected(&typed), |_| read(&typed)).await {
        Ok(_) => Ok(ui.see(&["resources", &identifier], "saved")),
        Err(error) => {
            let resource = ResourceView::new(&call.app, engine::find(&call.app, &identifier).await?);
            let (form, status) = form(&ui, &resource).again(error, &typed)?;
            page(&ui, &resource, form).refused(status)
        }
    }
}

fn form(ui: &Ui, resource: &ResourceView) -> Form {
    let form = ui
        .form(ui.at(&["resources", &resource.identifier]), "Save")
        .version(resource.version);
    fields(form, &resource.settings).locked_unless(ui.may_write)
}

fn page(ui: &Ui, resource: &ResourceView, form: Form) -> View {
    let facts = Facts::default()
        .fact("Identifier", Cell::code(&resource.identifier))
        .fact("Metadata to pass on", Cell::code(&resource.metadata_url))
        .fact("Registered", Cell::time(resource.created_at, ui.now()))
        .fact("Changed", Cell::time(resource.updated_at, ui.now()));
    let view = ui
        .view(Place::Resources, &resource.settings.name)
        .below("Resources", ui.at(&["resources"]))
        .part(Section::new("").part(facts))
        .part(Section::new("Settings").part(form));
    if !ui.may_write {
        return view;
    }
    let delete = Link::new("Delete …", ui.at(&["resources", &resource.identifier, "delete"]));
    let section = Section::new("Delete")
        .danger()
        .line("No token is issued for it any more, and nothing that was granted for it can be refreshed.");
    view.part(section.part(Row::default().part(delete)))
}

/// `/admin/resources/{identifier}/delete`
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let resource = ResourceView::new(&call.app, engine::find(&call.app, &call.segment("identifier")?).await?);
    let form = || {
        ui.form(ui.at(&["resources", &resource.identifier, "delete"]), "Delete for good")
            .version(resource.version)
            .danger()
            .cancel(ui.at(&["resources", &resource.identifier]))
    };
    let page = |form: Form| {
        let view = ui
            .view(Place::Resources, "Delete this resource?")
            .below("Resources", ui.at(&["resources"]))
            .below(&resource.settings.name, ui.at(&["resources", &resource.identifier]));
        match ui.proof_note() {
            Some(note) => view.part(note),
            None => view
                .part(
                    Note::careful(format!("Nobody gets a token for {} any more.", resource.identifier))
                        .line("Tokens that are there live until they expire. Clients that ask for it are told that it is unknown."),
                )
                .part(ui.answer(form)),
        }
    };
    if !call.is_post() {
        return page(form()).ok();
    }
    let typed = call.admin_form()?;
    match engine::delete(&call.app, &resource.identifier, &expected(&typed)).await {
        Ok(()) => Ok(ui.see(&["resources"], "deleted")),
        Err(error @ (AdminError::Changed | AdminError::Conflict { .. })) => {
            let (form, status) = form().again(error, &typed)?;
            page(form).refused(status)
        }
        Err(error) => Err(error.into()),
    }
}
