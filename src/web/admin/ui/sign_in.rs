//! Signing in to the administration, proving it once more, and signing out.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, RETRY_AFTER};
use askama::Template;

use super::menu::Section;
use super::view::field::{Field, Kind};
use super::view::page::{Shell, Ui, encoded, html, safe_path, text};
use super::view::parts::{Link, Note};
use crate::admin::access::Administrator;
use crate::app::App;
use crate::base::fault::Fault;
use crate::identity::form_token::{self, Form};
use crate::identity::operator::{self, Outcome};
use crate::identity::session;
use crate::model::event::Actor;
use crate::protocol::parameters::Parameters;
use crate::web::admin::administrator_if_any;
use crate::web::call::Call;
use crate::web::cookies;
use crate::web::error::{self, Error};

#[derive(Template)]
#[template(path = "admin/sign_in.html")]
struct SignInPage {
    page: Shell,
    next: String,
    login: String,
    error: Option<String>,
    is_stranger: bool,
    is_signed_out: bool,
}

fn next_of(parameters: &Parameters) -> String {
    safe_path(text(parameters, "next"))
}

/// Leads a browser on, below the issuer.
fn go(app: &App, path: &str) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, format!("{}{path}", app.issuer.path())));
    response.finish()
}

/// `/admin/sign-in`
pub async fn sign_in(call: Call) -> Result<HttpResponse, Error> {
    if call.is_post() {
        return attempt(call).await;
    }
    let query = call.query()?;
    let next = next_of(&query);
    let is_stranger = match administrator_if_any(&call).await {
        Ok(_) => return Ok(go(&call.app, &next)),
        Err(Error::NoAdministrator) => true,
        Err(Error::AdministratorNeeded(_)) => false,
        Err(other) => return Err(other),
    };
    form(&call, next, None, StatusCode::OK, is_stranger, text(&query, "done") == "signed-out")
}

fn form(
    call: &Call,
    next: String,
    error: Option<String>,
    status: StatusCode,
    is_stranger: bool,
    is_signed_out: bool,
) -> Result<HttpResponse, Error> {
    let (browser, cookie) = call.browser();
    let csrf = form_token::token(&call.app, Form::AdminSignIn, &browser, None);
    let page = SignInPage {
        login: format!("{}/login?next={}", call.app.issuer.path(), encoded(&next)),
        page: Shell::of_stranger(&call.app, csrf),
        next,
        error,
        is_stranger,
        is_signed_out,
    };
    html(status, &page, cookie)
}

async fn attempt(call: Call) -> Result<HttpResponse, Error> {
    let fields = call.own_form(Form::AdminSignIn, None)?;
    let next = next_of(&fields);
    match begin(&call, &fields).await? {
        Ok(cookie) => with_cookie(go(&call.app, &next), &cookie),
        Err(refused) => {
            let mut response = form(&call, next, Some(refused.message()), refused.status(), false, false)?;
            refused.slow_down(&mut response);
            Ok(response)
        }
    }
}

/// Why the admin token did not open anything.
enum Refused {
    Wrong,
    Throttled(i64),
}

impl Refused {
    fn message(&self) -> String {
        match self {
            Self::Wrong => "This is not the admin token.".to_owned(),
            Self::Throttled(seconds) => {
                let minutes = (seconds + 59) / 60;
                let unit = if minutes == 1 { "minute" } else { "minutes" };
                format!("There were too many wrong tokens. Please try again in {minutes} {unit}.")
            }
        }
    }

    fn status(&self) -> StatusCode {
        error::status(&match self {
            Self::Wrong => Error::WrongAdministrator,
            Self::Throttled(seconds) => Error::Throttled(*seconds),
        })
    }

    fn slow_down(&self, response: &mut HttpResponse) {
        if let Self::Throttled(seconds) = self {
            response.headers_mut().insert(RETRY_AFTER, (*seconds).into());
        }
    }
}

/// Begins a session with the admin token of a form; the cookie to set.
async fn begin(call: &Call, fields: &Parameters) -> Result<Result<actix_web::cookie::Cookie<'static>, Refused>, Error> {
    let replaces = cookies::admin(call);
    let token = text(fields, "admin_token");
    Ok(
        match operator::sign_in(&call.app, token, &call.origin(), replaces.as_deref()).await? {
            Outcome::Done(new) => Ok(cookies::set_admin(&call.app, new.cookie)),
            Outcome::Wrong => Err(Refused::Wrong),
            Outcome::Throttled(seconds) => Err(Refused::Throttled(seconds)),
        },
    )
}

fn with_cookie(mut response: HttpResponse, cookie: &actix_web::cookie::Cookie<'_>) -> Result<HttpResponse, Error> {
    response.add_cookie(cookie).map_err(|error| Error::Fault(Fault::internal(error)))?;
    Ok(response)
}

/// `/admin/confirm`: whoever wants to do something dangerous proves that it is still them.
pub async fn confirm(call: Call) -> Result<HttpResponse, Error> {
    let is_operator = call.administrator()?.actor == Actor::AdminToken;
    if !call.is_post() {
        let next = next_of(&call.query()?);
        return confirmation(&call, &next, is_operator, None);
    }
    let fields = call.admin_form()?;
    let next = next_of(&fields);
    if !is_operator {
        return confirmation(&call, &next, false, None);
    }
    match begin(&call, &fields).await? {
        Ok(cookie) => {
            let separator = if next.contains('?') { '&' } else { '?' };
            with_cookie(go(&call.app, &format!("{next}{separator}done=confirmed")), &cookie)
        }
        Err(refused) => confirmation(&call, &next, true, Some(&refused)),
    }
}

fn confirmation(call: &Call, next: &str, is_operator: bool, refused: Option<&Refused>) -> Result<HttpResponse, Error> {
    let ui = Ui::of(call)?;
    let view = ui
        .view(Section::Dashboard, "Prove that it is you")
        .lead("What you are about to do matters, so it needs a sign-in of the last fifteen minutes. It keeps others from using a browser that you left open.");
    if !is_operator {
        let login = format!("{}/login?prompt=login&next={}", call.app.issuer.path(), encoded(next));
        return view.part(Link::new("Sign in again", login).main()).ok();
    }
    let mut field = Field::new(Kind::Password, "admin_token", "Admin token")
        .required()
        .autocomplete("current-password");
    field.problem = refused.map(Refused::message);
    let form = ui.form(ui.at(&["confirm"]), "Continue").with("next", next).field(field);
    let view = view
        .part(form)
        .part(Note::info("").line("You come back to where you were, and do it once more there."));
    match refused {
        None => view.ok(),
        Some(refused) => {
            let mut response = view.refused(refused.status())?;
            refused.slow_down(&mut response);
            Ok(response)
        }
    }
}

/// `POST /admin/sign-out`
pub async fn sign_out(mut call: Call) -> Result<HttpResponse, Error> {
    // Also those may who may only look, whom a POST is otherwise refused.
    let who: Administrator = match administrator_if_any(&call).await {
        Ok(who) => who,
        Err(Error::AdministratorNeeded(_) | Error::NoAdministrator) => return Ok(go(&call.app, "/admin/sign-in")),
        Err(other) => return Err(other),
    };
    call.administrator = Some(who);
    call.admin_form()?;
    let mut response = go(&call.app, "/admin/sign-in?done=signed-out");
    if let Some(cookie) = cookies::admin(&call) {
        session::sign_out(&call.app, &cookie).await?;
        response = with_cookie(response, &cookies::clear_admin(&call.app))?;
    }
    if let Some(cookie) = cookies::session(&call) {
        session::sign_out(&call.app, &cookie).await?;
        response = with_cookie(response, &cookies::clear_session(&call.app))?;
    }
    Ok(response)
}
