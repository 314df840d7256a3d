//! Adding a workload: whose it is, what it is called, and what it may ask for.

use std::collections::BTreeMap;

use actix_web::HttpResponse;

use super::super::menu::Section as Place;
use super::super::view::field::{Choice, Field};
use super::super::view::form::Form;
use super::super::view::page::{Ui, View, text};
use super::super::view::parts::{Note, Section};
use super::{ceilings, fields};
use crate::admin::AdminError;
use crate::admin::clients::{self, ClientView};
use crate::admin::page::{MAX_LIMIT, Page};
use crate::federation::workloads::{self, NewWorkload};
use crate::model::client::{ClientOrigin, may_use};
use crate::model::workload::WorkloadSettings;
use crate::protocol::claims::VAULT;
use crate::web::call::Call;
use crate::web::error::Error;

/// How many pages of clients are looked through for those that can own an agent.
const MAX_PAGES: usize = 5;

/// The clients that can own an agent.
struct Owners {
    clients: Vec<ClientView>,
    /// Whether these are all of them
    is_all: bool,
}

/// `/admin/new-workload`
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let (owners, known) = (owners(&ui).await?, ceilings::known(&call.app).await?);
    if !call.is_post() {
        return page(&ui, &owners, form(&ui, &owners, &known)).ok();
    }
    let typed = call.admin_form()?;
    let created = match fields::read(&typed, WorkloadSettings::default()) {
        Ok(settings) => {
            let new = NewWorkload {
                name: text(&typed, "name").to_owned(),
                client_id: text(&typed, "client_id").to_owned(),
                settings,
            };
            workloads::create(&call.app, new).await.map_err(AdminError::from)
        }
        Err(error) => Err(error),
    };
    match created {
        Ok(workload) => Ok(ui.see(&["workloads", &workload.name], "created")),
        Err(error) => {
            let (form, status) = form(&ui, &owners, &known).again(error, &typed)?;
            page(&ui, &owners, form).refused(status)
        }
    }
}

/// Only clients that an operator has made get the scope.
async fn owners(ui: &Ui) -> Result<Owners, Error> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..MAX_PAGES {
        let page = Page::parse(Some(&MAX_LIMIT.to_string()), cursor.as_deref())?;
        let listed = clients::list(&ui.app, None, Some(ClientOrigin::Operator), &page).await?;
        let may = |client: &ClientView| may_use(VAULT, &client.settings.scope, &client.settings.grant_types);
        found.extend(listed.items.into_iter().filter(may));
        cursor = listed.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(Owners {
        clients: found,
        is_all: cursor.is_none(),
    })
}

fn form(ui: &Ui, owners: &Owners, known: &BTreeMap<String, String>) -> Form {
    let owner = if owners.is_all {
        let is_only = owners.clients.len() == 1;
        let choices = owners.clients.iter().map(|client| {
            let label = format!("{} ({})", client.settings.name, client.client_id);
            Choice::new(&client.client_id, &label, "", is_only)
        });
        let none = Choice::new("", "Choose one", "", false);
        let choices = std::iter::once(none).filter(|_| !is_only).chain(choices);
        Field::select("client_id", "Client", choices.collect())
    } else {
        Field::text("client_id", "Client ID").required()
    };
    let form = ui
        .form(ui.at(&["new-workload"]), "Add")
        .field(
            Field::text("name", "Name")
                .hint("3 to 255 letters, digits, dots, dashes and underscores, such as calendar-agent. It cannot be changed later.")
                .required(),
        )
        .field(owner.hint(
            "The application that runs the agent, and gets tokens for it. It needs the scope vault and the grant client_credentials.",
        ));
    fields::fields(form, &WorkloadSettings::default(), known)
        .cancel(ui.at(&["workloads"]))
        .locked_unless(ui.may_write)
}

fn page(ui: &Ui, owners: &Owners, form: Form) -> View {
    let none = Note::careful("No client can have an agent yet")
        .line("Register a service, and tick the scope vault.")
        .link("Register a client", ui.at_with(&["new-client"], &[("kind", "service")]));
    ui.view(Place::Workloads, "Add a workload")
        .below("Workloads", ui.at(&["workloads"]))
        .maybe((owners.is_all && owners.clients.is_empty()).then_some(none))
        .maybe(ui.proof_note())
        .part(Section::new("").part(form))
}
