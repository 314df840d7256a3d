//! The pages at `/account`, where people see and change what is theirs.
//!
//! Whoever gets here is signed in; [`crate::web::dispatch`] has seen to that. What a page shows or changes
//! belongs to whoever is signed in, and to nobody who is merely named in the request.

pub mod activity;
pub mod applications;
pub mod connections;
mod moment;
pub mod overview;
pub mod password;
pub mod profile;
pub mod sessions;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use askama::Template;

use crate::base::clock::Seconds;
use crate::identity::form_token::Form;
use crate::identity::session::SignedIn;
use crate::model::user::{ADMIN_ROLE, AUDITOR_ROLE};
use crate::protocol::parameters::Parameters;
use crate::web::call::Call;
use crate::web::error::Error;

use super::{FormToken, Page, render, see_other};

/// The pages in the order of the menu: path and name.
const SECTIONS: [(&str, &str); 7] = [
    ("/account", "Overview"),
    ("/account/profile", "Profile"),
    ("/account/password", "Password"),
    ("/account/sessions", "Sessions"),
    ("/account/applications", "Applications"),
    ("/account/connections", "Connections"),
    ("/account/activity", "Activity"),
];

/// The menu that every page here has.
struct Menu {
    current: &'static str,
    sections: &'static [(&'static str, &'static str)],
    is_administrator: bool,
}

impl Menu {
    fn new(visitor: &SignedIn, current: &'static str) -> Self {
        Self {
            current,
            sections: &SECTIONS,
            is_administrator: [ADMIN_ROLE, AUDITOR_ROLE]
                .iter()
                .any(|role| visitor.user.roles.iter().any(|own| own == role)),
        }
    }

    fn is_current(&self, path: &str) -> bool {
        self.current == path
    }
}

/// Why a page with a form is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Showing {
    /// Somebody opened it
    First,
    /// A value is not possible
    Invalid,
    /// Somebody did not prove who they are
    Refused,
    /// Something changed meanwhile
    Conflict,
    /// There were too many failures; try again after so many seconds
    Throttled(Seconds),
}

impl Showing {
    fn status(self) -> StatusCode {
        match self {
            Self::First => StatusCode::OK,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Refused => StatusCode::FORBIDDEN,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

/// A page, perhaps one whose form is shown again.
fn page(showing: Showing, template: &impl Template, form: FormToken) -> Result<HttpResponse, Error> {
    let mut response = HttpResponse::build(showing.status());
    if let Showing::Throttled(seconds) = showing {
        response.insert_header((RETRY_AFTER, seconds.max(1).to_string()));
    }
    render(response, template, form.cookie)
}

/// The token of a form here.
fn form_token(call: &Call, visitor: &SignedIn) -> FormToken {
    FormToken::new(call, Form::Account, Some(visitor))
}

/// The fields of a form here, once it is certain that it is one of ours (CSRF).
fn fields(call: &Call) -> Result<Parameters, Error> {
    call.own_form(Form::Account, Some(call.signed_in()?))
}

/// A sentence of the engine as a sentence for people.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).chain(['.']).collect())
        .unwrap_or_default()
}
