//! `/account`: who one is here, and what else there is.

use actix_web::HttpResponse;
use askama::Template;

use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::pages::ok;

use super::{Menu, Page};

#[derive(Template)]
#[template(path = "account/overview.html")]
struct OverviewPage {
    page: Page,
    menu: Menu,
    name: String,
    username: String,
    email: Option<String>,
    email_verified: bool,
}

/// `GET /account`.
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let page = OverviewPage {
        page: Page::new(&call.app),
        menu: Menu::new(visitor, "/account"),
        name: visitor.user.display_name().to_owned(),
        username: visitor.user.username.clone(),
        email: visitor.user.email.clone(),
        email_verified: visitor.user.email_verified,
    };
    ok(&page, None)
}
