//! The page of `response_mode=form_post` (OAuth 2.0 Form Post Response Mode).

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use askama::Template;

use crate::app::App;
use crate::oauth::authorize::AuthorizationResponse;
use crate::protocol::redirect_uri::csp_source;
use crate::web::error::Error;

use super::Page;

#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPostPage {
    page: Page,
    action: String,
    fields: Vec<(String, String)>,
    client_name: String,
}

/// A form that sends itself to the client; without JavaScript there is a button.
///
/// # Errors
/// When rendering fails.
pub fn render(app: &App, response: &AuthorizationResponse) -> Result<HttpResponse, Error> {
    let page = FormPostPage {
        page: Page::new(app),
        action: response.redirect_uri.clone(),
        fields: response
            .parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        client_name: response.client_name.clone(),
    };
    let target = csp_source(&response.redirect_uri).unwrap_or_default();
    let policy = super::content_policy("", "'self'", &format!("https: {target}"));
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_SECURITY_POLICY, policy));
    super::render(answer, &page, None)
}
