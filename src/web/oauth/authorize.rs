//! `/authorize`, and the way back to it from our pages.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;

use crate::app::App;
use crate::base::fault::Fault;
use crate::identity::form_token::BrowserId;
use crate::oauth::authorize::{self, AuthorizationResponse, Decision};
use crate::oauth::interaction::Interaction;
use crate::protocol::authorization_request::ResponseMode;
use crate::protocol::error::ErrorCode;

use crate::web::call::Call;
use crate::web::cookies;
use crate::web::error::Error;
use crate::web::pages;

/// `/authorize`, GET or POST (OpenID Connect Core §3.1.2.1).
pub async fn authorize(call: Call) -> Result<HttpResponse, Error> {
    let parameters = if call.is_post() {
        call.form()?.and(call.query()?)?
    } else {
        call.query()?
    };
    let visitor = call.visitor().await?;
    let (browser, cookie) = call.browser();
    let decision = authorize::begin(&call.app, &parameters, &browser, visitor.as_ref()).await?;
    let mut response = carry_out(&call.app, decision)?;
    if let Some(cookie) = cookie {
        response.add_cookie(&cookie).map_err(|error| Error::Fault(Fault::internal(error)))?;
    }
    Ok(response)
}

/// `/authorize/continue`: the person has signed in or chosen; the same request again.
pub async fn resume(call: Call) -> Result<HttpResponse, Error> {
    let interaction = opened(&call, call.query()?.get("interaction")?)?;
    let visitor = call.visitor().await?;
    let decision = authorize::resume(&call.app, interaction, visitor.as_ref(), None).await?;
    carry_out(&call.app, decision)
}

/// The interaction that a page or form carries.
///
/// # Errors
/// [`Error::StaleInteraction`] when it is missing or not ours, [`Error::Restart`] when it cannot go on here.
pub fn opened(call: &Call, sealed: Option<&str>) -> Result<Interaction, Error> {
    let interaction = sealed
        .and_then(|sealed| Interaction::open(&call.app, sealed))
        .ok_or(Error::StaleInteraction)?;
    // A browser that keeps no cookie would begin anew for ever.
    let browser = cookies::browser(call)
        .and_then(|cookie| BrowserId::parse(&cookie))
        .ok_or(Error::NoCookie)?;
    if interaction.may_go_on(&call.app, &browser) {
        return Ok(interaction);
    }
    // Too old, or of another browser: the request itself is still good, so it begins anew.
    Err(Error::Restart(format!(
        "{}/authorize?{}",
        call.app.issuer.path(),
        interaction.query
    )))
}

/// Sends the person where the engine decided.
///
/// # Errors
/// When the engine rejected the request, or sealing fails.
pub fn carry_out(app: &App, decision: Decision) -> Result<HttpResponse, Error> {
    match decision {
        Decision::Reject(refusal) => Err(Error::RejectedAuthorization(refusal)),
        Decision::Respond(response) => respond(app, &response),
        Decision::Leave(response) => {
            let mut page = pages::leave::render(app, &response)?;
            note(&response, &mut page);
            Ok(page)
        }
        Decision::SignIn { interaction, .. } => to_page(app, "/login", &interaction),
        Decision::SelectAccount { interaction, .. } => to_page(app, "/select-account", &interaction),
        // Only the page itself can say that something was shown.
        Decision::AskConsent(question) => to_page(
            app,
            "/consent",
            &Interaction {
                shown: None,
                ..question.interaction
            },
        ),
    }
}

fn to_page(app: &App, path: &str, interaction: &Interaction) -> Result<HttpResponse, Error> {
    let location = format!("{}{path}?interaction={}", app.issuer.path(), interaction.seal(app)?);
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
}

/// Hands the answer to the browser for delivery. 303, so that no browser repeats a POST with a
/// password to the client (RFC 9700 §4.12).
fn respond(app: &App, response: &AuthorizationResponse) -> Result<HttpResponse, Error> {
    let mut answer = match response.mode {
        ResponseMode::Query => HttpResponse::SeeOther().insert_header((LOCATION, response.location())).finish(),
        ResponseMode::FormPost => pages::form_post::render(app, response)?,
    };
    note(response, &mut answer);
    Ok(answer)
}

/// Says which error an answer carries to a client, for whoever counts.
fn note(response: &AuthorizationResponse, answer: &mut HttpResponse) {
    if let Some(code) = response.parameter("error").and_then(ErrorCode::parse) {
        answer.extensions_mut().insert(code);
    }
}
