//! First-time set-up: shows the admin token, once.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use secrecy::ExposeSecret;

use crate::identity::admin_token::{self, Setup};
use crate::identity::form_token::Form;
use crate::web::call::Call;
use crate::web::error::Error;

use super::{FormToken, Page, client_page, ok};

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    page: Page,
    csrf: String,
    code: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "setup_done.html")]
struct SetupDonePage {
    page: Page,
    admin_token: String,
}

/// `/setup`: GET asks for the code from the console, POST completes set-up. Opening the link alone
/// changes nothing: programs that preview links open it, too.
pub async fn setup(call: Call) -> Result<HttpResponse, Error> {
    if !admin_token::is_setup_open(&call.app).await? {
        return Err(Error::SetupDone);
    }
    if !call.is_post() {
        let code = call.query()?.get("code")?.unwrap_or_default().to_owned();
        return form(&call, code, None, StatusCode::OK);
    }
    let fields = call.own_form(Form::Setup, None)?;
    match admin_token::complete_setup(&call.app, fields.get("code")?.unwrap_or_default()).await? {
        Setup::Done(token) => ok(
            &SetupDonePage {
                page: Page::new(&call.app),
                admin_token: token.expose_secret().to_owned(),
            },
            None,
        ),
        Setup::WrongCode => {
            let error = "This is not the code on the server's console. Open the link that the server printed when it started.";
            form(&call, String::new(), Some(error.to_owned()), StatusCode::FORBIDDEN)
        }
        Setup::AlreadyDone => Err(Error::SetupDone),
    }
}

fn form(call: &Call, code: String, error: Option<String>, status: StatusCode) -> Result<HttpResponse, Error> {
    let token = FormToken::new(call, Form::Setup, None);
    let page = SetupPage {
        page: Page::new(&call.app),
        csrf: token.token.clone(),
        code,
        error,
    };
    client_page(status, &page, token, None, None)
}
