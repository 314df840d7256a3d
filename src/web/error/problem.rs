//! Errors as problem documents (RFC 9457), for those who use the admin API.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::admin::AdminError;
use crate::base::fault::Fault;
use crate::protocol::error::{ErrorCode, Refusal};
use crate::web::admin::api::Problem;

use super::{Answer, Error};

/// The last part of every `type`, and what it means.
pub const PROBLEMS: &[(&str, &str)] = &[
    ("bad-request", "The request cannot be understood."),
    (
        "changed-meanwhile",
        "Somebody else changed or removed it since it was read: read it again, and decide again.",
    ),
    ("conflict", "It collides with something that is there, or is still needed."),
    ("credentials-missing", "Neither an admin token nor an access token was sent."),
    ("credentials-wrong", "The admin token or access token is wrong or has expired."),
    (
        "cross-site",
        "A page of another site asked, with the cookies of somebody who is signed in here.",
    ),
    ("invalid-field", "A field of the body has a value that cannot be; field names it."),
    (
        "invalid-parameter",
        "A parameter of the query has a value that cannot be; field names it.",
    ),
    ("malformed-json", "The body is not JSON, or an object in it has a key twice."),
    (
        "method-not-allowed",
        "The address does not take this method; Allow names those that it takes.",
    ),
    ("not-an-administrator", "It is known who asks, and that is no administrator."),
    ("not-found", "There is no such thing."),
    ("not-json", "The Content-Type is not application/json."),
    ("read-only", "These credentials may look at everything and change nothing."),
    (
        "server-error",
        "Something went wrong on the server; its log has more under request_id.",
    ),
    ("sign-in-too-old", "A person must prove again who they are before this."),
    ("too-large", "The body is too large."),
    (
        "too-many-failures",
        "There were too many wrong admin tokens; Retry-After says when to try again.",
    ),
    (
        "too-many-requests",
        "There were too many requests; Retry-After says when to try again.",
    ),
    (
        "unavailable",
        "The server is too busy or cannot reach its database; Retry-After says when to try again.",
    ),
    (
        "unknown-parameter",
        "The query has a parameter that this address does not know; field names it.",
    ),
    ("version-required", "It exists: send the ETag of what was read as If-Match, or *."),
];

/// What the problem is called in `type`: stable, because programs compare it.
fn name(error: &Error) -> &'static str {
    match error {
        Error::AdministratorNeeded(_) | Error::SignInNeeded(_) | Error::NoToken => "credentials-missing",
        Error::WrongAdministrator => "credentials-wrong",
        Error::NoAdministrator => "not-an-administrator",
        Error::ReadOnly => "read-only",
        Error::ProofNeeded(_) => "sign-in-too-old",
        Error::StaleForm => "cross-site",
        Error::Throttled(_) => "too-many-failures",
        Error::Limited(_) | Error::Refusal(Refusal { retry_after: Some(_), .. }) => "too-many-requests",
        Error::UnknownParameter(_) => "unknown-parameter",
        Error::InvalidParameter { .. } | Error::Admin(AdminError::InvalidParameter { .. }) => "invalid-parameter",
        Error::NotJson => "not-json",
        Error::MalformedJson(_) => "malformed-json",
        Error::NotFound | Error::Admin(AdminError::NotFound) => "not-found",
        Error::Admin(AdminError::Invalid { .. }) => "invalid-field",
        Error::Admin(AdminError::Conflict { .. }) => "conflict",
        Error::Admin(AdminError::Changed) => "changed-meanwhile",
        Error::Admin(AdminError::VersionRequired) => "version-required",
        Error::MethodNotAllowed(_) => "method-not-allowed",
        Error::TooLarge => "too-large",
        Error::Fault(Fault::Unavailable(_) | Fault::Undone(_) | Fault::Busy(_)) => "unavailable",
        Error::Fault(Fault::Internal(_)) | Error::Admin(AdminError::Fault(_)) => "server-error",
        _ => "bad-request",
    }
}

/// The answer to what an administrator wants that is not done.
pub(super) fn of_admin_error(error: &AdminError) -> Answer {
    let answer = |status, description: &str, title| Answer::new(status, ErrorCode::InvalidRequest, description, title, None);
    match error {
        AdminError::Invalid { field, message } => Answer {
            field: Some(field.clone()).filter(|field| !field.is_empty() && field != "."),
            ..answer(StatusCode::UNPROCESSABLE_ENTITY, message, "A value is not possible")
        },
        // What stands in the address is part of a malformed request, not of a well-formed one that asks too much.
        AdminError::InvalidParameter { name, message } => Answer {
            field: Some((*name).to_owned()),
            ..answer(StatusCode::BAD_REQUEST, message, WRONG_PARAMETER)
        },
        AdminError::NotFound => answer(
            StatusCode::NOT_FOUND,
            "there is no such thing; perhaps somebody removed it",
            "Not found",
        ),
        AdminError::Conflict { field, message } => Answer {
            field: field.map(str::to_owned),
            ..answer(StatusCode::CONFLICT, message, "That is not possible now")
        },
        AdminError::Changed => answer(
            StatusCode::PRECONDITION_FAILED,
            "somebody else changed or removed it since you read it; read it again, and decide again",
            "Somebody else was faster",
        ),
        AdminError::VersionRequired => answer(
            StatusCode::PRECONDITION_REQUIRED,
            "it exists: send the ETag of what you have read as If-Match, or If-Match: * to replace whatever is there",
            "Say which version is to be replaced",
        ),
        AdminError::Fault(_) => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            "something went wrong on this server",
            "Something went wrong",
        ),
    }
}

/// The title of `invalid-parameter`.
pub(super) const WRONG_PARAMETER: &str = "A parameter is not possible";

/// The problem document.
pub(super) fn render(mut response: HttpResponseBuilder, error: &Error, answer: Answer, request_id: &str) -> HttpResponse {
    let problem = Problem {
        kind: format!("urn:gatehouse:problem:{}", name(error)),
        title: match error {
            // Its own title is for people whom an application has sent.
            Error::Refusal(Refusal { retry_after: None, .. }) => "The request cannot be understood",
            _ => answer.title,
        }
        .to_owned(),
        status: answer.status.as_u16(),
        detail: answer.description,
        field: answer.field,
        request_id: request_id.to_owned(),
    };
    let body = serde_json::to_string(&problem).unwrap_or_default();
    response.content_type("application/problem+json").body(body)
}
