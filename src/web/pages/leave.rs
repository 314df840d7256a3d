//! The page before an error is sent to a client that nobody vouches for: whoever made the client may have made the fault,
//! too, to lead people from here to there (RFC 9700 §4.11.2).

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use askama::Template;

use crate::app::App;
use crate::oauth::authorize::AuthorizationResponse;
use crate::protocol::authorization_request::ResponseMode;
use crate::protocol::redirect_uri::{csp_source, display_host};
use crate::web::error::Error;

use super::Page;

#[derive(Template)]
#[template(path = "leave.html")]
struct LeavePage<'r> {
    page: Page,
    response: &'r AuthorizationResponse,
    host: String,
    problem: &'r str,
    /// The address to go on to; `None` when the answer is a form
    location: Option<String>,
}

/// Asks the person whether to go on.
///
/// # Errors
/// When rendering fails.
pub fn render(app: &App, response: &AuthorizationResponse) -> Result<HttpResponse, Error> {
    let page = LeavePage {
        page: Page::new(app),
        response,
        host: display_host(&response.redirect_uri),
        problem: response.parameter("error_description").unwrap_or_default(),
        location: (response.mode == ResponseMode::Query).then(|| response.location()),
    };
    let target = match response.mode {
        ResponseMode::Query => "'none'".to_owned(),
        ResponseMode::FormPost => format!("https: {}", csp_source(&response.redirect_uri).unwrap_or_default()),
    };
    let policy = super::content_policy("", "'none'", &target);
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_SECURITY_POLICY, policy));
    super::render(answer, &page, None)
}
