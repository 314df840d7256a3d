//! The token request.

use gatehouse::protocol::error::ErrorCode;
use gatehouse::protocol::parameters::Parameters;
use gatehouse::protocol::token_request::{GrantRequest, GrantType, TokenRequest};
use proptest::prelude::*;

use super::{code, is_speakable, parameters, scope};

fn parse(body: &str) -> TokenRequest {
    TokenRequest::parse(&parameters(body)).unwrap_or_else(|refusal| panic!("{body}: {}", refusal.description))
}

fn refused(body: &str) -> Option<ErrorCode> {
    code(TokenRequest::parse(&parameters(body)))
}

#[test]
fn a_code_with_everything() {
    let request = parse("grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Fa%2Fcb&code_verifier=v&resource=x&resource=y");
    assert_eq!(request.resource, ["x", "y"]);
    assert_eq!(request.grant.grant_type(), GrantType::AuthorizationCode);
    let expected = GrantRequest::AuthorizationCode {
        code: "c".to_owned(),
        redirect_uri: Some("https://a/cb".to_owned()),
        code_verifier: Some("v".to_owned()),
    };
    assert!(request.grant == expected);
}

/// OAuth 2.1 §4.1.3 drops `redirect_uri`.
#[test]
fn a_code_with_nothing_else() {
    let expected = GrantRequest::AuthorizationCode {
        code: "c".to_owned(),
        redirect_uri: None,
        code_verifier: None,
    };
    assert!(parse("grant_type=authorization_code&code=c&redirect_uri=&code_verifier=").grant == expected);
}

#[test]
fn a_refresh_token_with_and_without_scope() {
    for (body, expected) in [
        ("grant_type=refresh_token&refresh_token=r", None),
        ("grant_type=refresh_token&refresh_token=r&scope=", None),
        ("grant_type=refresh_token&refresh_token=r&scope=a+b", Some(scope("a b"))),
    ] {
        let expected = GrantRequest::RefreshToken {
            refresh_token: "r".to_owned(),
            scope: expected,
        };
        assert!(parse(body).grant == expected, "{body}");
    }
}

#[test]
fn client_credentials_with_scope() {
    assert!(parse("grant_type=client_credentials&scope=a").grant == GrantRequest::ClientCredentials { scope: Some(scope("a")) });
    assert!(parse("grant_type=client_credentials").grant == GrantRequest::ClientCredentials { scope: None });
}

#[test]
fn grant_types_that_we_do_not_speak() {
    for grant_type in [
        "password",
        "implicit",
        "Authorization_Code",
        "urn:ietf:params:oauth:grant-type:device_code",
        "%20",
    ] {
        assert_eq!(
            refused(&format!("grant_type={grant_type}&code=c")),
            Some(ErrorCode::UnsupportedGrantType),
            "{grant_type}"
        );
    }
}

#[test]
fn what_is_missing_or_repeated_is_invalid_request() {
    for body in [
        "",
        "grant_type=",
        "code=c",
        "grant_type=authorization_code",
        "grant_type=authorization_code&code=",
        "grant_type=refresh_token",
        "grant_type=refresh_token&refresh_token=",
        "grant_type=authorization_code&grant_type=authorization_code&code=c",
        "grant_type=authorization_code&code=c&code=d",
        "grant_type=authorization_code&code=c&x=1&x=2",
        "grant_type=password&x=1&x=2",
    ] {
        assert_eq!(refused(body), Some(ErrorCode::InvalidRequest), "{body}");
    }
}

#[test]
fn a_malformed_scope_is_invalid_scope() {
    for grant in ["refresh_token&refresh_token=r", "client_credentials"] {
        assert_eq!(
            refused(&format!("grant_type={grant}&scope=%22")),
            Some(ErrorCode::InvalidScope),
            "{grant}"
        );
    }
}

#[test]
fn every_grant_type_has_its_registered_name() {
    for grant_type in GrantType::ALL {
        assert_eq!(GrantType::parse(grant_type.as_str()), Some(grant_type));
        assert_eq!(grant_type.to_string(), grant_type.as_str());
    }
}

proptest! {
    #[test]
    fn any_body_is_parsed_or_refused(
        start in proptest::sample::select(vec!["", "grant_type=authorization_code&", "grant_type=refresh_token&", "grant_type=client_credentials&"]),
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let raw = [start.as_bytes(), &rest].concat();
        if let Err(refusal) = Parameters::parse(&raw).and_then(|body| TokenRequest::parse(&body)) {
            prop_assert!(is_speakable(&refusal), "{}", refusal.description);
        }
    }

    #[test]
    fn codes_and_verifiers_arrive_unchanged(secret in "[^\0]{1,60}", verifier in "[^\0]{1,60}") {
        let body = super::encoded(&[("grant_type", "authorization_code"), ("code", &secret), ("code_verifier", &verifier)]);
        let expected = GrantRequest::AuthorizationCode { code: secret, redirect_uri: None, code_verifier: Some(verifier) };
        prop_assert!(TokenRequest::parse(&body).is_ok_and(|request| request.grant == expected));
    }
}
