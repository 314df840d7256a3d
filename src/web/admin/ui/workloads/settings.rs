//! The settings of a workload.

use std::collections::BTreeMap;

use actix_web::HttpResponse;

use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected};
use super::super::view::parts::{Link, Note, Row, Section};
use super::super::view::table::{Cell, Facts};
use super::{At, ceilings, fields, view};
use crate::admin::workloads as engine;
use crate::model::workload::Workload;
use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/workloads/{name}`
pub async fn settings(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let (name, known) = (call.segment("name")?, ceilings::known(&call.app).await?);
    if !call.is_post() {
        let workload = engine::find(&call.app, &name).await?;
        let lacks = engine::lacks_of_owner(&call.app, &workload).await?;
        let note = lacks.map(|lacks| {
            Note::careful("It gets nothing before its client is mended")
                .line(format!("The client lacks {lacks}."))
                .link("Client", ui.at(&["clients", &workload.client_id]))
        });
        return page(&ui, &workload, form(&ui, &workload, &known)).maybe(note).ok();
    }
    let typed = call.admin_form()?;
    match engine::change(&call.app, &name, &expected(&typed), |settings| fields::read(&typed, settings)).await {
        Ok(_) => Ok(ui.see(&["workloads", &name], "saved")),
        Err(error) => {
            let workload = engine::find(&call.app, &name).await?;
            let (form, status) = form(&ui, &workload, &known).again(error, &typed)?;
            page(&ui, &workload, form).refused(status)
        }
    }
}

fn form(ui: &Ui, workload: &Workload, known: &BTreeMap<String, String>) -> Form {
    let form = ui.form(ui.at(&["workloads", &workload.name]), "Save").version(workload.version);
    fields::fields(form, workload, known).locked_unless(ui.may_write)
}

fn page(ui: &Ui, workload: &Workload, form: Form) -> View {
    let now = ui.now();
    let facts = Facts::default()
        .fact("Name", Cell::code(&workload.name))
        .fact(
            "Client",
            Cell::code(&workload.client_id).to(ui.at(&["clients", &workload.client_id])),
        )
        .fact("Added", Cell::time(workload.created_at, now))
        .fact("Changed", Cell::time(workload.updated_at, now));
    let page = view(ui, workload, At::Settings, None)
        .part(Section::new("").part(facts))
        .maybe(ui.proof_note())
        .part(Section::new("Settings").part(form));
    if ui.may_write { page.part(away(ui, workload)) } else { page }
}

/// Turning it off, or deleting it.
fn away(ui: &Ui, workload: &Workload) -> Section {
    let path = ui.at(&["workloads", &workload.name, "disabled"]);
    let row = if workload.is_disabled {
        let press = ui.press(path, "Enable").with("version", workload.version).with("disabled", "no");
        Row::default().part(press.main())
    } else {
        Row::default().part(Link::new("Disable …", path))
    };
    Section::new("Turn off or delete")
        .danger()
        .line("While it is disabled its tokens are worth nothing, and connections stay. Deleting it takes every connection with it, here and then at the providers.")
        .part(row.part(Link::new("Delete …", ui.at(&["workloads", &workload.name, "delete"]))))
}
