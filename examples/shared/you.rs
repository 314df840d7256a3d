//! `GET /you`: what the example knows about whoever is signed in, and what their tokens are good for.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use openidconnect::core::CoreUserInfoClaims;

use super::page::{Frame, html, see_other};
use super::site::Site;

#[derive(Template)]
#[template(path = "shared/you.html", config = "examples/askama.toml")]
struct YouPage {
    frame: Frame,
    issuer: String,
    about: Vec<(&'static str, String)>,
    scope: BTreeSet<String>,
    remaining: u64,
    refreshes: u32,
}

/// The page.
pub async fn you(site: Data<Site>, request: HttpRequest) -> HttpResponse {
    let person = match site.person(&request).await {
        Ok(Some(person)) => person,
        Ok(None) => return see_other("/"),
        Err(page) => return page,
    };
    let about = match site.party.userinfo(person.access.token.clone(), &person.who.subject).await {
        Ok(claims) => shown(&claims),
        Err(problem) => {
            eprintln!("Userinfo: {problem}");
            let text = "The server that you signed in at does not want to tell who you are. The access may have been withdrawn there.";
            let ways = [("/login", "Sign in again"), ("/", "Back")];
            return site.message(StatusCode::BAD_GATEWAY, "Nothing to show", text, &ways);
        }
    };
    let page = YouPage {
        frame: site.frame(Some(&person)),
        issuer: site.party.issuer().to_owned(),
        about,
        remaining: person.access.remaining.as_secs(),
        refreshes: person.access.refreshes,
        scope: person.access.scope,
    };
    html(StatusCode::OK, &page)
}

fn shown(claims: &CoreUserInfoClaims) -> Vec<(&'static str, String)> {
    let name = claims.name().and_then(|name| name.get(None)).map(|name| name.to_string());
    let facts = [
        ("Name", name),
        ("User name", claims.preferred_username().map(|name| name.to_string())),
        ("E-mail", claims.email().map(|email| email.to_string())),
        ("Subject", Some(claims.subject().to_string())),
    ];
    facts.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}
