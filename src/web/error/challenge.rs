//! What an error says about how to authenticate.

use crate::app::App;
use crate::protocol::error::ErrorCode;

use super::Error;

/// How to authenticate (RFC 6749 §5.2, RFC 6750 §3).
pub(super) fn challenge(app: &App, error: &Error) -> Option<String> {
    let realm = app.issuer.as_str();
    let refusal = match error {
        Error::Refusal(refusal) => refusal,
        Error::NoToken | Error::NoInitialToken | Error::AdministratorNeeded(_) | Error::WrongAdministrator => {
            return Some(format!("Bearer realm=\"{realm}\""));
        }
        Error::Relay(error) => return super::federation::challenge(realm, error),
        _ => return None,
    };
    match refusal.code {
        ErrorCode::InvalidClient => Some(format!("Basic realm=\"{realm}\", charset=\"UTF-8\"")),
        ErrorCode::InvalidToken => Some(format!(
            "Bearer realm=\"{realm}\", error=\"invalid_token\", error_description=\"{}\"",
            refusal.description
        )),
        ErrorCode::InsufficientScope => Some(format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\", scope=\"openid\"")),
        _ => None,
    }
}
