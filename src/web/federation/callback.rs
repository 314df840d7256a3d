//! `/callback`: where providers send people back to.

use actix_web::HttpResponse;
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::federation::relay::receive::{self, Continuation, Kept, Reception};
use crate::identity::form_token::BrowserId;
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::error::{Error, RelayError};
use crate::web::pages::{self, Page};

const CONTINUE: &str = "/callback/continue";

#[derive(Template)]
#[template(path = "callback.html")]
struct CallbackPage {
    page: Page,
    program: Option<String>,
    is_code: bool,
    is_denied: bool,
}

#[derive(Template)]
#[template(path = "callback_of_somebody_else.html")]
struct SomebodyElsePage {
    page: Page,
    username: String,
    /// Where somebody else signs in and goes on
    sign_in: String,
}

/// `/callback`, by redirect or by `form_post`.
pub async fn callback(call: Call) -> Result<HttpResponse, Error> {
    let parameters = if call.is_post() {
        call.form().map_err(RelayError::Rejected)?
    } else {
        call.query().map_err(RelayError::Rejected)?
    };
    let visitor = call.visitor().await?;
    match receive::receive(&call.app, &parameters, visitor.as_ref()).await? {
        // A form that another site sends brings none of our cookies. It comes again, as a redirect of ours, with them.
        Reception::SignInNeeded if call.is_post() => {
            let continuation = Continuation::new(&call.app, &parameters, None).seal(&call.app)?;
            let location = format!("{}{}", call.app.issuer.path(), resumed(&continuation));
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
        }
        reception => show(&call, &parameters, reception).await,
    }
}

/// `/callback/continue`: the same after the person has signed in.
pub async fn resume(call: Call) -> Result<HttpResponse, Error> {
    let query = call.query()?;
    let (browser, _) = call.browser();
    let sealed = query.require("callback")?;
    let continuation = Continuation::open(&call.app, sealed, &browser).ok_or(RelayError::Gone)?;
    let parameters = continuation.parameters();
    let visitor = call.visitor().await?;
    let reception = receive::receive(&call.app, &parameters, visitor.as_ref()).await?;
    show(&call, &parameters, reception).await
}

async fn show(call: &Call, parameters: &Parameters, reception: Reception) -> Result<HttpResponse, Error> {
    match reception {
        Reception::Kept(kept) => done(call, kept),
        Reception::SignInNeeded => {
            let (browser, cookie) = call.browser();
            Ok(sign_in(call, &sealed_for(call, parameters, &browser)?, cookie))
        }
        Reception::SomebodyElse => somebody_else(call, parameters).await,
        Reception::Unknown => Err(RelayError::Gone.into()),
        Reception::UsedBefore => Err(RelayError::Used.into()),
        Reception::TooMany(seconds) => Err(RelayError::SlowDown(seconds).into()),
        Reception::Full => Err(RelayError::Full.into()),
        Reception::Refused(refusal) => Err(RelayError::Rejected(refusal).into()),
    }
}

/// The person is done here: the page that says so, or the page of the program that the operator registered.
fn done(call: &Call, kept: Kept) -> Result<HttpResponse, Error> {
    if let Some(location) = kept.return_uri {
        return Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish());
    }
    let page = CallbackPage {
        page: Page::new(&call.app),
        program: kept.program,
        is_code: kept.is_code,
        is_denied: kept.is_denied,
    };
    pages::ok(&page, None)
}

fn sealed_for(call: &Call, parameters: &Parameters, browser: &BrowserId) -> Result<String, Error> {
    Ok(Continuation::new(&call.app, parameters, Some(browser)).seal(&call.app)?)
}

fn resumed(continuation: &str) -> String {
    format!("{CONTINUE}?callback={continuation}")
}

fn sign_in(call: &Call, continuation: &str, cookie: Option<Cookie<'static>>) -> HttpResponse {
    let next = utf8_percent_encode(&resumed(continuation), NON_ALPHANUMERIC).to_string();
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, format!("{}/login?next={next}", call.app.issuer.path())));
    if let Some(cookie) = cookie {
        response.cookie(cookie);
    }
    response.finish()
}

async fn somebody_else(call: &Call, parameters: &Parameters) -> Result<HttpResponse, Error> {
    let visitor = call.visitor().await?.ok_or(RelayError::Gone)?;
    let (browser, cookie) = call.browser();
    let next = resumed(&sealed_for(call, parameters, &browser)?);
    let next = utf8_percent_encode(&next, NON_ALPHANUMERIC);
    let page = SomebodyElsePage {
        page: Page::new(&call.app),
        username: visitor.user.settings.username,
        sign_in: format!("{}/login?prompt=login&next={next}", call.app.issuer.path()),
    };
    pages::render(HttpResponse::build(StatusCode::FORBIDDEN), &page, cookie)
}
