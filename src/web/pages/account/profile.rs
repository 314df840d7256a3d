//! `/account/profile`: what one says about oneself.

use actix_web::HttpResponse;
use askama::Template;
use serde_json::Value;

use crate::identity::account::AccountError;
use crate::identity::profile::{self, FIELDS};
use crate::identity::session::SignedIn;
use crate::web::call::Call;
use crate::web::error::Error;

use super::{Menu, Page, Showing, fields, form_token, page, see_other, sentence};

#[derive(Template)]
#[template(path = "account/profile.html")]
struct ProfilePage {
    page: Page,
    menu: Menu,
    csrf: String,
    version: i64,
    username: String,
    email: Option<String>,
    inputs: Vec<Input>,
    error: Option<String>,
    is_done: bool,
}

/// A field of the form.
struct Input {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    hint: &'static str,
    value: String,
    is_wrong: bool,
}

impl Input {
    fn new(name: &'static str, value: String, wrong: Option<&str>) -> Self {
        let (label, kind, autocomplete, hint) = match name {
            "name" => ("Display name", "text", "name", "What apps and people see."),
            "given_name" => ("Given name", "text", "given-name", ""),
            "family_name" => ("Family name", "text", "family-name", ""),
            "nickname" => ("Nickname", "text", "nickname", ""),
            "picture" => (
                "Picture",
                "url",
                "photo",
                "The address of a picture of you, beginning with https://",
            ),
            "website" => ("Website", "url", "url", "Beginning with https://"),
            "locale" => ("Language", "text", "language", "Such as en, de-AT or zh-Hant-TW."),
            "zoneinfo" => ("Time zone", "text", "off", "Such as Europe/Vienna or America/New_York."),
            _ => (name, "text", "off", ""),
        };
        Self {
            name,
            label,
            kind,
            autocomplete,
            hint,
            value,
            is_wrong: wrong == Some(name),
        }
    }
}

/// What is wrong with a form that was sent.
struct Problem {
    showing: Showing,
    field: Option<&'static str>,
    message: String,
}

/// `/account/profile`.
pub async fn profile(call: Call) -> Result<HttpResponse, Error> {
    if call.is_post() { change(call).await } else { show(&call) }
}

fn show(call: &Call) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let is_done = call.query()?.get("done")?.is_some();
    let kept = |field: &str| {
        visitor
            .user
            .profile
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    form(call, visitor, visitor.user.version, kept, None, is_done)
}

fn form(
    call: &Call,
    visitor: &SignedIn,
    version: i64,
    value: impl Fn(&str) -> String,
    problem: Option<Problem>,
    is_done: bool,
) -> Result<HttpResponse, Error> {
    let token = form_token(call, visitor);
    let wrong = problem.as_ref().and_then(|problem| problem.field);
    let showing = problem.as_ref().map_or(Showing::First, |problem| problem.showing);
    let template = ProfilePage {
        page: Page::new(&call.app),
        menu: Menu::new(visitor, "/account/profile"),
        csrf: token.token.clone(),
        version,
        username: visitor.user.username.clone(),
        email: visitor.user.email.clone(),
        inputs: FIELDS.iter().map(|name| Input::new(name, value(name), wrong)).collect(),
        error: problem.map(|problem| problem.message),
        is_done,
    };
    page(showing, &template, token)
}

async fn change(call: Call) -> Result<HttpResponse, Error> {
    let visitor = call.signed_in()?;
    let fields = fields(&call)?;
    let version = fields.get("version")?.and_then(|version| version.parse().ok()).unwrap_or_default();
    let mut typed = Vec::with_capacity(FIELDS.len());
    for name in FIELDS {
        typed.push((name, fields.get(name)?.unwrap_or_default().to_owned()));
    }
    let value = |field: &str| {
        let found = typed.iter().find(|(name, _)| *name == field);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let (problem, version) = match profile::change(&call.app, visitor, version, value).await {
        Ok(_) => return Ok(see_other(&call.app, "/account/profile?done=saved").finish()),
        Err(AccountError::Fault(fault)) => return Err(fault.into()),
        Err(AccountError::Invalid(invalid)) => {
            let problem = Problem {
                showing: Showing::Invalid,
                field: Some(invalid.field),
                message: sentence(&invalid.message),
            };
            (problem, version)
        }
        // Sent once more, it replaces what somebody else wrote: the person has been told.
        Err(AccountError::Changed | AccountError::Taken(_)) => {
            let problem = Problem {
                showing: Showing::Conflict,
                field: None,
                message: "Your account was changed somewhere else while you were typing. Nothing was saved yet. \
                          Look at your entries, then save them again, or open this page anew to see the others."
                    .to_owned(),
            };
            (problem, visitor.user.version)
        }
    };
    form(&call, visitor, version, value, Some(problem), false)
}
