//! Errors of the callback relay, of flows of agents and of their tokens.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;

use super::Answer;
use super::advice::wait;
use crate::federation::vault::sessions::Asked;
use crate::protocol::claims::RELAY;
use crate::protocol::error::{ErrorCode, Refusal};

/// What goes wrong at the callback relay, with flows of agents, and with tokens of workloads.
#[derive(Debug)]
pub enum RelayError {
    /// A program does not say which one it is, where clients need this scope.
    NoProgram(&'static str),
    /// A client has not this scope.
    ScopeMissing(&'static str),
    /// A client has no workload of this name.
    NoWorkload,
    /// An agent has no session of this name.
    NoSession,
    /// A provider does not answer; try again after so many seconds.
    ProviderAway(i64),
    /// A provider cannot be used as it is set up.
    ProviderUnusable,
    /// A workload that may not have what it asks for, and why.
    WorkloadDenied(&'static str),
    /// There is no callback for whoever asks.
    NoCallback,
    /// Too many requests of a program wait already.
    TooManyWaiting,
    /// The node is about to stop.
    Stopping,
    /// Too many questions in vain; try again after so many seconds.
    SlowDown(i64),
    /// The open relay keeps as many redirects as it may.
    Full,
    /// A redirect that no provider can have sent.
    Rejected(Refusal),
    /// A redirect for which nobody waits.
    Gone,
    /// Whoever comes back from a provider is not signed in any more.
    SignedOut,
    /// A redirect that was received before.
    Used,
    /// The issuer of a user token does not say its keys now.
    IssuerUnreadable,
    /// A flow of an agent that waits for somebody else.
    FlowOfSomebodyElse,
    /// A flow of an agent that was not completed.
    FlowFailed,
}

/// The answer to a token exchange for which a person must be asked first: an error with what the client needs to go on
/// (RFC 6749 §5.2 lets errors have more members).
pub fn consent_required(asked: &Asked) -> HttpResponse {
    HttpResponse::build(StatusCode::BAD_REQUEST).json(json!({
        "error": ErrorCode::ConsentRequired.as_str(),
        "error_description": "the person must be asked first: show them authorization_url",
        "authorization_url": asked.authorization_url,
        "session_uri": asked.session_uri,
        "expires_in": asked.expires_in,
    }))
}

/// How to authenticate (RFC 9110 §11.6.1: two challenges in one header; RFC 6750 §3).
pub(super) fn challenge(realm: &str, error: &RelayError) -> Option<String> {
    match error {
        RelayError::NoProgram(_) => Some(format!("Basic realm=\"{realm}\", charset=\"UTF-8\", Bearer realm=\"{realm}\"")),
        RelayError::ScopeMissing(scope) => Some(format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\", scope=\"{scope}\"")),
        _ => None,
    }
}

const START_AGAIN: &str = "Close this page, go back to the program that sent you, and start again.";

/// The answer to an error of the relay.
#[expect(clippy::too_many_lines, reason = "a table: one entry for each error")]
pub(super) fn answer(error: &RelayError) -> Answer {
    let plain = |status, code, description: &str, title| Answer::new(status, code, description, title, None);
    let page = |status, description: &str, title, advice| Answer::new(status, ErrorCode::InvalidRequest, description, title, Some(advice));
    match error {
        RelayError::NoProgram(scope) => {
            let credentials =
                format!("the id and secret of a client with the scope {scope} (Basic), an access token that it got for itself (Bearer)");
            let description = if *scope == RELAY {
                format!("credentials are missing: {credentials}, or X-Admin-Token; whoever collects may send X-Callback-Verifier instead")
            } else {
                format!("credentials are missing: {credentials}")
            };
            let code = ErrorCode::InvalidClient;
            plain(StatusCode::UNAUTHORIZED, code, &description, "Credentials are missing")
        }
        RelayError::ScopeMissing(scope) => plain(
            StatusCode::FORBIDDEN,
            ErrorCode::InsufficientScope,
            &format!(
                "this is for clients that an operator gave the grant client_credentials and the scope {scope}, with a token for themselves"
            ),
            "A scope is missing",
        ),
        RelayError::NoSession => plain(
            StatusCode::NOT_FOUND,
            ErrorCode::InvalidRequest,
            "there is no such session of this workload and person, or not any more",
            "No such session",
        ),
        RelayError::ProviderAway(seconds) => Answer {
            retry_after: Some(*seconds),
            ..Answer::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::TemporarilyUnavailable,
                "the provider does not answer, or wants to be asked less often",
                "Please try again later",
                Some("The other side does not answer at the moment. Wait a few minutes, then open the link again."),
            )
        },
        RelayError::ProviderUnusable => Answer::new(
            StatusCode::BAD_GATEWAY,
            ErrorCode::ServerError,
            "the provider cannot be used as it is set up here: its operator finds the reason in the log, or by the check of the admin API",
            "That cannot work at the moment",
            Some("Tell whoever runs this server: it is set up wrongly for that provider."),
        ),
        RelayError::NoWorkload => plain(
            StatusCode::NOT_FOUND,
            ErrorCode::InvalidRequest,
            "this client has no workload of this name: an administrator can add it",
            "No such workload",
        ),
        RelayError::WorkloadDenied(why) => plain(StatusCode::FORBIDDEN, ErrorCode::AccessDenied, why, "Not for this workload"),
        RelayError::NoCallback => plain(
            StatusCode::NOT_FOUND,
            ErrorCode::InvalidRequest,
            "there is no such callback for you: it is unknown, has expired, or was collected",
            "No such callback",
        ),
        RelayError::TooManyWaiting => Answer {
            retry_after: Some(1),
            ..plain(
                StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::TemporarilyUnavailable,
                "too many requests of this program wait already; ask without wait, or later",
                "Too many are waiting",
            )
        },
        RelayError::Stopping => Answer {
            retry_after: Some(1),
            ..plain(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::TemporarilyUnavailable,
                "this node is about to stop: ask again, another one answers",
                "Please try again",
            )
        },
        RelayError::IssuerUnreadable => Answer {
            retry_after: Some(10),
            ..plain(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::TemporarilyUnavailable,
                "the issuer of user_token cannot be asked for its keys at the moment",
                "Please try again",
            )
        },
        RelayError::SlowDown(seconds) => Answer {
            retry_after: Some(*seconds),
            ..Answer::new(
                StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::TemporarilyUnavailable,
                "there were too many requests in vain; try again later",
                "Too many requests",
                Some(&wait(*seconds, "then start again in the program that sent you")),
            )
        },
        RelayError::Full => Answer {
            retry_after: Some(60),
            ..page(
                StatusCode::SERVICE_UNAVAILABLE,
                "the relay keeps as many answers as it may",
                "Please try again later",
                "Wait a few minutes, then start again in the program that sent you.",
            )
        },
        RelayError::Rejected(refusal) => Answer::new(
            StatusCode::BAD_REQUEST,
            refusal.code,
            &refusal.description,
            "This answer cannot be used",
            Some(START_AGAIN),
        ),
        RelayError::Used => page(
            StatusCode::GONE,
            "the program that sent you has received its answer already",
            "This was done before",
            "You can close this page. If the program still waits, start again there.",
        ),
        RelayError::FlowOfSomebodyElse => page(
            StatusCode::FORBIDDEN,
            "you are signed in with another account than the one for which this was started",
            "Somebody else started this",
            "If somebody sent you the link that led here, close this page: they may have tried to use your account. If it was you, sign out, sign in with the other account, and start again.",
        ),
        RelayError::FlowFailed => page(
            StatusCode::BAD_GATEWAY,
            "whoever keeps the access for the agent did not take it",
            "That did not work",
            START_AGAIN,
        ),
        RelayError::SignedOut => page(
            StatusCode::GONE,
            "nobody is signed in here any more in this browser, so nothing was connected",
            "You are no longer signed in here",
            "Go back to the program that sent you, start again, and sign in when you are asked to. If it happens again: two servers with the same host name and different ports take each other's cookies; whoever runs them must give them different host names.",
        ),
        RelayError::Gone => page(
            StatusCode::GONE,
            "nobody is waiting for this answer: it took too long, or its address is incomplete",
            "This has expired",
            START_AGAIN,
        ),
    }
}
