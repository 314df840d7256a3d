//! The third step: the tokens, looked into and tried out.

use actix_web::HttpResponse;
use serde_json::Value;

use super::super::clients::{At, view};
use super::super::view::page::{Ui, View, text};
use super::super::view::parts::{Code, Folded, Link, Note, Row, Section, Tag, Tone};
use super::super::view::table::{Cell, Facts};
use super::exchange::{Asked, Exchange, pretty};
use super::run::Run;
use crate::admin::clients as engine;
use crate::base::fault::Fault;
use crate::model::client::Client;
use crate::oauth::inspect;
use crate::protocol::tokens::ACCESS_TOKEN_PREFIX;
use crate::web::call::Call;
use crate::web::error::Error;

/// `POST /admin/playground/use`
pub async fn try_out(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let typed = call.admin_form()?;
    // Sealed for this person and browser; anything else is not one of our pages.
    let run = Run::open(&ui, &call, text(&typed, "run")).ok_or(Error::StaleForm)?;
    let client = engine::find(&call.app, &run.client_id).await?;
    let asked = Asked {
        app: &call.app,
        client: &client,
        run: &run,
    };
    let access_token = run.access_token.as_deref().unwrap_or_default();
    let refresh_token = run.refresh_token.as_deref().unwrap_or_default();
    let exchange = match text(&typed, "do") {
        "userinfo" => asked.userinfo(access_token).await?,
        "introspect" => asked.introspect(access_token).await?,
        "refresh" => {
            let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
            asked.token("Refreshing", &fields).await?
        }
        "revoke-access" => asked.revoke(access_token).await?,
        "revoke-refresh" => asked.revoke(refresh_token).await?,
        _ => return Err(Error::NotFound),
    };
    page(&call, &ui, &client, run, exchange).await?.ok()
}

/// A request with its answer, what the run has now, and what can be done with it.
pub async fn page(call: &Call, ui: &Ui, client: &Client, mut run: Run, exchange: Exchange) -> Result<View, Error> {
    if let Some(answer) = &exchange.answer {
        for (name, place) in [
            ("access_token", &mut run.access_token),
            ("refresh_token", &mut run.refresh_token),
            ("id_token", &mut run.id_token),
        ] {
            if let Some(token) = answer.get(name).and_then(Value::as_str) {
                *place = Some(token.to_owned());
            }
        }
    }
    let again = Link::new("Begin again", ui.at(&["clients", &client.id, "playground"]));
    let mut page = view(ui, client, At::Playground, None).action(again).part(exchange.section);
    if run.access_token.is_some() {
        page = page.part(buttons(call, ui, client, &run)?);
    }
    for (title, token) in [("ID token", &run.id_token), ("Access token", &run.access_token)] {
        if let Some(token) = token {
            page = page.part(decoded(ui, title, token, run.nonce.as_deref()).await?);
        }
    }
    if let Some(token) = &run.refresh_token {
        page = page.part(
            Section::new("Refresh token")
                .line("Opaque: only this server knows what it is worth. Every use replaces it, and an old one that is used again ends the grant.")
                .part(Code::new("Refresh token as it travels", token)),
        );
    }
    Ok(page)
}

/// What can be done with the tokens.
fn buttons(call: &Call, ui: &Ui, client: &Client, run: &Run) -> Result<Section, Fault> {
    let sealed = run.seal(ui, call)?;
    let press = |what: &str, label: &str| {
        let press = ui.press(ui.at(&["playground", "use"]), label);
        press.with("run", &sealed).with("do", what)
    };
    let mut row = Row::default();
    if run.id_token.is_some() {
        row = row.part(press("userinfo", "Ask userinfo"));
    }
    if !client.is_public() {
        row = row.part(press("introspect", "Introspect the access token"));
    }
    if run.refresh_token.is_some() {
        row = row.part(press("refresh", "Refresh"));
    }
    row = row.part(press("revoke-access", "Revoke the access token").danger());
    if run.refresh_token.is_some() {
        row = row.part(press("revoke-refresh", "Revoke the grant").danger());
    }
    Ok(Section::new("Use the tokens").part(row))
}

/// A token, looked into.
async fn decoded(ui: &Ui, title: &str, token: &str, nonce: Option<&str>) -> Result<Section, Error> {
    let raw = Folded::new("As it travels").part(Code::new(format!("{title} as it travels"), token));
    if token.starts_with(ACCESS_TOKEN_PREFIX) {
        return Ok(Section::new(title)
            .line("Opaque: it is sealed, and only this server can read it. Introspection says what it is worth.")
            .part(raw));
    }
    let Some(inspected) = inspect::inspect(&ui.app, token).await? else {
        return Ok(Section::new(title)
            .part(Note::bad("This is not a token that this server makes"))
            .part(raw));
    };
    let signature = if inspected.is_signed_by_us {
        Tag::new("Verified with a key of this server", Tone::Good)
    } else {
        Tag::new("Not verified", Tone::Bad)
    };
    let mut facts = Facts::default().fact("Signature", Cell::only_tag(signature));
    for (claim, term) in [("auth_time", "Signed in"), ("iat", "Issued"), ("exp", "Expires")] {
        let at = inspected.claims.get(claim).and_then(Value::as_i64);
        facts = facts.maybe(term, at.map(|at| Cell::time(at, ui.now())));
    }
    if let (Some(sent), Some(came_back)) = (nonce, inspected.claims.get("nonce")) {
        let tag = if came_back == sent {
            Tag::new("As in the request", Tone::Good)
        } else {
            Tag::new("Does not match", Tone::Bad)
        };
        facts = facts.fact("Nonce", Cell::only_tag(tag));
    }
    Ok(Section::new(title)
        .part(facts)
        .part(Code::new(format!("{title}: header"), pretty(&inspected.header)))
        .part(Code::new(format!("{title}: claims"), pretty(&inspected.claims)))
        .part(raw))
}
