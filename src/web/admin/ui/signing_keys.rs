//! `/admin/signing-keys`: what tokens are signed with.

use actix_web::HttpResponse;

use super::menu::Section as Place;
use super::vault_keys;
use super::view::field::{Choice, Field};
use super::view::form::Form;
use super::view::page::{Ui, View, listed_page, text};
use super::view::parts::{Link, Note, Section, Tag, Tone};
use super::view::table::{Cell, Facts, Table};
use crate::admin::AdminError;
use crate::admin::signing_keys::{self as engine, KeyView};
use crate::model::signing_key::{KeyState, SigningAlgorithm};
use crate::web::call::Call;
use crate::web::error::Error;

/// `GET /admin/signing-keys`
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let listed = engine::list(&call.app, &listed_page(&call.query()?)?).await?;
    let columns: &[&str] = &["Key", "State", "Made", "Signs until", "Verifies until", "Do"];
    let columns = if ui.may_write { columns } else { &columns[..5] };
    let mut table = Table::new("Signing keys", columns, "There is no key.");
    for key in &listed.items {
        table.row(row(&ui, key));
    }
    let next = listed.next.map(|next| ui.at_with(&["signing-keys"], &[("cursor", &next)]));
    let view = ui
        .view(Place::Keys, "Signing keys")
        .lead("What tokens are signed with. The public halves are published, so that applications and resource servers can check tokens by themselves.")
        .part(table.next(next))
        .part(
            Note::info("Rotating takes nobody’s access away")
                .line("The new key is published some minutes before it signs, and the old one verifies until the last token that it signed has expired. Doing it every few months is enough."),
        )
        .part(vault_keys::section(&ui).await?);
    if ui.may_write {
        return view.action(Link::new("Rotate", ui.at(&["rotate-signing-key"])).main()).ok();
    }
    view.ok()
}

fn state_tag(state: KeyState) -> Tag {
    match state {
        KeyState::Next => Tag::new("Published, signs soon", Tone::Plain),
        KeyState::Active => Tag::new("Signs", Tone::Good),
        KeyState::Retired => Tag::new("Verifies only", Tone::Careful),
    }
}

fn row(ui: &Ui, key: &KeyView) -> Vec<Cell> {
    let now = ui.now();
    let until = |at: Option<i64>, otherwise: &str| at.map_or_else(|| Cell::text(otherwise), |at| Cell::time(at, now));
    let retire = Link::new("Retire …", ui.at(&["signing-keys", &key.kid, "retire"])).about(format!("{} {}", key.algorithm, key.kid));
    vec![
        Cell::text(key.algorithm.as_str()).note(&key.kid),
        Cell::only_tag(state_tag(key.state)),
        Cell::time(key.created_at, now),
        until(key.retired_at, "it is rotated"),
        until(key.expires_at, "its last token has expired"),
        Cell::only(retire),
    ]
}

/// `/admin/rotate-signing-key`
pub async fn rotate(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    if !call.is_post() {
        return rotation(&ui, rotation_form(&ui)).ok();
    }
    let typed = call.admin_form()?;
    let Some(algorithm) = SigningAlgorithm::parse(text(&typed, "algorithm")) else {
        let error = AdminError::invalid("algorithm", "choose an algorithm");
        let (form, status) = rotation_form(&ui).again(error, &typed)?;
        return rotation(&ui, form).refused(status);
    };
    let is_at_once = !text(&typed, "immediately").is_empty();
    engine::rotate(&call.app, algorithm, is_at_once).await?;
    Ok(ui.see(&["signing-keys"], if is_at_once { "rotated-at-once" } else { "rotated" }))
}

fn rotation_form(ui: &Ui) -> Form {
    let choice = |(index, algorithm): (usize, SigningAlgorithm)| {
        let text = match algorithm {
            SigningAlgorithm::Rs256 => "What most applications use.",
            SigningAlgorithm::Es256 | SigningAlgorithm::EdDsa => "",
        };
        Choice::new(algorithm.as_str(), algorithm.as_str(), text, index == 0)
    };
    let choices = SigningAlgorithm::ALL.into_iter().enumerate().map(choice).collect();
    ui.form(ui.at(&["rotate-signing-key"]), "Rotate")
        .field(Field::radios("algorithm", "Which key is replaced?", choices))
        .field(
            Field::check("immediately", "Let the new key sign at once", false)
                .hint("For an emergency. Applications that keep the published keys may refuse tokens for some minutes."),
        )
        .cancel(ui.at(&["signing-keys"]))
}

fn rotation(ui: &Ui, form: Form) -> View {
    let view = ui
        .view(Place::Keys, "Rotate a signing key")
        .below("Signing keys", ui.at(&["signing-keys"]));
    match ui.proof_note() {
        Some(note) => view.part(note),
        None => view.part(ui.answer(form)),
    }
}

/// `/admin/signing-keys/{kid}/retire`
pub async fn retire(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let key = engine::show(&call.app, &call.segment("kid")?).await?;
    if !call.is_post() {
        return retirement(&ui, &key, retirement_form(&ui, &key)).ok();
    }
    let typed = call.admin_form()?;
    let is_at_once = !text(&typed, "immediately").is_empty();
    match engine::retire(&call.app, &key.kid, is_at_once).await {
        Ok(()) => Ok(ui.see(&["signing-keys"], if is_at_once { "retired-at-once" } else { "retired" })),
        Err(error) => {
            let (form, status) = retirement_form(&ui, &key).again(error, &typed)?;
            retirement(&ui, &key, form).refused(status)
        }
    }
}

fn retirement_form(ui: &Ui, key: &KeyView) -> Form {
    ui.form(ui.at(&["signing-keys", &key.kid, "retire"]), "Retire the key")
        .field(
            Field::check("immediately", "Somebody has a copy of it", false).hint(
                "It leaves the published keys at once, and every token that it signed is worth nothing: people have to sign in again.",
            ),
        )
        .danger()
        .cancel(ui.at(&["signing-keys"]))
}

fn retirement(ui: &Ui, key: &KeyView, form: Form) -> View {
    let facts = Facts::default()
        .fact("Key", Cell::code(&key.kid))
        .fact("Algorithm", Cell::text(key.algorithm.as_str()))
        .fact("State", Cell::only_tag(state_tag(key.state)));
    let view = ui
        .view(Place::Keys, "Retire this key?")
        .below("Signing keys", ui.at(&["signing-keys"]))
        .part(Section::new("").part(facts));
    match ui.proof_note() {
        Some(note) => view.part(note),
        None => view
            .part(
                Note::careful("It signs no more, from now on.")
                    .line("It verifies until the last token that it signed has expired. Another key must sign in its place: rotate first."),
            )
            .part(ui.answer(form)),
    }
}
