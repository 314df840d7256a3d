//! Replacing a client's secret.

use actix_web::HttpResponse;

use super::super::view::field::{Choice, Field};
use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected, text};
use super::super::view::parts::{Link, Note, Once, Row, Section};
use super::super::view::table::{Cell, Facts};
use super::{At, said, view};
use crate::admin::AdminError;
use crate::admin::clients as engine;
use crate::model::client::Client;
use crate::oauth::clients;
use crate::web::call::Call;
use crate::web::error::Error;

/// Seconds for which the old secret goes on working, and what that is good for.
const OVERLAPS: [(&str, &str, &str); 4] = [
    (
        "0",
        "Not at all",
        "The secret has leaked: whoever has it is out now, and so is the application until it knows the new one.",
    ),
    ("3600", "1 hour", "You can put the new one in place right away."),
    ("86400", "1 day", "The application is deployed every day."),
    ("604800", "7 days", "Somebody else has to put it in place."),
];

/// `/admin/clients/{client_id}/secret`
pub async fn secret(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let client = engine::find(&call.app, &call.segment("client_id")?).await?;
    if !call.is_post() {
        return page(&ui, &client, form(&ui, &client)).ok();
    }
    let typed = call.admin_form()?;
    let overlap = text(&typed, "overlap")
        .parse()
        .map_err(|_| AdminError::invalid("overlap", "choose a time"));
    let replaced = match (expected(&typed).check(client.version), overlap) {
        (Err(error), _) | (_, Err(error)) => Err(error),
        (Ok(()), Ok(overlap)) => clients::replace_secret(&call.app, client.clone(), overlap)
            .await
            .map_err(AdminError::from),
    };
    match replaced {
        Ok(replaced) => done(&ui, &replaced.client, replaced.secret.unwrap_or_default()).ok(),
        Err(error) => {
            let (form, status) = form(&ui, &client).again(error, &typed)?;
            page(&ui, &client, form).refused(status)
        }
    }
}

fn form(ui: &Ui, client: &Client) -> Form {
    let choices = OVERLAPS.iter().enumerate();
    let choices = choices
        .map(|(index, (seconds, label, text))| Choice::new(seconds, label, text, index == 2))
        .collect();
    ui.form(ui.at(&["clients", &client.id, "secret"]), "Make a new secret")
        .version(client.version)
        .field(Field::radios("overlap", "For how long does the old secret go on working?", choices))
}

fn page(ui: &Ui, client: &Client, form: Form) -> View {
    let page = view(ui, client, At::Secret, None);
    if !client.needs_secret() {
        let instead = if client.is_public() {
            "PKCE protects its codes."
        } else {
            "It signs with its private key."
        };
        return page.part(Note::info(said("this client has no secret")).line(instead));
    }
    let until = client.previous_secret_expires_at.filter(|until| ui.now() < *until);
    let page = match until {
        Some(until) => {
            page.part(Section::new("").part(Facts::default().fact("The secret before works until", Cell::time(until, ui.now()))))
        }
        None => page,
    };
    let section = Section::new("Replace the secret").line("The new secret is shown once. Nobody can look at the old one, not even here.");
    match ui.proof_note() {
        Some(note) => page.part(section.part(note)),
        None => page.part(section).part(ui.answer(form)),
    }
}

fn done(ui: &Ui, client: &Client, secret: String) -> View {
    let old = match client.previous_secret_expires_at {
        Some(until) => Facts::default().fact("The old one works until", Cell::time(until, ui.now())),
        None => Facts::default().fact("The old one", Cell::text("does not work any more")),
    };
    view(ui, client, At::Secret, None)
        .part(Note::good("Put the secret where it belongs now").line("It is shown only this once."))
        .part(Section::new("The new secret").part(Once::new("Client secret", secret)).part(old))
        .part(Row::default().part(Link::new("Done", ui.at(&["clients", &client.id])).main()))
}
