//! Errors as SDKs of AWS read them: the name in a header, and JSON with a message.

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::json;

use crate::admin::AdminError;
use crate::federation::access_keys::Unproved;
use crate::protocol::error::ErrorCode;
use crate::protocol::sigv4::Problem;

use super::{Answer, Error};

/// Where SDKs look for the name.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// What goes wrong at the interface of AgentCore Identity.
#[derive(Debug)]
pub enum AgentCoreError {
    /// It is not known who sends a request.
    Unproved(Unproved),
    /// A request without a signature that is not of a program on this machine.
    NotOnThisMachine,
    /// The client that the setting names is none that may use the vault.
    NoLocalClient,
    /// An access key that may not use the control plane.
    NoAdministrator,
    /// A field with a value that cannot be.
    Invalid {
        /// Which; empty for the whole
        field: &'static str,
        /// What is wrong with it
        message: String,
    },
    /// There is no such thing.
    NotFound(&'static str),
    /// Whoever asks may not, and why.
    Denied(&'static str),
    /// A token that is for nobody.
    Unauthorized(&'static str),
    /// What administrators are refused, too.
    Admin(AdminError),
}

impl From<AgentCoreError> for Error {
    fn from(error: AgentCoreError) -> Self {
        Self::AgentCore(error)
    }
}

impl AgentCoreError {
    /// Something that administrators do, too, was not done.
    pub fn of(error: AdminError) -> Error {
        match error {
            AdminError::Fault(fault) => Error::Fault(fault),
            other => Self::Admin(other).into(),
        }
    }

    /// Its name, which SDKs make a class of.
    fn name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unproved(Unproved::Problem(Problem::Missing)) => "MissingAuthenticationTokenException",
            Self::Unproved(Unproved::Problem(Problem::Incomplete(_))) => "IncompleteSignatureException",
            Self::Unproved(Unproved::Problem(Problem::Mismatch(_)) | Unproved::Wrong) => "InvalidSignatureException",
            Self::Unproved(Unproved::Problem(Problem::SessionToken) | Unproved::Unknown) => "UnrecognizedClientException",
            _ => return None,
        })
    }
}

/// The answer to an error of this interface.
pub(super) fn answer(error: &AgentCoreError) -> Answer {
    let answer = |status, description: &str| Answer::new(status, ErrorCode::InvalidRequest, description, "That did not work", None);
    let (forbidden, wrong) = (StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST);
    match error {
        AgentCoreError::Unproved(unproved) => match unproved {
            Unproved::Problem(Problem::Missing) => answer(forbidden, "the request is not signed"),
            Unproved::Problem(Problem::Incomplete(why)) => answer(wrong, why),
            Unproved::Problem(Problem::Mismatch(why)) | Unproved::Dead(why) => answer(forbidden, why),
            Unproved::Problem(Problem::SessionToken) => answer(forbidden, "temporary credentials are unknown here: use an access key"),
            Unproved::Unknown => answer(forbidden, "there is no such access key"),
            Unproved::TooMany(seconds) => Answer {
                retry_after: Some(*seconds),
                ..answer(StatusCode::TOO_MANY_REQUESTS, "there were too many requests; try again later")
            },
            Unproved::Wrong => answer(
                forbidden,
                "the signature does not match: is the secret right, and did anything change the request on its way?",
            ),
        },
        AgentCoreError::NotOnThisMachine => answer(forbidden, "without a signature only programs on this machine are answered"),
        AgentCoreError::NoLocalClient => answer(
            forbidden,
            "the client of the setting agentcore is unknown or disabled, or may not use the vault",
        ),
        AgentCoreError::NoAdministrator => answer(forbidden, "this access key may not administer: make one with may_administer"),
        AgentCoreError::Invalid { field, message } => Answer {
            field: Some((*field).to_owned()).filter(|field| !field.is_empty()),
            ..answer(wrong, message)
        },
        AgentCoreError::NotFound(what) => answer(StatusCode::NOT_FOUND, what),
        AgentCoreError::Denied(why) => answer(forbidden, why),
        AgentCoreError::Unauthorized(why) => answer(StatusCode::UNAUTHORIZED, why),
        AgentCoreError::Admin(error) => super::problem::of_admin_error(error),
    }
}

/// Renders an answer.
pub(super) fn render(mut response: HttpResponseBuilder, error: &Error, answer: Answer, request_id: &str) -> HttpResponse {
    let (status, name) = match answer.status {
        StatusCode::UNAUTHORIZED => (StatusCode::UNAUTHORIZED, "UnauthorizedException"),
        StatusCode::FORBIDDEN => (StatusCode::FORBIDDEN, "AccessDeniedException"),
        StatusCode::NOT_FOUND => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => (StatusCode::CONFLICT, "ConflictException"),
        StatusCode::TOO_MANY_REQUESTS => (StatusCode::TOO_MANY_REQUESTS, "ThrottlingException"),
        // SDKs try again.
        StatusCode::SERVICE_UNAVAILABLE => (StatusCode::SERVICE_UNAVAILABLE, "InternalServerException"),
        status if status.is_server_error() => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException"),
        _ => (StatusCode::BAD_REQUEST, "ValidationException"),
    };
    let own = match error {
        Error::AgentCore(error) => error.name(),
        _ => None,
    };
    let name = own.unwrap_or(name);
    let mut body = json!({ "message": answer.description });
    if name == "ValidationException" {
        let is_parsed = !matches!(error, Error::NotJson | Error::MalformedJson(_) | Error::BrokenBody);
        body["reason"] = json!(if is_parsed { "FieldValidationFailed" } else { "CannotParse" });
        if let Some(field) = answer.field {
            body["fieldList"] = json!([{ "name": field, "message": answer.description }]);
        }
    }
    response.status(status);
    response.insert_header((ERROR_TYPE, name));
    response.insert_header((REQUEST_ID, request_id));
    response.json(body)
}
