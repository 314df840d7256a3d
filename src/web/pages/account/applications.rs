//! `/account/applications`: what one has let in.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::base::fault::Fault;
use crate::oauth::applications::{self, Application};
use crate::protocol::redirect_uri::csp_source;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::pages::{ClientView, content_policy, shown_logo};

use super::moment::Moment;
use super::{Menu, Page, Showing, fields, form_token, page, see_other};

#[derive(Template)]
#[template(path = "account/applications.html")]
struct ApplicationsPage {
    page: Page,
    menu: Menu,
    applications: Vec<ApplicationView>,
    is_done: bool,
}

#[derive(Template)]
#[template(path = "account/remove_application.html")]
struct RemovePage {
    page: Page,
    menu: Menu,
    csrf: String,
    application: ApplicationView,
}

/// What the pages show of an application.
struct ApplicationView {
    id: String,
    /// The id as part of a query
    query: String,
    client: ClientView,
    abilities: Vec<String>,
    since: Moment,
    used: Option<Moment>,
}

impl ApplicationView {
    fn new(application: Application, now: i64) -> Self {
        Self {
            query: utf8_percent_encode(&application.client.id, NON_ALPHANUMERIC).to_string(),
            client: ClientView::from(&application.client),
            abilities: application.abilities,
            since: Moment::new(application.since, now),
            used: application.last_used_at.map(|at| Moment::new(at, now)),
            id: application.client.id,
        }
    }
}

/// The hosts whose pictures a page shows, at most: a header has its limits.
const MAX_LOGO_HOSTS: usize = 30;

/// `GET /account/applications`.
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let is_done = call.query()?.get("done")?.is_some();
    let (token, now) = (form_token(&call, visitor), call.app.now());
    let mut all = applications::of_user(&call.app, &visitor.user.id).await?;
    let mut logos: Vec<String> = Vec::new();
    for application in &mut all {
        match shown_logo(&application.client).and_then(csp_source) {
            Some(source) if logos.contains(&source) => {}
            Some(source) if logos.len() < MAX_LOGO_HOSTS => logos.push(source),
            _ => application.client.logo_uri = None,
        }
    }
    let template = ApplicationsPage {
        page: Page::new(&call.app),
        menu: Menu::new(visitor, "/account/applications"),
        applications: all.into_iter().map(|application| ApplicationView::new(application, now)).collect(),
        is_done,
    };
    let mut response = page(Showing::First, &template, token)?;
    let policy = content_policy(&logos.join(" "), "'none'", "'self'").parse();
    let policy = policy.map_err(|error| Error::Fault(Fault::internal(error)))?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// `/account/applications/remove`: GET asks, POST does.
pub async fn remove(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let fields = if call.is_post() { fields(&call)? } else { call.query()? };
    let client_id = fields.get("client")?.unwrap_or_default();
    let application = applications::one_of_user(&call.app, &visitor.user.id, client_id).await?;
    let done = || Ok(see_other(&call.app, "/account/applications?done=removed").finish());
    // One that is not there any more is as good as removed, whoever removed it.
    let Some(application) = application else {
        return if call.is_post() { done() } else { Err(Error::NotFound) };
    };
    if call.is_post() {
        applications::withdraw(&call.app, &visitor.user.id, &application.client.id).await?;
        return done();
    }
    let token = form_token(&call, visitor);
    let template = RemovePage {
        page: Page::new(&call.app),
        menu: Menu::new(visitor, "/account/applications"),
        csrf: token.token.clone(),
        application: ApplicationView::new(application, call.app.now()),
    };
    page(Showing::First, &template, token)
}
