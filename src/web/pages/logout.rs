//! Signing out.

use actix_web::HttpResponse;
use askama::Template;

use crate::identity::form_token::Form;
use crate::identity::session;
use crate::web::call::Call;
use crate::web::cookies;
use crate::web::error::Error;

use super::{FormToken, Page, ok, see_other};

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutPage {
    page: Page,
    csrf: String,
    username: String,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutPage {
    page: Page,
}

/// `/logout`: GET asks, POST does.
pub async fn logout(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.visitor().await?;
    let Some(visitor) = visitor else {
        let mut response = ok(
            &SignedOutPage {
                page: Page::new(&call.app),
            },
            None,
        )?;
        if cookies::session(&call).is_some() {
            response
                .add_cookie(&cookies::clear_session(&call.app))
                .map_err(|error| Error::Fault(crate::base::fault::Fault::internal(error)))?;
        }
        return Ok(response);
    };
    if !call.is_post() {
        let token = FormToken::new(&call, Form::SignOut, Some(&visitor));
        let page = LogoutPage {
            page: Page::new(&call.app),
            csrf: token.token,
            username: visitor.user.settings.username,
        };
        return ok(&page, token.cookie);
    }
    call.own_form(Form::SignOut, Some(&visitor))?;
    if let Some(cookie) = cookies::session(&call) {
        session::sign_out(&call.app, &cookie).await?;
    }
    Ok(see_other(&call.app, "/logout").cookie(cookies::clear_session(&call.app)).finish())
}
