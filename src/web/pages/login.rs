//! The sign-in page.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use askama::Template;
use secrecy::SecretString;

use crate::identity::form_token::Form;
use crate::identity::session::SignedIn;
use crate::identity::sign_in::{self, Outcome, SignIn};
use crate::model::client::Client;
use crate::oauth::authorize::{self, Decision};
use crate::oauth::interaction::Interaction;
use crate::web::call::Call;
use crate::web::cookies;
use crate::web::error::Error;
use crate::web::oauth::authorize::{carry_out, opened};

use super::next::Next;
use super::{ClientView, FormToken, Page, client_page, see_other};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    page: Page,
    csrf: String,
    interaction: String,
    next: String,
    client: Option<ClientView>,
    username: String,
    error: Option<String>,
    reauthenticate: bool,
}

/// For whom somebody signs in.
struct Purpose {
    sealed: String,
    interaction: Interaction,
    client: Arc<Client>,
    redirect_uri: String,
    login_hint: Option<String>,
}

/// Where somebody goes once signed in.
struct Way {
    /// Back to an application, if one asks
    purpose: Option<Purpose>,
    /// Or to a page of ours
    next: Next,
}

/// `/login`.
pub async fn login(call: Call) -> Result<HttpResponse, Error> {
    if call.is_post() { attempt(call).await } else { show(call).await }
}

async fn show(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.visitor().await?;
    let query = call.query()?;
    let sealed = query.get("interaction")?.map(str::to_owned);
    let next = Next::parse(query.get("next")?);
    let is_again = query.get("prompt")? == Some("login");
    let purpose = match sealed {
        Some(sealed) => match purpose(&call, &sealed, visitor.as_ref()).await? {
            Ok(purpose) => Some(purpose),
            Err(decision) => return carry_out(&call.app, decision),
        },
        None if visitor.is_some() && !is_again => return Ok(see_other(&call.app, next.path()).finish()),
        None => None,
    };
    let wants_other = purpose.as_ref().is_some_and(|purpose| purpose.interaction.wants_other);
    let username = match (&visitor, purpose.as_ref().and_then(|purpose| purpose.login_hint.clone())) {
        (_, Some(hint)) => hint,
        (Some(visitor), None) if !wants_other => visitor.user.username.clone(),
        _ => String::new(),
    };
    form(&call, visitor.as_ref(), &Way { purpose, next }, username, None, StatusCode::OK)
}

/// Asks the engine again: the page is for requests that still need somebody to sign in.
async fn purpose(call: &Call, sealed: &str, visitor: Option<&SignedIn>) -> Result<Result<Purpose, Decision>, Error> {
    let interaction = opened(call, Some(sealed))?;
    let decision = authorize::resume(&call.app, interaction, visitor, None).await?;
    Ok(match decision {
        Decision::SignIn {
            interaction,
            client,
            login_hint,
            redirect_uri,
        } => Ok(Purpose {
            sealed: sealed.to_owned(),
            interaction,
            client,
            redirect_uri,
            login_hint,
        }),
        other => Err(other),
    })
}

fn form(
    call: &Call,
    visitor: Option<&SignedIn>,
    way: &Way,
    username: String,
    error: Option<String>,
    status: StatusCode,
) -> Result<HttpResponse, Error> {
    let purpose = way.purpose.as_ref();
    let token = FormToken::new(call, Form::SignIn, visitor);
    let page = LoginPage {
        page: Page::new(&call.app),
        csrf: token.token.clone(),
        interaction: purpose.map(|purpose| purpose.sealed.clone()).unwrap_or_default(),
        next: way.next.path().to_owned(),
        client: purpose.map(|purpose| ClientView::from(purpose.client.as_ref())),
        username,
        error,
        reauthenticate: visitor.is_some() && purpose.is_none_or(|purpose| !purpose.interaction.wants_other),
    };
    let client = purpose.map(|purpose| purpose.client.as_ref());
    client_page(status, &page, token, client, purpose.map(|purpose| purpose.redirect_uri.as_str()))
}

async fn attempt(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.visitor().await?;
    let fields = call.own_form(Form::SignIn, visitor.as_ref())?;
    let username = fields.get("username")?.unwrap_or_default().to_owned();
    let password = SecretString::from(fields.get("password")?.unwrap_or_default());
    let purpose = match fields.get("interaction")? {
        Some(sealed) => match purpose(&call, sealed, visitor.as_ref()).await? {
            Ok(purpose) => Some(purpose),
            Err(decision) => return carry_out(&call.app, decision),
        },
        None => None,
    };
    let way = Way {
        purpose,
        next: Next::parse(fields.get("next")?),
    };
    let (device, replaces) = (cookies::known_device(&call), cookies::session(&call));
    let origin = call.origin();
    let attempt = SignIn {
        username: &username,
        password: &password,
        origin: &origin,
        device: device.as_deref(),
        replaces: replaces.as_deref(),
    };
    match sign_in::sign_in(&call.app, &attempt).await? {
        Outcome::Done { session, user, device } => {
            let cookie = session.cookie;
            let visitor = SignedIn {
                session: session.session,
                user: *user,
            };
            let mut response = match way.purpose {
                Some(purpose) => carry_out(
                    &call.app,
                    authorize::resume(&call.app, purpose.interaction, Some(&visitor), None).await?,
                )?,
                None => see_other(&call.app, way.next.path()).finish(),
            };
            for cookie in [cookies::set_session(&call.app, cookie), cookies::set_device(&call.app, device)] {
                response
                    .add_cookie(&cookie)
                    .map_err(|error| Error::Fault(crate::base::fault::Fault::internal(error)))?;
            }
            Ok(response)
        }
        Outcome::Wrong => {
            let message = "The username or the password is wrong.".to_owned();
            form(&call, visitor.as_ref(), &way, username, Some(message), StatusCode::UNAUTHORIZED)
        }
        Outcome::Throttled(seconds) => {
            let minutes = (seconds + 59) / 60;
            let unit = if minutes == 1 { "minute" } else { "minutes" };
            let message = format!("There were too many failed attempts. Please try again in {minutes} {unit}.");
            let mut response = form(
                &call,
                visitor.as_ref(),
                &way,
                username,
                Some(message),
                StatusCode::TOO_MANY_REQUESTS,
            )?;
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
            Ok(response)
        }
    }
}
