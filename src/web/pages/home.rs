//! The front page.

use actix_web::HttpResponse;
use askama::Template;

use crate::identity::admin_token;
use crate::identity::form_token::Form;
use crate::web::call::Call;
use crate::web::error::Error;

use super::{FormToken, Page, ok};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    page: Page,
    csrf: String,
    username: Option<String>,
    setup_open: bool,
}

/// `GET /`.
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.visitor().await?;
    let form = FormToken::new(&call, Form::SignOut, visitor.as_ref());
    let page = HomePage {
        page: Page::new(&call.app),
        csrf: form.token,
        username: visitor.map(|visitor| visitor.user.settings.username),
        setup_open: admin_token::is_setup_open(&call.app).await?,
    };
    ok(&page, form.cookie)
}
