//! Pages: what each of them carries, and the headers that go with them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType, HeaderName, LOCATION, REFERRER_POLICY};
use actix_web::middleware::DefaultHeaders;
use askama::Template;

/// What every page shows around its content.
pub struct Frame {
    /// The example's name
    pub site: &'static str,
    /// Who is signed in
    pub person: Option<Visitor>,
}

/// Somebody who is signed in, as pages know them.
pub struct Visitor {
    /// How to call them
    pub name: String,
    /// The token that every form carries
    pub csrf: String,
}

/// A page that says one thing and offers ways on.
#[derive(Template)]
#[template(path = "shared/message.html", config = "examples/askama.toml")]
pub struct Message {
    /// Around the content
    pub frame: Frame,
    /// What it says
    pub title: String,
    /// In a sentence or two
    pub text: String,
    /// Ways on: where to, and the words on the button. The first one is the usual one
    pub ways: Vec<(String, String)>,
}

/// Headers of every answer. Nothing is loaded from elsewhere, nothing is embedded, no script runs, and
/// no cache keeps anything.
pub fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((
            HeaderName::from_static("content-security-policy"),
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ))
        .add((HeaderName::from_static("x-content-type-options"), "nosniff"))
        .add((REFERRER_POLICY, "no-referrer"))
        .add((CACHE_CONTROL, "no-store"))
}

/// A page.
pub fn html(status: StatusCode, page: &impl Template) -> HttpResponse {
    match page.render() {
        Ok(text) => HttpResponse::build(status).content_type(ContentType::html()).body(text),
        Err(error) => {
            eprintln!("A page cannot be written: {error}");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// Sends the browser elsewhere; after a form, so that loading the page again does not send it twice.
pub fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}
