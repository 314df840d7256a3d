//! Looking at a provider before people do.

use actix_web::HttpResponse;

use super::super::view::form::sentence;
use super::super::view::page::{Ui, View};
use super::super::view::parts::{Note, Section};
use super::super::view::table::{Cell, Facts};
use super::{At, view};
use crate::admin::providers::{self as engine, FoundView, ProviderCheck};
use crate::model::provider::Provider;
use crate::protocol::provider::ClientAuth;
use crate::web::call::Call;
use crate::web::error::Error;

/// `/admin/providers/{id}/check`
pub async fn check(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let provider = engine::find(&call.app, &call.segment("id")?).await?;
    if !call.is_post() {
        return page(&ui, &provider).ok();
    }
    call.admin_form()?;
    let checked = engine::check(&call.app, &provider.id).await?;
    let page = result(page(&ui, &provider), &checked);
    match checked.found {
        Some(found) => page.part(Section::new("What was found").part(facts(found))).ok(),
        None => page.ok(),
    }
}

fn page(ui: &Ui, provider: &Provider) -> View {
    let explained = Section::new("Look at it now").line(
        "The server reads the metadata of the provider, where it has any, and looks at its settings and its secret. Nobody signs in there for it, so whether the provider knows this server, and takes its secret, shows when a person connects: try it with an account of your own.",
    );
    let form = ui.form(ui.at(&["providers", &provider.id, "check"]), "Check now");
    view(ui, provider, At::Check, None).part(explained).part(ui.answer(form))
}

fn result(page: View, checked: &ProviderCheck) -> View {
    let mut page = page;
    for warning in &checked.warnings {
        page = page.part(Note::careful("Look at this").line(sentence(warning)));
    }
    if checked.is_usable {
        return page.part(Note::good("Nothing is wrong with it, as far as can be seen from here"));
    }
    let mut note = Note::bad(match checked.problems.len() {
        1 => "There is a problem".to_owned(),
        count => format!("There are {count} problems"),
    });
    for problem in &checked.problems {
        note = note.line(sentence(problem));
    }
    page.part(note)
}

fn facts(found: FoundView) -> Facts {
    let auth = match found.client_auth {
        ClientAuth::ClientSecretBasic => "secret, in the Authorization header",
        ClientAuth::ClientSecretPost => "secret, in the body",
        ClientAuth::PrivateKeyJwt => "signed assertion",
        ClientAuth::None => "not at all: PKCE alone speaks for it",
    };
    let iss = if found.requires_iss {
        "a redirect without it is refused"
    } else {
        "compared when it is there"
    };
    let iss = if found.issuer.is_some() {
        iss
    } else {
        "not looked at: nobody knows it beforehand"
    };
    let sent: Vec<String> = found
        .authorization_parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let address = |url: Option<url::Url>, otherwise: &str| url.map_or_else(|| Cell::text(otherwise), Cell::code);
    Facts::default()
        .fact("Issuer", found.issuer.map_or_else(|| Cell::text("unknown"), Cell::code))
        .fact("iss of redirects", Cell::text(iss))
        .fact("People are sent to", Cell::code(found.authorization_endpoint))
        .fact("Codes become tokens at", Cell::code(found.token_endpoint))
        .fact(
            "Whose account it is",
            address(found.account_endpoint, "said with the tokens, or by nobody"),
        )
        .fact(
            "Tokens are taken back at",
            address(found.revocation_endpoint, "nowhere: people have to do it there themselves"),
        )
        .fact("This server proves itself by", Cell::text(auth))
        .fact("PKCE", Cell::text(if found.pkce { "yes" } else { "no" }))
        .fact(
            "Asked for always",
            if found.scope.is_empty() {
                Cell::text("nothing")
            } else {
                Cell::code(found.scope.join(" "))
            },
        )
        .maybe("Sent along", (!sent.is_empty()).then(|| Cell::code(sent.join(" "))))
}
