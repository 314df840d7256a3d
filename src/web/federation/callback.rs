//! `/callback`: where providers send people back to.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::federation::relay::receive::{self, Continuation, Kept, Reception, Unfinished};
use crate::identity::form_token::BrowserId;
use crate::identity::session::SignedIn;
use crate::protocol::error::invalid_request;
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
    /// The page of the program
    return_uri: Option<String>,
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
    // A provider sends a person here. Pictures and frames of other pages do not, whatever they are meant to achieve.
    let is = |name, expected| call.header(name).is_none_or(|value| value == expected);
    if !is("sec-fetch-mode", "navigate") || !is("sec-fetch-dest", "document") {
        return Err(RelayError::Rejected(invalid_request("this address is for people whom a provider sends back")).into());
    }
    let parameters = if call.is_post() {
        call.form().map_err(RelayError::Rejected)?
    } else {
        call.query().map_err(RelayError::Rejected)?
    };
    let visitor = call.visitor().await?;
    match receive::receive(&call.app, &parameters, visitor.as_ref()).await? {
        // A form that another site sends brings none of our cookies. It comes again, as a redirect of ours, with them.
        Reception::SignInNeeded(redirect) if call.is_post() => {
            let location = format!("{}{}", call.app.issuer.path(), resumed(&call, redirect, None)?);
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
        }
        Reception::Kept(Kept {
            return_uri: Some(location),
            ..
        }) => Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()),
        reception => show(&call, reception, visitor.as_ref()),
    }
}

/// `/callback/continue`: the same after the person has signed in.
pub async fn resume(call: Call) -> Result<HttpResponse, Error> {
    let query = call.query().map_err(RelayError::Rejected)?;
    let (browser, _) = call.browser();
    let sealed = query.require("callback").map_err(RelayError::Rejected)?;
    let continuation = Continuation::open(&call.app, sealed, &browser);
    let redirect = continuation.and_then(Continuation::redirect).ok_or(RelayError::Gone)?;
    let visitor = call.visitor().await?;
    let reception = receive::finish(&call.app, redirect, visitor.as_ref()).await?;
    show(&call, reception, visitor.as_ref())
}

fn show(call: &Call, reception: Reception, visitor: Option<&SignedIn>) -> Result<HttpResponse, Error> {
    match reception {
        Reception::Kept(kept) => done(call, kept),
        Reception::SignInNeeded(redirect) => {
            let (browser, cookie) = call.browser();
            let location = sign_in(call, "/login?", redirect, &browser)?;
            let mut response = HttpResponse::SeeOther();
            response.insert_header((LOCATION, location));
            if let Some(cookie) = cookie {
                response.cookie(cookie);
            }
            Ok(response.finish())
        }
        Reception::SomebodyElse(redirect) => somebody_else(call, redirect, visitor.ok_or(RelayError::Gone)?),
        Reception::Unknown => Err(RelayError::Gone.into()),
        Reception::UsedBefore => Err(RelayError::Used.into()),
        Reception::TooMany(seconds) => Err(RelayError::SlowDown(seconds).into()),
        Reception::Full => Err(RelayError::Full.into()),
        Reception::Refused(refusal) => Err(RelayError::Rejected(refusal).into()),
    }
}

/// The person is done here. Where the program has a page, they go on there by themselves: not by a redirect, which
/// browsers would take for one of the sign-in form, and refuse.
fn done(call: &Call, kept: Kept) -> Result<HttpResponse, Error> {
    let page = CallbackPage {
        page: Page::new(&call.app),
        program: kept.program,
        is_code: kept.is_code,
        is_denied: kept.is_denied,
        return_uri: kept.return_uri,
    };
    pages::ok(&page, None)
}

/// Where a redirect goes on, sealed.
fn resumed(call: &Call, redirect: Unfinished, browser: Option<&BrowserId>) -> Result<String, Error> {
    let continuation = Continuation::new(&call.app, redirect, browser).seal(&call.app)?;
    let too_long = || RelayError::Rejected(invalid_request("the answer is too long to be kept while somebody signs in"));
    Ok(format!("{CONTINUE}?callback={}", continuation.ok_or_else(too_long)?))
}

/// The sign-in after which a redirect goes on.
fn sign_in(call: &Call, page: &str, redirect: Unfinished, browser: &BrowserId) -> Result<String, Error> {
    let next = resumed(call, redirect, Some(browser))?;
    let next = utf8_percent_encode(&next, NON_ALPHANUMERIC);
    Ok(format!("{}{page}next={next}", call.app.issuer.path()))
}

fn somebody_else(call: &Call, redirect: Unfinished, visitor: &SignedIn) -> Result<HttpResponse, Error> {
    let (browser, cookie) = call.browser();
    let page = SomebodyElsePage {
        page: Page::new(&call.app),
        username: visitor.user.settings.username.clone(),
        sign_in: sign_in(call, "/login?prompt=login&", redirect, &browser)?,
    };
    pages::render(HttpResponse::build(StatusCode::FORBIDDEN), &page, cookie)
}
