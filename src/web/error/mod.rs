//! Errors on their way out: the only folder that knows which status code they are.

mod agentcore;
mod challenge;
mod federation;
mod problem;

pub use agentcore::AgentCoreError;
pub use federation::{RelayError, consent_required};
pub use problem::PROBLEMS;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::admin::AdminError;
use crate::app::App;
use crate::base::fault::Fault;
use crate::identity::limit::Exceeded;
use crate::protocol::error::{ErrorCode, Refusal};

use super::pages;
use super::routes::Audience;

/// What a handler can fail with.
#[derive(Debug)]
pub enum Error {
    /// The peer's fault.
    Refusal(Refusal),
    /// The peer's fault, at the authorization endpoint before anything may be redirected.
    RejectedAuthorization(Refusal),
    /// A protected resource was asked for without a token (RFC 6750 §3.1: no error code then).
    NoToken,
    /// A client wants to register without the token that it takes here.
    NoInitialToken,
    /// Our fault.
    Fault(Fault),
    /// A form that we did not serve to this browser, or long ago.
    StaleForm,
    /// An interaction that is missing or not ours.
    StaleInteraction,
    /// A page that needs our cookie, in a browser that did not send it.
    NoCookie,
    /// An interaction that cannot go on here, and where it begins anew.
    Restart(String),
    /// Nobody is signed in on a page that is for people who are; where to come back to.
    SignInNeeded(String),
    /// Nobody administers, on a route for administrators; where to come back to.
    AdministratorNeeded(String),
    /// The token of an administrator is wrong.
    WrongAdministrator,
    /// Whoever asks is known, and no administrator.
    NoAdministrator,
    /// An administrator who may only look wants to change something.
    ReadOnly,
    /// A person has to prove who they are again before something dangerous; where to come back to.
    ProofNeeded(String),
    /// Too many failures; try again after so many seconds.
    Throttled(i64),
    /// Clients cannot register themselves here.
    RegistrationOff,
    /// A client that an operator turned off wants its registration.
    ClientDisabled,
    /// Somebody else changed the registration at the same moment.
    RegistrationChanged,
    /// Somebody asks too often; try again after so many seconds.
    Limited(i64),
    /// More was registered or changed than may be; try again after so many seconds.
    TooMany(i64),
    /// A parameter of the query that this address does not know.
    UnknownParameter(String),
    /// A parameter of the query with a value that cannot be.
    InvalidParameter {
        /// Its name
        name: String,
        /// What is wrong with it
        message: String,
    },
    /// A body that is not declared as JSON.
    NotJson,
    /// A body that is not JSON.
    MalformedJson(String),
    /// What an administrator wants is not done.
    Admin(AdminError),
    /// The callback relay, or the flow of an agent.
    Relay(RelayError),
    /// The interface of AgentCore Identity.
    AgentCore(AgentCoreError),
    /// Set-up was done before.
    SetupDone,
    /// No such path.
    NotFound,
    /// Not with this method; the ones that are allowed.
    MethodNotAllowed(String),
    /// A body beyond the route's limit.
    TooLarge,
    /// A body that did not arrive.
    BrokenBody,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<Exceeded> for Error {
    fn from(exceeded: Exceeded) -> Self {
        Self::Limited(exceeded.retry_after)
    }
}

impl From<RelayError> for Error {
    fn from(error: RelayError) -> Self {
        Self::Relay(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<AdminError> for Error {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Fault(fault) => Self::Fault(fault),
            other => Self::Admin(other),
        }
    }
}

/// Everything about an answer to an error.
struct Answer {
    status: StatusCode,
    /// Registered code, for programs
    code: ErrorCode,
    /// For programs
    description: String,
    /// For people
    title: &'static str,
    /// For people: what happened
    message: String,
    /// For people: what to do next
    advice: Option<String>,
    retry_after: Option<i64>,
    /// The field or parameter at fault
    field: Option<String>,
}

impl Answer {
    fn new(status: StatusCode, code: ErrorCode, description: &str, title: &'static str, advice: Option<&str>) -> Self {
        let mut message = description.to_owned();
        if let Some(first) = message.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        message.push('.');
        Self {
            status,
            code,
            description: description.to_owned(),
            title,
            message,
            advice: advice.map(str::to_owned),
            retry_after: None,
            field: None,
        }
    }
}

/// Seconds after which trying again makes sense when the database is away.
const DATABASE_RETRY: i64 = 5;
/// What is answered to a head that is longer than it may be, before it is a request (RFC 6585 §5).
pub const HEAD_TOO_LONG: StatusCode = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
/// What is answered where there is no room for a request; later there is.
pub const NO_ROOM: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

const ASK_THE_APP: &str = "Go back to the application and try again. If it happens again, its developer has to correct it.";

#[expect(clippy::too_many_lines, reason = "a table: one entry for each error")]
fn answer(error: &Error) -> Answer {
    match error {
        Error::RejectedAuthorization(refusal) => Answer::new(
            StatusCode::BAD_REQUEST,
            refusal.code,
            &refusal.description,
            "This request cannot be answered",
            Some(ASK_THE_APP),
        ),
        Error::NoInitialToken => Answer::new(
            StatusCode::UNAUTHORIZED,
            ErrorCode::InvalidToken,
            "clients register here with an initial access token, which the operator of this server makes",
            "An initial access token is required",
            None,
        ),
        Error::NoToken => Answer::new(
            StatusCode::UNAUTHORIZED,
            ErrorCode::InvalidToken,
            "an access token is required",
            "An access token is required",
            None,
        ),
        Error::Limited(seconds)
        | Error::Refusal(Refusal {
            retry_after: Some(seconds),
            ..
        }) => Answer {
            retry_after: Some(*seconds),
            ..Answer::new(
                StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::TemporarilyUnavailable,
                "there were too many requests; try again later",
                "Too many requests",
                Some("Wait a minute, then reload this page."),
            )
        },
        Error::Refusal(refusal) => {
            let status = match refusal.code {
                ErrorCode::InvalidClient | ErrorCode::InvalidToken => StatusCode::UNAUTHORIZED,
                ErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
                _ => StatusCode::BAD_REQUEST,
            };
            Answer::new(
                status,
                refusal.code,
                &refusal.description,
                "The application made a mistake",
                Some(ASK_THE_APP),
            )
        }
        Error::Fault(Fault::Unavailable(_) | Fault::Undone(_) | Fault::Busy(_)) => Answer {
            retry_after: Some(DATABASE_RETRY),
            ..Answer::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::TemporarilyUnavailable,
                "the server is too busy or cannot reach its database",
                "Please try again in a moment",
                Some("Nothing was lost. Wait a few seconds, then reload this page."),
            )
        },
        Error::Fault(Fault::Internal(_)) => Answer::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::ServerError,
            "something went wrong on this server",
            "Something went wrong",
            Some("Try again. If it happens again, tell the operator of this server the reference below."),
        ),
        Error::StaleForm => Answer::new(
            StatusCode::FORBIDDEN,
            ErrorCode::InvalidRequest,
            "this form is too old, or was not opened in this browser",
            "Please open the page again",
            Some("Go back, reload the page and try once more. Cookies must be allowed for this site."),
        ),
        Error::StaleInteraction | Error::Restart(_) => Answer::new(
            StatusCode::BAD_REQUEST,
            ErrorCode::InvalidRequest,
            "the address of this sign-in is incomplete, or is not from this server",
            "Please start again",
            Some("Go back to the application and sign in from there."),
        ),
        Error::NoCookie => Answer::new(
            StatusCode::BAD_REQUEST,
            ErrorCode::InvalidRequest,
            "this browser did not send back the cookie of this site",
            "Cookies are needed to sign in",
            Some("Allow cookies for this site, then go back to the application and sign in from there."),
        ),
        Error::SignInNeeded(_) => Answer::new(
            StatusCode::UNAUTHORIZED,
            ErrorCode::LoginRequired,
            "nobody is signed in",
            "Please sign in",
            None,
        ),
        Error::AdministratorNeeded(_) => Answer::new(
            StatusCode::UNAUTHORIZED,
            ErrorCode::InvalidToken,
            "credentials of an administrator are missing: send the admin token as X-Admin-Token, or an access token",
            "Administrators only",
            None,
        ),
        Error::WrongAdministrator => Answer::new(
            StatusCode::UNAUTHORIZED,
            ErrorCode::InvalidToken,
            "the admin token or access token is wrong or has expired",
            "The token is wrong",
            None,
        ),
        Error::NoAdministrator => Answer::new(
            StatusCode::FORBIDDEN,
            ErrorCode::AccessDenied,
            "this is for administrators: users with the role admin or auditor, and clients with a token of their own with the scope admin:read or admin:write",
            "This is for administrators",
            Some("Sign in with another account, or with the admin token."),
        ),
        Error::ReadOnly => Answer::new(
            StatusCode::FORBIDDEN,
            ErrorCode::InsufficientScope,
            "these credentials may look at everything and change nothing",
            "You may look, but not change anything",
            Some("Ask an administrator with the role admin."),
        ),
        Error::ProofNeeded(_) => Answer::new(
            StatusCode::FORBIDDEN,
            ErrorCode::AccessDenied,
            "this needs a sign-in of the last fifteen minutes",
            "Please prove that it is you",
            Some("Sign in again, then do it once more."),
        ),
        Error::Throttled(seconds) => Answer {
            retry_after: Some(*seconds),
            ..Answer::new(
                StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::AccessDenied,
                "there were too many failed attempts",
                "Too many failed attempts",
                Some("Wait a few minutes, then try again."),
            )
        },
        Error::RegistrationOff => Answer::new(
            StatusCode::FORBIDDEN,
            ErrorCode::AccessDenied,
            "clients cannot register themselves here: ask the operator of this server to register the client",
            "Registration is off",
            None,
        ),
        Error::ClientDisabled => Answer::new(
            StatusCode::FORBIDDEN,
            ErrorCode::AccessDenied,
            "the operator of this server has turned this client off",
            "The client is turned off",
            None,
        ),
        Error::RegistrationChanged => Answer {
            retry_after: Some(1),
            ..Answer::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::TemporarilyUnavailable,
                "the registration was changed by another request at the same moment; read it again",
                "Somebody else was faster",
                None,
            )
        },
        Error::TooMany(seconds) => Answer {
            retry_after: Some(*seconds),
            ..Answer::new(
                StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::TemporarilyUnavailable,
                "there were too many registrations; try again later",
                "Too many registrations",
                None,
            )
        },
        Error::UnknownParameter(name) => Answer {
            field: Some(name.clone()),
            ..Answer::new(
                StatusCode::BAD_REQUEST,
                ErrorCode::InvalidRequest,
                "the query has a parameter that this address does not know",
                "Unknown parameter",
                None,
            )
        },
        Error::InvalidParameter { name, message } => Answer {
            field: Some(name.clone()),
            ..Answer::new(
                StatusCode::BAD_REQUEST,
                ErrorCode::InvalidRequest,
                message,
                problem::WRONG_PARAMETER,
                None,
            )
        },
        Error::NotJson => Answer::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::InvalidRequest,
            "the Content-Type must be application/json",
            "The body is not JSON",
            None,
        ),
        Error::MalformedJson(problem) => Answer::new(
            StatusCode::BAD_REQUEST,
            ErrorCode::InvalidRequest,
            &format!("the body is not JSON: {problem}"),
            "The body is not JSON",
            None,
        ),
        Error::Admin(error) => problem::of_admin_error(error),
        Error::Relay(error) => federation::answer(error),
        Error::AgentCore(error) => agentcore::answer(error),
        Error::SetupDone => Answer::new(
            StatusCode::GONE,
            ErrorCode::InvalidRequest,
            "set-up was completed before",
            "This server is set up",
            Some("If the admin token is lost, run the command gatehouse admin-token reset on the server."),
        ),
        Error::NotFound => Answer::new(
            StatusCode::NOT_FOUND,
            ErrorCode::InvalidRequest,
            "there is nothing at this address",
            "Page not found",
            Some("Check the address, or go back to the application that sent you here."),
        ),
        Error::MethodNotAllowed(_) => Answer::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::InvalidRequest,
            "this address does not take this method",
            "That does not work here",
            None,
        ),
        Error::TooLarge => Answer::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::InvalidRequest,
            "the request is too large",
            "The request is too large",
            None,
        ),
        Error::BrokenBody => Answer::new(
            StatusCode::BAD_REQUEST,
            ErrorCode::InvalidRequest,
            "the request did not arrive completely",
            "The request did not arrive",
            Some("Try again."),
        ),
    }
}

/// Renders an error for whoever reads it. Faults are logged with their cause under the request's id,
/// which is all that the peer learns of them.
#[must_use]
pub fn render(app: &App, error: &Error, audience: Audience, request_id: &str) -> HttpResponse {
    match error {
        // More than can be done at once is no fault of ours, and a flood must not look like one.
        Error::Fault(fault @ Fault::Busy(_)) => tracing::warn!(event = "busy", "{fault}"),
        // Nor is this one: the database has chosen. More room would not help.
        Error::Fault(fault @ Fault::Undone(_)) => tracing::warn!(event = "undone", "{fault}"),
        Error::Fault(fault) => tracing::error!(event = "fault", "{fault}"),
        _ => {}
    }
    if let Some(location) = elsewhere(app, error, audience) {
        return HttpResponse::SeeOther().insert_header((LOCATION, location)).finish();
    }
    let answer = answer(error);
    let mut response = HttpResponse::build(answer.status);
    if let Some(seconds) = answer.retry_after {
        response.insert_header((RETRY_AFTER, seconds.max(1).to_string()));
    }
    if let Error::MethodNotAllowed(allowed) = error {
        response.insert_header((ALLOW, allowed.clone()));
    }
    if let Some(challenge) = challenge::challenge(app, error) {
        response.insert_header((WWW_AUTHENTICATE, challenge));
    }
    // For whoever counts.
    let code = answer.code;
    let mut response = match audience {
        Audience::Operator => problem::render(response, error, answer, request_id),
        Audience::AgentCore => agentcore::render(response, error, answer, request_id),
        Audience::Program => response.json(json!({ "error": answer.code.as_str(), "error_description": answer.description })),
        Audience::Person => {
            let reference = Some(request_id.to_owned());
            pages::error::render(app, response, answer.title, answer.message, answer.advice, reference)
        }
    };
    response.extensions_mut().insert(code);
    response
}

/// The status of an error, for a page that shows its form again with a message in it.
pub fn status(error: &Error) -> StatusCode {
    answer(error).status
}

/// As [`status`], for what an administrator wants that is not done.
pub fn status_of(error: &AdminError) -> StatusCode {
    problem::of_admin_error(error).status
}

/// Where a person goes on instead of reading an error.
fn elsewhere(app: &App, error: &Error, audience: Audience) -> Option<String> {
    let base = app.issuer.path();
    let back = |path: &str| utf8_percent_encode(path, NON_ALPHANUMERIC).to_string();
    match error {
        Error::Restart(location) => Some(location.clone()),
        Error::SignInNeeded(path) if audience == Audience::Person => Some(format!("{base}/login?next={}", back(path))),
        Error::AdministratorNeeded(path) if audience == Audience::Person => Some(format!("{base}/admin/sign-in?next={}", back(path))),
        Error::ProofNeeded(path) if audience == Audience::Person => Some(format!("{base}/admin/confirm?next={}", back(path))),
        _ => None,
    }
}
