//! Errors of the callback relay and of flows of agents.

use actix_web::http::StatusCode;

use super::Answer;
use crate::protocol::claims::RELAY;
use crate::protocol::error::{ErrorCode, Refusal};

/// What goes wrong at the callback relay, and with flows of agents.
#[derive(Debug)]
pub enum RelayError {
    /// A program does not say which one it is.
    NoProgram,
    /// A client has not the scope.
    ScopeMissing,
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
    /// A redirect that was received before.
    Used,
    /// The issuer of a user token does not say its keys now.
    IssuerUnreadable,
    /// A flow of an agent that waits for somebody else.
    FlowOfSomebodyElse,
    /// A flow of an agent that was not completed.
    FlowFailed,
}

/// How to authenticate (RFC 9110 §11.6.1: two challenges in one header; RFC 6750 §3).
pub(super) fn challenge(realm: &str, error: &RelayError) -> Option<String> {
    match error {
        RelayError::NoProgram => Some(format!("Basic realm=\"{realm}\", charset=\"UTF-8\", Bearer realm=\"{realm}\"")),
        RelayError::ScopeMissing => Some(format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\", scope=\"{RELAY}\"")),
        _ => None,
    }
}

const START_AGAIN: &str = "Close this page, go back to the program that sent you, and start again.";

/// The answer to an error of the relay.
pub(super) fn answer(error: &RelayError) -> Answer {
    let plain = |status, code, description: &str, title| Answer::new(status, code, description, title, None);
    let page = |status, description: &str, title, advice| Answer::new(status, ErrorCode::InvalidRequest, description, title, Some(advice));
    match error {
        RelayError::NoProgram => plain(
            StatusCode::UNAUTHORIZED,
            ErrorCode::InvalidClient,
            "credentials are missing: the id and secret of a client with the scope relay (Basic), an access token that it got for itself (Bearer), or X-Admin-Token; whoever collects may send X-Callback-Verifier instead",
            "Credentials are missing",
        ),
        RelayError::ScopeMissing => plain(
            StatusCode::FORBIDDEN,
            ErrorCode::InsufficientScope,
            "this is for clients that an operator gave the grant client_credentials and the scope relay, with a token for themselves",
            "The scope relay is missing",
        ),
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
                Some("Wait a few minutes, then start again in the program that sent you."),
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
        RelayError::Gone => page(
            StatusCode::GONE,
            "nobody is waiting for this answer: it took too long, or its address is incomplete",
            "This has expired",
            START_AGAIN,
        ),
    }
}
