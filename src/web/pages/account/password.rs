//! `/account/password`: a new password.

use actix_web::HttpResponse;
use askama::Template;
use secrecy::{ExposeSecret, SecretString};

use crate::base::fault::Fault;
use crate::identity::account::MIN_PASSWORD;
use crate::identity::password::{self, Change, Outcome};
use crate::web::call::Call;
use crate::web::cookies;
use crate::web::error::Error;

use super::{Menu, Page, Showing, fields, form_token, page, see_other, sentence};

#[derive(Template)]
#[template(path = "account/password.html")]
struct PasswordPage {
    page: Page,
    menu: Menu,
    csrf: String,
    username: String,
    has_password: bool,
    least: usize,
    error: Option<String>,
    wrong: &'static str,
    is_done: bool,
}

/// What is wrong with a form that was sent: how it is shown again, the field, and the sentence.
type Problem = (Showing, &'static str, String);

/// `/account/password`.
pub async fn password(call: Call) -> Result<HttpResponse, Error> {
    if call.is_post() {
        return change(call).await;
    }
    let is_done = call.query()?.get("done")?.is_some();
    form(&call, None, is_done)
}

fn form(call: &Call, problem: Option<Problem>, is_done: bool) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let token = form_token(call, visitor);
    let (showing, wrong, error) = match problem {
        Some((showing, wrong, error)) => (showing, wrong, Some(error)),
        None => (Showing::First, "", None),
    };
    let template = PasswordPage {
        page: Page::new(&call.app),
        menu: Menu::new(visitor, "/account/password"),
        csrf: token.token.clone(),
        username: visitor.user.username.clone(),
        has_password: visitor.user.password_hash.is_some(),
        least: MIN_PASSWORD,
        error,
        wrong,
        is_done,
    };
    page(showing, &template, token)
}

async fn change(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let fields = fields(&call)?;
    let secret = |name| fields.get(name).map(|text| SecretString::from(text.unwrap_or_default()));
    let (current, new, again) = (secret("current")?, secret("new")?, secret("again")?);
    if new.expose_secret() != again.expose_secret() {
        let message = "The new password and its repetition are not the same.".to_owned();
        return form(&call, Some((Showing::Invalid, "again", message)), false);
    }
    let (origin, device) = (call.origin(), cookies::known_device(&call));
    let wanted = Change {
        current: &current,
        new: &new,
        origin: &origin,
        device: device.as_deref(),
    };
    let problem = match password::change(&call.app, visitor, &wanted).await? {
        Outcome::Done { session, device } => {
            let mut response = see_other(&call.app, "/account/password?done=changed").finish();
            for cookie in [
                cookies::set_session(&call.app, session.cookie),
                cookies::set_device(&call.app, device),
            ] {
                response.add_cookie(&cookie).map_err(|error| Error::Fault(Fault::internal(error)))?;
            }
            return Ok(response);
        }
        // The session is gone, or will do for another try.
        Outcome::Overtaken => return Err(Error::SignInNeeded("/account/password".to_owned())),
        Outcome::Unsuitable(problem) => (Showing::Invalid, "new", sentence(&problem)),
        Outcome::Wrong => (Showing::Refused, "current", "The current password is wrong.".to_owned()),
        Outcome::Throttled(seconds) => {
            let minutes = (seconds + 59) / 60;
            let unit = if minutes == 1 { "minute" } else { "minutes" };
            let message = format!("There were too many failed attempts. Please try again in {minutes} {unit}.");
            (Showing::Throttled(seconds), "current", message)
        }
    };
    form(&call, Some(problem), false)
}
