//! How a program uses a workload: what it needs, and requests to begin with.
//!
//! Everything that comes from settings goes into them as a literal of the shell.

use actix_web::HttpResponse;
use askama::Template;
use serde_json::json;

use super::super::clients::shell;
use super::super::view::page::Ui;
use super::super::view::parts::{Code, Note, Section};
use super::super::view::table::{Cell, Facts};
use super::{At, ceilings, view};
use crate::admin::{AdminError, providers, workloads as engine};
use crate::app::App;
use crate::model::provider::ProviderKind;
use crate::model::workload::Workload;
use crate::protocol::token_request::GrantType;
use crate::web::call::Call;
use crate::web::error::Error;

/// What the requests are made of, as literals of the shell.
struct Values {
    workload_token: String,
    token: String,
    api_key: String,
    session: String,
    client_id: String,
    /// A name that needs no quotes, in JSON or in a shell
    workload: String,
    /// Whether the client gets ID tokens of its own
    signs_people_in: bool,
    /// Whether it has nothing better than the ids of people
    names_users: bool,
    /// What is asked for
    body: String,
}

#[derive(Template)]
#[template(path = "admin/snippets/workload.sh.txt", escape = "none")]
struct ForPeople<'a> {
    v: &'a Values,
}

#[derive(Template)]
#[template(path = "admin/snippets/workload_key.sh.txt", escape = "none")]
struct ForKeys<'a> {
    v: &'a Values,
}

/// `GET /admin/workloads/{name}/connect`
pub async fn connect(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let workload = engine::find(&call.app, &call.segment("name")?).await?;
    let needed = Facts::default()
        .fact("Client ID", Cell::code(&workload.client_id))
        .fact("Client secret", Cell::text("as it was shown when it was made"))
        .fact("Workload", Cell::code(&workload.name))
        .fact("Workload tokens", Cell::code(call.app.issuer.endpoint("/api/vault/workload-token")))
        .fact("Tokens of people", Cell::code(call.app.issuer.endpoint("/api/vault/token")))
        .fact("API keys", Cell::code(call.app.issuer.endpoint("/api/vault/api-key")));
    let page = view(&ui, &workload, At::Connect, None).part(Section::new("What the agent needs").part(needed));
    if workload.ceilings.is_empty() && !workload.has_no_ceilings {
        let note = Note::careful("It may not ask for anything yet").line("Tick a provider in its settings.");
        return page.part(note.link("Settings", ui.at(&["workloads", &workload.name]))).ok();
    }
    let mut section = Section::new("Requests to begin with")
        .line("The client gets a token for the agent, and the agent asks with it. Until the person has allowed it, the answer is a link for them.");
    for (label, program) in programs(&call.app, &workload).await? {
        section = section.part(Code::new(label, program));
    }
    page.part(section).ok()
}

/// One for the first provider where people are asked, one for the first that keeps an API key.
async fn programs(app: &App, workload: &Workload) -> Result<Vec<(&'static str, String)>, Error> {
    let (mut person, mut key) = (None, None);
    let owner = app.store.read().await?.client(&workload.client_id).await?;
    let signs_people_in = owner.is_some_and(|owner| owner.allows(GrantType::AuthorizationCode));
    let mut may = workload.ceilings.clone();
    if workload.has_no_ceilings {
        for id in ceilings::known(app).await?.into_keys() {
            may.entry(id).or_default();
        }
    }
    for (id, scope) in &may {
        let kind = match providers::find(app, id).await {
            Ok(provider) if workload.ceiling(&provider).is_some() => provider.kind,
            Ok(_) => continue,
            Err(AdminError::NotFound) => ProviderKind::Oauth2,
            Err(error) => return Err(error.into()),
        };
        match kind {
            ProviderKind::Oauth2 if person.is_none() => {
                let body = if scope.is_empty() {
                    json!({ "provider": id })
                } else {
                    json!({ "provider": id, "scope": scope.to_string() })
                };
                person = ForPeople {
                    v: &values(app, workload, signs_people_in, &body),
                }
                .render()
                .ok();
            }
            ProviderKind::ApiKey if key.is_none() => {
                let values = values(app, workload, signs_people_in, &json!({ "provider": id }));
                key = ForKeys { v: &values }.render().ok();
            }
            ProviderKind::Oauth2 | ProviderKind::ApiKey => {}
        }
        if person.is_some() && key.is_some() {
            break;
        }
    }
    let person = person.map(|program| ("A token of a person, with curl", program));
    let key = key.map(|program| ("An API key, with curl", program));
    Ok(person.into_iter().chain(key).collect())
}

fn values(app: &App, workload: &Workload, signs_people_in: bool, body: &serde_json::Value) -> Values {
    let endpoint = |path| shell(&app.issuer.endpoint(path));
    Values {
        workload_token: endpoint("/api/vault/workload-token"),
        token: endpoint("/api/vault/token"),
        api_key: endpoint("/api/vault/api-key"),
        session: endpoint("/api/vault/session"),
        client_id: shell(&workload.client_id),
        workload: workload.name.clone(),
        signs_people_in,
        names_users: workload.may_name_users && !signs_people_in,
        body: shell(&body.to_string()),
    }
}
