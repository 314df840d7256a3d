//! The error page.

use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;

use crate::app::App;

use super::Page;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    page: Page,
    title: String,
    message: String,
    advice: Option<String>,
    reference: Option<String>,
}

/// Renders an error for a person.
#[must_use]
pub fn render(
    app: &App,
    mut response: HttpResponseBuilder,
    title: &str,
    message: String,
    advice: Option<String>,
    reference: Option<String>,
) -> HttpResponse {
    let page = ErrorPage {
        page: Page::new(app),
        title: title.to_owned(),
        message,
        advice,
        reference,
    };
    match page.render() {
        Ok(html) => response.content_type("text/html; charset=utf-8").body(html),
        Err(_) => response.content_type("text/plain; charset=utf-8").body(page.title),
    }
}
