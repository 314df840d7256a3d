//! The second step: the answer of the authorization endpoint, and redeeming its code.

use actix_web::HttpResponse;

use super::super::clients::{At, view};
use super::super::menu::Section as Place;
use super::super::view::page::{Ui, View, text};
use super::super::view::parts::{Note, Section, Tag, Tone};
use super::super::view::table::{Cell, Table};
use super::begin::{redirect_uri, with_secret};
use super::exchange::Asked;
use super::run::Run;
use super::tokens;
use crate::admin::clients as engine;
use crate::base::digest::equal;
use crate::base::fault::Fault;
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::cookies;
use crate::web::error::Error;

/// What parameters of an answer mean.
const MEANINGS: [(&str, &str); 5] = [
    ("code", "Worth tokens, once, for a minute, together with the code_verifier."),
    ("state", "As in the request, or the answer is to somebody else’s."),
    ("iss", "Who answers. It protects applications that use several servers."),
    ("error", "Why there is no code."),
    ("error_description", "The same in words, for developers."),
];

/// The run that this browser has begun.
fn begun(ui: &Ui, call: &Call) -> Option<Run> {
    Run::open(ui, call, &cookies::playground(call)?)
}

/// `GET /admin/playground/callback`
pub async fn callback(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let Some(run) = begun(&ui, &call) else {
        return stranger(&ui).ok();
    };
    let client = engine::find(&call.app, &run.client_id).await?;
    let answer = call.query()?;
    let is_ours = equal(text(&answer, "state").as_bytes(), run.state.as_bytes());
    let is_from_us = text(&answer, "iss") == call.app.issuer.as_str();
    let page = view(&ui, &client, At::Playground, None).part(
        Section::new("The answer")
            .line("The browser was sent back to the redirect URI with these parameters.")
            .part(table(&answer, is_ours, is_from_us)),
    );
    if !is_ours || !is_from_us {
        let note = Note::bad("This answer is not to be trusted");
        return page
            .part(note.line("It is not the one to the request that began here, so an application stops now."))
            .ok();
    }
    if text(&answer, "code").is_empty() {
        let again = ui.at(&["clients", &client.id, "playground"]);
        return page
            .part(
                Note::careful("There is no code")
                    .line("The application tells the person what happened.")
                    .link("Try again", again),
            )
            .ok();
    }
    let form = ui
        .form(ui.at(&["playground", "redeem"]), "Redeem the code")
        .with("code", text(&answer, "code"));
    page.part(
        Section::new("Redeem the code")
            .line("Now the application sends the code and the code_verifier to the token endpoint, directly, not through the browser.")
            .part(with_secret(form, &client)),
    )
    .ok()
}

fn stranger(ui: &Ui) -> View {
    ui.view(Place::Clients, "Playground").part(
        Note::bad("No run of the playground has begun here")
            .line("This is where the playground receives its answers. It was opened in another browser, by somebody else, or too long after the beginning.")
            .link("Clients", ui.at(&["clients"])),
    )
}

fn table(answer: &Parameters, is_ours: bool, is_from_us: bool) -> Table {
    let mut table = Table::new("Parameters of the answer", &["Parameter", "Value", "Meaning"], "There are none.");
    for (name, meaning) in MEANINGS {
        let value = text(answer, name);
        if value.is_empty() {
            continue;
        }
        let check = |is_right| {
            if is_right {
                Tag::new("As it should be", Tone::Good)
            } else {
                Tag::new("Does not match", Tone::Bad)
            }
        };
        let tag = match name {
            "state" => Some(check(is_ours)),
            "iss" => Some(check(is_from_us)),
            _ => None,
        };
        table.row(vec![Cell::code(name).maybe_tag(tag), Cell::code(value), Cell::text(meaning)]);
    }
    table
}

/// `POST /admin/playground/redeem`
pub async fn redeem(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let typed = call.admin_form()?;
    let Some(mut run) = begun(&ui, &call) else {
        return stranger(&ui).ok();
    };
    let client = engine::find(&call.app, &run.client_id).await?;
    run.secret = Some(text(&typed, "client_secret").to_owned()).filter(|secret| !secret.is_empty());
    let (redirect_uri, verifier) = (redirect_uri(&call.app), run.verifier.clone());
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", text(&typed, "code")),
        ("redirect_uri", redirect_uri.as_str()),
        ("code_verifier", verifier.as_str()),
    ];
    let asked = Asked {
        app: &call.app,
        client: &client,
        run: &run,
    };
    let exchange = asked.token("The token request", &fields).await?;
    // A wrong secret can be corrected while the code lives; after that the run needs no cookie.
    let is_done = exchange.answer.is_some();
    let mut response = tokens::page(&call, &ui, &client, run, exchange).await?.ok()?;
    if is_done {
        let cookie = cookies::clear_playground(&call.app);
        response.add_cookie(&cookie).map_err(|error| Error::Fault(Fault::internal(error)))?;
    }
    Ok(response)
}
