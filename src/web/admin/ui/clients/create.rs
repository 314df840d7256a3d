//! Registering a client: first what kind of application it is, then the few things that cannot be guessed.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::super::menu::Section as Place;
use super::super::view::form::Form;
use super::super::view::page::{Ui, View, text};
use super::super::view::parts::{Choices, Link, Note, Once, Row, Section, Way};
use super::super::view::table::{Cell, Facts};
use super::{fields, kind_name, snippets};
use crate::admin::AdminError;
use crate::model::client::{ClientKind, ClientSettings};
use crate::oauth::clients::{self, NewClient, Registered};
use crate::web::call::Call;
use crate::web::error::Error;

/// When a kind is the right one, and an example.
fn explained(kind: ClientKind) -> (&'static str, &'static str) {
    match kind {
        ClientKind::Web => (
            "Runs on a server of yours and lets people sign in. It can keep a secret.",
            "Django, Rails, Spring, Next.js with a server, Grafana, Nextcloud",
        ),
        ClientKind::Spa => (
            "Runs in the browser alone and lets people sign in. It has no place for a secret.",
            "React, Vue, Svelte or Angular without a server of its own",
        ),
        ClientKind::Native => (
            "Runs on somebody’s phone or computer and lets them sign in. It has no place for a secret.",
            "iOS, Android, Electron, command-line tools",
        ),
        ClientKind::Service => (
            "A program that acts for itself; nobody signs in. Also a resource server that checks tokens.",
            "Cron jobs, back-end services, CI, an API that introspects tokens",
        ),
        ClientKind::Mcp => (
            "An assistant or agent that uses tools for a person, over the Model Context Protocol.",
            "Desktop assistants, editors with agents, MCP Inspector",
        ),
    }
}

/// `/admin/new-client`
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    if call.is_post() {
        return register(&call, &ui).await;
    }
    let Some(kind) = ClientKind::parse(text(&call.query()?, "kind")) else {
        return choose(&ui).ok();
    };
    page(&ui, kind, form(&call, &ui, kind).await?).ok()
}

fn choose(ui: &Ui) -> View {
    let way = |kind: ClientKind| {
        let (text, example) = explained(kind);
        Way {
            href: ui.at_with(&["new-client"], &[("kind", kind.as_str())]),
            title: kind_name(kind).to_owned(),
            text: text.to_owned(),
            example: format!("For example: {example}"),
        }
    };
    ui.view(Place::Clients, "Register a client")
        .lead("What kind of application is it? Everything else follows from that, and can be changed later.")
        .below("Clients", ui.at(&["clients"]))
        .part(Choices::new(ClientKind::ALL.into_iter().map(way).collect()))
}

fn page(ui: &Ui, kind: ClientKind, form: Form) -> View {
    ui.view(Place::Clients, format!("New: {}", kind_name(kind)))
        .lead(explained(kind).0)
        .below("Clients", ui.at(&["clients"]))
        .below("Register a client", ui.at(&["new-client"]))
        .maybe(ui.proof_note())
        .part(Section::new("").part(form))
}

async fn form(call: &Call, ui: &Ui, kind: ClientKind) -> Result<Form, Error> {
    let settings = ClientSettings::of_kind(kind);
    let is_service = kind == ClientKind::Service;
    let hint = match kind {
        ClientKind::Native | ClientKind::Mcp => {
            "Where the answer is sent: http://127.0.0.1/callback (any port then matches), or a scheme of your own such as com.example.app:/callback."
        }
        _ => {
            "Where the answer is sent, exactly as the application will name it: https://app.example/callback. While you develop, http://localhost:3000/callback."
        }
    };
    Ok(ui
        .form(ui.at(&["new-client"]), "Register")
        .with("kind", kind.as_str())
        .field(fields::name(&settings))
        .maybe((!is_service).then(|| fields::redirect_uris(&settings, hint).required()))
        .field(fields::scope(&settings, &fields::catalog(&call.app).await?, is_service))
        .cancel(ui.at(&["clients"])))
}

async fn register(call: &Call, ui: &Ui) -> Result<HttpResponse, Error> {
    let typed = call.admin_form()?;
    let kind = ClientKind::parse(text(&typed, "kind")).ok_or_else(|| AdminError::invalid("kind", "choose a kind of application"))?;
    let registered = match fields::read_basics(&typed, ClientSettings::of_kind(kind)) {
        Ok(settings) => {
            let new = NewClient {
                id: None,
                secret: None,
                settings,
            };
            clients::register(&call.app, new).await.map_err(AdminError::from)
        }
        Err(error) => Err(error),
    };
    match registered {
        // The secret is shown on the answer itself: a redirect would have to keep it somewhere.
        Ok(registered) => done(ui, &registered).ok(),
        Err(error) => {
            let (form, status): (Form, StatusCode) = form(call, ui, kind).await?.again(error, &typed)?;
            page(ui, kind, form).refused(status)
        }
    }
}

fn done(ui: &Ui, registered: &Registered) -> View {
    let client = &registered.client;
    let mut view = ui
        .view(Place::Clients, "Registered")
        .below("Clients", ui.at(&["clients"]))
        .below(&client.name, ui.at(&["clients", &client.id]));
    if registered.secret.is_some() {
        view =
            view.part(Note::good("Put the secret where it belongs now").line("It is shown only this once. If it is lost, make a new one."));
    } else {
        view = view.part(Note::good("It is ready").line("It has no secret: PKCE protects its codes."));
    }
    let mut credentials = Section::new("What the application needs").part(Once::new("Client ID", &client.id));
    if let Some(secret) = &registered.secret {
        credentials = credentials.part(Once::new("Client secret", secret));
    }
    let credentials = credentials.part(Facts::default().fact("Issuer", Cell::code(ui.app.issuer.as_str())).fact(
        "Configuration",
        Cell::code(ui.app.issuer.endpoint("/.well-known/openid-configuration")),
    ));
    let id = client.id.as_str();
    view.part(credentials)
        .part(
            Row::default()
                .part(Link::new("Try it in the playground", ui.at(&["clients", id, "playground"])).main())
                .part(Link::new("Settings", ui.at(&["clients", id]))),
        )
        .part(snippets::section(&ui.app, client))
}
