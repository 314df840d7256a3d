//! `/admin/initial-access-tokens`: leave for programs to register clients.

use actix_web::HttpResponse;
use secrecy::ExposeSecret;

use super::menu::Section as Place;
use super::view::field::{Choice, Field, Kind};
use super::view::form::Form;
use super::view::page::{Ui, View, listed_page, text};
use super::view::parts::{Link, Note, Once, Section};
use super::view::table::{Cell, Facts, Table};
use crate::admin::AdminError;
use crate::admin::initial_access_tokens::{self as engine, TokenView};
use crate::config::RegistrationPolicy;
use crate::oauth::initial_access_tokens::{self, NewToken};
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::error::Error;

/// Lives to choose from, in seconds; the second is the usual one.
const LIVES: [(&str, &str); 5] = [
    ("3600", "1 hour"),
    ("604800", "7 days"),
    ("2592000", "30 days"),
    ("7776000", "90 days"),
    ("31536000", "1 year"),
];
const USUAL_LIFE: &str = "604800";

/// `GET /admin/initial-access-tokens`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let listed = engine::list(&call.app, &listed_page(&call.query()?)?).await?;
    let columns: &[&str] = &["Name", "Clients left", "Expires", "Made", "Do"];
    let columns = if ui.may_write { columns } else { &columns[..4] };
    let mut table = Table::new("Registration tokens", columns, "There is no token.");
    for token in &listed.items {
        table.row(row(&ui, token));
    }
    let next = listed.next.map(|next| ui.at_with(&["initial-access-tokens"], &[("cursor", &next)]));
    let view = ui
        .view(Place::InitialAccessTokens, "Registration tokens")
        .lead("With such a token a program registers clients by itself.")
        .part(policy_note(&ui))
        .part(table.next(next));
    if ui.may_write {
        return view
            .action(Link::new("Make a token", ui.at(&["new-initial-access-token"])).main())
            .ok();
    }
    view.ok()
}

/// What tokens are good for as things are.
fn policy_note(ui: &Ui) -> Note {
    let title = match ui.app.live().registration_policy() {
        RegistrationPolicy::Open => "Everybody may register clients, without a token",
        RegistrationPolicy::Token => "A token is needed to register a client",
        RegistrationPolicy::Off => "Nobody may register clients, with a token or without",
    };
    Note::info(title).link("Change the setting", ui.at(&["settings", "registration"]))
}

fn row(ui: &Ui, token: &TokenView) -> Vec<Cell> {
    let delete = Link::new("Delete …", ui.at(&["initial-access-tokens", &token.id, "delete"])).about(format!("the token {}", token.name));
    vec![
        Cell::text(&token.name),
        uses(token),
        Cell::time(token.expires_at, ui.now()),
        Cell::time(token.created_at, ui.now()),
        Cell::only(delete),
    ]
}

fn uses(token: &TokenView) -> Cell {
    Cell::text(token.uses_left.map_or_else(|| "any number".to_owned(), |uses| uses.to_string()))
}

/// `/admin/new-initial-access-token`
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    if !call.is_post() {
        return page(&ui, form(&ui)).ok();
    }
    let typed = call.admin_form()?;
    let made = match read(&typed) {
        Ok(new) => initial_access_tokens::create(&call.app, new).await.map_err(AdminError::from),
        Err(error) => Err(error),
    };
    match made {
        // The token is shown on the answer itself: a redirect would have to keep it somewhere.
        Ok((token, secret)) => done(&ui, &token.into(), secret.expose_secret()).ok(),
        Err(error) => {
            let (form, status) = form(&ui).again(error, &typed)?;
            page(&ui, form).refused(status)
        }
    }
}

fn form(ui: &Ui) -> Form {
    let life = |(seconds, label): (&str, &str)| Choice::new(seconds, label, "", seconds == USUAL_LIFE);
    ui.form(ui.at(&["new-initial-access-token"]), "Make")
        .field(
            Field::text("name", "Name")
                .hint("What it is for. Clients that are registered with it name it in the audit log.")
                .required(),
        )
        .field(Field::select("expires_in", "Good for", LIVES.map(life).into()))
        .field(
            Field::new(Kind::Number, "uses", "How many clients")
                .hint("Empty: as many as one likes.")
                .optional(),
        )
        .cancel(ui.at(&["initial-access-tokens"]))
}

fn read(typed: &Parameters) -> Result<NewToken, AdminError> {
    let number = |name: &str| text(typed, name).parse::<i64>();
    Ok(NewToken {
        name: text(typed, "name").to_owned(),
        expires_in: number("expires_in").map_err(|_| AdminError::invalid("expires_in", "choose a time"))?,
        uses: match text(typed, "uses") {
            "" => None,
            _ => Some(number("uses").map_err(|_| AdminError::invalid("uses", "this is a number"))?),
        },
    })
}

fn page(ui: &Ui, form: Form) -> View {
    ui.view(Place::InitialAccessTokens, "Make a token")
        .lead("Whoever has it can register clients. People are still asked before such a client gets anything.")
        .below("Registration tokens", ui.at(&["initial-access-tokens"]))
        .maybe(ui.proof_note())
        .part(Section::new("").part(form))
}

fn done(ui: &Ui, token: &TokenView, secret: &str) -> View {
    let facts = Facts::default()
        .fact("Clients left", uses(token))
        .fact("Expires", Cell::time(token.expires_at, ui.now()))
        .fact("Registration endpoint", Cell::code(ui.app.issuer.endpoint("/register")));
    ui.view(Place::InitialAccessTokens, "Made")
        .below("Registration tokens", ui.at(&["initial-access-tokens"]))
        .part(
            Note::good("Put the token where it belongs now")
                .line("It is shown only this once: the server keeps nothing but its digest. If it is lost, make a new one."),
        )
        .part(Section::new(&token.name).part(Once::new("Token", secret)).part(facts))
}

/// `/admin/initial-access-tokens/{id}/delete`
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let token = engine::show(&call.app, &call.segment("id")?).await?;
    if call.is_post() {
        call.admin_form()?;
        engine::delete(&call.app, &token.id).await?;
        return Ok(ui.see(&["initial-access-tokens"], "deleted"));
    }
    let view = ui
        .view(Place::InitialAccessTokens, "Delete this token?")
        .below("Registration tokens", ui.at(&["initial-access-tokens"]));
    let view = match ui.proof_note() {
        Some(note) => view.part(note),
        None => view
            .part(
                Note::careful(format!("No client can be registered with {} any more.", token.name))
                    .line("Clients that were registered with it stay."),
            )
            .part(
                ui.answer(
                    ui.form(ui.at(&["initial-access-tokens", &token.id, "delete"]), "Delete for good")
                        .danger()
                        .cancel(ui.at(&["initial-access-tokens"])),
                ),
            ),
    };
    view.ok()
}
