//! The pages that people see. They work without JavaScript, load nothing from elsewhere, and every
//! form on them proves where it came from.

pub mod account;
pub mod consent;
pub mod error;
pub mod form_post;
pub mod home;
pub mod leave;
pub mod login;
pub mod logout;
pub mod next;
pub mod select_account;
pub mod setup;

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;

use crate::app::App;
use crate::base::fault::Fault;
use crate::config::relay::Serves;
use crate::identity::form_token::{self, Form};
use crate::identity::session::SignedIn;
use crate::model::client::{Client, ClientOrigin};
use crate::protocol::redirect_uri::csp_source;

use super::call::Call;
use super::error::Error;

/// What pages may load: our own stylesheet, logo and script, nothing inline, nothing from elsewhere.
pub const CONTENT_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every page shows.
pub struct Page {
    pub(in crate::web) base: String,
    pub(in crate::web) version: &'static str,
    pub(in crate::web) issuer_host: String,
    pub(in crate::web) dev: bool,
    /// There is a front page
    pub(in crate::web) has_home: bool,
    pub(in crate::web) lang: &'static str,
}

impl Page {
    pub(in crate::web) fn new(app: &App) -> Self {
        Self {
            base: app.issuer.path().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            issuer_host: app.issuer.host(),
            dev: app.config.enable_dev_endpoints,
            has_home: app.config.serves == Serves::Everything,
            lang: "en",
        }
    }
}

/// What pages show of a client.
pub struct ClientView {
    name: String,
    logo_uri: Option<String>,
    client_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    /// Nobody has looked at it
    registered_itself: bool,
}

/// The picture of a client that an operator registered. One that nobody has looked at could show the picture of
/// another, and would learn who looks at the page. The policy of a page names the host of this picture, and of no other.
fn shown_logo(client: &Client) -> Option<&str> {
    client.logo_uri.as_deref().filter(|_| client.origin == ClientOrigin::Operator)
}

impl From<&Client> for ClientView {
    fn from(client: &Client) -> Self {
        Self {
            name: client.name.clone(),
            logo_uri: shown_logo(client).map(str::to_owned),
            client_uri: client.client_uri.clone(),
            policy_uri: client.policy_uri.clone(),
            tos_uri: client.tos_uri.clone(),
            registered_itself: client.origin == ClientOrigin::Registration,
        }
    }
}

/// The token of a form, and the cookie that it belongs to when the browser has none yet.
pub struct FormToken {
    token: String,
    cookie: Option<Cookie<'static>>,
}

impl FormToken {
    pub(in crate::web) fn new(call: &Call, form: Form, visitor: Option<&SignedIn>) -> Self {
        let (browser, cookie) = call.browser();
        let session_id = visitor.map(|visitor| visitor.session.id.as_str());
        Self {
            token: form_token::token(&call.app, form, &browser, session_id),
            cookie,
        }
    }

    /// The token.
    pub(in crate::web) fn text(&self) -> &str {
        &self.token
    }
}

pub(in crate::web) fn render(
    mut response: HttpResponseBuilder,
    template: &impl Template,
    cookie: Option<Cookie<'static>>,
) -> Result<HttpResponse, Error> {
    let html = template.render().map_err(|error| Error::Fault(Fault::internal(error)))?;
    if let Some(cookie) = cookie {
        response.cookie(cookie);
    }
    Ok(response.content_type("text/html; charset=utf-8").body(html))
}

pub(in crate::web) fn ok(template: &impl Template, cookie: Option<Cookie<'static>>) -> Result<HttpResponse, Error> {
    render(HttpResponse::Ok(), template, cookie)
}

/// A content policy as [`CONTENT_POLICY`], with further images, other scripts and other targets of forms.
fn content_policy(images: &str, scripts: &str, form_targets: &str) -> String {
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self' {images}; script-src {scripts}; form-action {form_targets}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// A page whose form may end in a redirect to the client, and which may show the client's logo.
///
/// Browsers apply `form-action` to redirects after a form, too, and to the redirects after those:
/// the client's callback often sends the person on to another host of the same application. So the
/// client's own address and any https address are allowed; scripts and inline anything are not.
pub(in crate::web) fn client_page(
    status: StatusCode,
    template: &impl Template,
    form: FormToken,
    client: Option<&Client>,
    redirect_uri: Option<&str>,
) -> Result<HttpResponse, Error> {
    let mut response = HttpResponse::build(status);
    let logo = client.and_then(shown_logo).and_then(csp_source).unwrap_or_default();
    let target = redirect_uri.and_then(csp_source).unwrap_or_default();
    let https = if redirect_uri.is_some() { "https:" } else { "" };
    let policy = content_policy(&logo, "'none'", &format!("'self' {https} {target}"));
    response.insert_header((CONTENT_SECURITY_POLICY, policy));
    render(response, template, form.cookie)
}

fn see_other(app: &App, path: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, format!("{}{path}", app.issuer.path())));
    response
}
