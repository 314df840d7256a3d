//! Turning a workload off, and deleting it with what people gave it.

use actix_web::HttpResponse;

use super::super::ending::disabling;
use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected, text};
use super::super::view::parts::{Note, counted};
use super::{At, view};
use crate::admin::AdminError;
use crate::admin::workloads as engine;
use crate::model::workload::{Workload, WorkloadSettings};
use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/workloads/{name}/disabled`
pub async fn disabled(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let workload = engine::find(&call.app, &call.segment("name")?).await?;
    let path = ["workloads", &workload.name];
    let page = |form: Form| {
        let note = Note::careful(format!("{} gets nothing any more.", workload.label()))
            .line("Its tokens are refused at once. What it has got from providers works until they end it. Connections stay, and work again once it is enabled; people can still take them back.");
        view(&ui, &workload, At::Deeper, Some("Disable this workload?"))
            .part(note)
            .part(ui.answer(form))
    };
    if !call.is_post() {
        return page(disabling(&ui, path, workload.version)).ok();
    }
    let typed = call.admin_form()?;
    let is_disabled = text(&typed, "disabled") == "yes";
    let change = |settings| Ok(WorkloadSettings { is_disabled, ..settings });
    match engine::change(&call.app, &workload.name, &expected(&typed), change).await {
        Ok(_) => Ok(ui.see(&path, if is_disabled { "disabled" } else { "enabled" })),
        Err(error @ AdminError::Changed) if is_disabled => {
            let (form, status) = disabling(&ui, path, workload.version).again(error, &typed)?;
            page(form).refused(status)
        }
        Err(error) => Err(error.into()),
    }
}

/// `/admin/workloads/{name}/delete`
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let workload = engine::find(&call.app, &call.segment("name")?).await?;
    let connections = engine::count_connections_of(&call.app, &workload.name).await?;
    if !call.is_post() {
        return page(&ui, &workload, connections, form(&ui, &workload, connections)).ok();
    }
    let typed = call.admin_form()?;
    // Nobody deletes more than the page said.
    let was_said = text(&typed, "connections").parse().is_ok_and(|said: i64| connections <= said);
    let deleted = if was_said {
        engine::delete(&call.app, &workload.name, &expected(&typed)).await
    } else {
        Err(AdminError::conflict(
            "meanwhile people have given it more: look at the number again",
        ))
    };
    match deleted {
        Ok(()) => Ok(ui.see(&["workloads"], "deleted")),
        Err(error @ (AdminError::Changed | AdminError::Conflict { .. })) => {
            let (form, status) = form(&ui, &workload, connections).again(error, &typed)?;
            page(&ui, &workload, connections, form).refused(status)
        }
        Err(error) => Err(error.into()),
    }
}

fn form(ui: &Ui, workload: &Workload, connections: i64) -> Form {
    let submit = match connections {
        0 => "Delete for good".to_owned(),
        count => format!("Delete for good, with {}", counted(count)),
    };
    ui.form(ui.at(&["workloads", &workload.name, "delete"]), &submit)
        .version(workload.version)
        .with("connections", connections.to_string())
        .danger()
        .cancel(ui.at(&["workloads", &workload.name]))
}

fn page(ui: &Ui, workload: &Workload, connections: i64, form: Form) -> View {
    let page = view(ui, workload, At::Deeper, Some("Delete this workload?"));
    let note = Note::careful(format!("{} gets nothing any more, and its tokens are dead.", workload.label()));
    let note = match connections {
        0 => note.line("Nobody has given it anything."),
        count => note
            .line(format!(
                "{} will be removed. What was given is taken back at the providers, too, a moment later. If one has no way for that, tokens that were given out live on there until they end, or the person takes them back there.",
                counted(count)
            ))
            .line("A new workload of the same name is another one: people are asked again. To turn it off for a while, disable it instead."),
    };
    match ui.proof_note() {
        Some(note) => page.part(note),
        None => page.part(note).part(ui.answer(form)),
    }
}
