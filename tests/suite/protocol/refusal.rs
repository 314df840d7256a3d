//! Refusals speak the language of the registry.

use std::collections::BTreeSet;

use gatehouse::protocol::error::{ErrorCode, Refusal};
use proptest::prelude::*;

use super::is_speakable;

#[test]
fn codes_are_registered_names_and_differ() {
    use ErrorCode::{
        AccessDenied, AccountSelectionRequired, ConsentRequired, InsufficientScope, InvalidClient, InvalidGrant, InvalidRequest,
        InvalidScope, InvalidTarget, InvalidToken, LoginRequired, RegistrationNotSupported, RequestNotSupported, RequestUriNotSupported,
        ServerError, TemporarilyUnavailable, UnauthorizedClient, UnmetAuthenticationRequirements, UnsupportedGrantType,
        UnsupportedResponseType,
    };
    let codes = [
        (AccessDenied, "access_denied"),
        (AccountSelectionRequired, "account_selection_required"),
        (ConsentRequired, "consent_required"),
        (InsufficientScope, "insufficient_scope"),
        (InvalidClient, "invalid_client"),
        (InvalidGrant, "invalid_grant"),
        (InvalidRequest, "invalid_request"),
        (InvalidScope, "invalid_scope"),
        (InvalidTarget, "invalid_target"),
        (InvalidToken, "invalid_token"),
        (LoginRequired, "login_required"),
        (RegistrationNotSupported, "registration_not_supported"),
        (RequestNotSupported, "request_not_supported"),
        (RequestUriNotSupported, "request_uri_not_supported"),
        (ServerError, "server_error"),
        (TemporarilyUnavailable, "temporarily_unavailable"),
        (UnauthorizedClient, "unauthorized_client"),
        (UnmetAuthenticationRequirements, "unmet_authentication_requirements"),
        (UnsupportedGrantType, "unsupported_grant_type"),
        (UnsupportedResponseType, "unsupported_response_type"),
    ];
    for (code, name) in codes {
        assert_eq!((code.as_str(), code.to_string().as_str()), (name, name));
    }
    assert_eq!(
        codes.iter().map(|(code, _)| code.as_str()).collect::<BTreeSet<_>>().len(),
        codes.len()
    );
}

/// What a request contains must not break out of the JSON, the header or the page that quotes it.
#[test]
fn quoted_text_is_made_harmless() {
    let refusal = Refusal::quoting(ErrorCode::InvalidRequest, "a\"b\\c\r\nd\u{e4}");
    assert_eq!(refusal.description, "a?b?c??d?");
}

#[test]
fn the_detail_is_kept_apart() {
    let refusal = Refusal::new(ErrorCode::InvalidGrant, "no").with_detail("why");
    assert_eq!((refusal.description.as_ref(), refusal.detail.as_deref()), ("no", Some("why")));
}

proptest! {
    #[test]
    fn any_quotation_is_speakable(text in "\\PC{1,400}|[\\x00-\\xff]{1,400}") {
        prop_assert!(is_speakable(&Refusal::quoting(ErrorCode::InvalidRequest, &text)));
    }
}

/// Peers must not be able to write the log full.
#[test]
fn what_the_log_gets_is_cut() {
    let refusal = gatehouse::protocol::error::invalid_request("too long").with_detail("ä".repeat(60_000));
    assert_eq!(refusal.detail.map(|detail| detail.chars().count()), Some(200));
}
