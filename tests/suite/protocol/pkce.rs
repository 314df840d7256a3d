//! Proof Key for Code Exchange.

use gatehouse::protocol::error::ErrorCode;
use gatehouse::protocol::pkce::{CodeChallenge, verify};
use proptest::prelude::*;

use super::code;

/// RFC 7636 appendix B
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn challenge() -> CodeChallenge {
    CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap().unwrap()
}

#[test]
fn the_example_of_the_rfc() {
    assert_eq!(CodeChallenge::of(VERIFIER).as_str(), CHALLENGE);
    assert_eq!(verify(Some(&challenge()), Some(VERIFIER)), Ok(()));
}

#[test]
fn a_request_without_pkce_has_no_challenge() {
    assert_eq!(CodeChallenge::parse(None, None), Ok(None));
}

#[test]
fn only_s256_is_a_method() {
    for method in [None, Some("plain"), Some("s256"), Some("S512"), Some("S256 ")] {
        assert_eq!(
            code(CodeChallenge::parse(Some(CHALLENGE), method)),
            Some(ErrorCode::InvalidRequest),
            "{method:?}"
        );
    }
    assert_eq!(code(CodeChallenge::parse(None, Some("S256"))), Some(ErrorCode::InvalidRequest));
}

#[test]
fn a_challenge_has_43_characters_of_base64url() {
    for challenge in [
        &CHALLENGE[1..],
        &format!("{CHALLENGE}="),
        &CHALLENGE.replace('-', "+"),
        "",
        &"ä".repeat(43),
    ] {
        assert_eq!(
            code(CodeChallenge::parse(Some(challenge), Some("S256"))),
            Some(ErrorCode::InvalidRequest),
            "{challenge}"
        );
    }
}

#[test]
fn a_wrong_or_missing_verifier_is_invalid_grant() {
    let wrong = VERIFIER.replace('d', "e");
    for verifier in [None, Some(wrong.as_str()), Some(""), Some(CHALLENGE), Some(&VERIFIER[..42])] {
        assert_eq!(
            code(verify(Some(&challenge()), verifier)),
            Some(ErrorCode::InvalidGrant),
            "{verifier:?}"
        );
    }
}

/// RFC 9700 §4.8.2: the challenge was removed on the way.
#[test]
fn a_verifier_without_a_challenge_is_a_downgrade() {
    assert_eq!(code(verify(None, Some(VERIFIER))), Some(ErrorCode::InvalidGrant));
    assert_eq!(verify(None, None), Ok(()));
}

/// RFC 7636 §4.1: 43 to 128 unreserved characters. A short verifier could be guessed.
#[test]
fn a_verifier_outside_the_grammar_is_refused_even_when_its_digest_fits() {
    for verifier in [
        "x".repeat(42),
        "x".repeat(129),
        format!("{} ", "x".repeat(50)),
        format!("{}+", "x".repeat(50)),
        "ä".repeat(30),
    ] {
        let challenge = CodeChallenge::of(&verifier);
        assert_eq!(
            code(verify(Some(&challenge), Some(&verifier))),
            Some(ErrorCode::InvalidGrant),
            "{verifier}"
        );
    }
    for verifier in ["x".repeat(43), "x".repeat(128), "-._~".repeat(20)] {
        assert_eq!(verify(Some(&CodeChallenge::of(&verifier)), Some(&verifier)), Ok(()), "{verifier}");
    }
}

proptest! {
    #[test]
    fn each_verifier_fits_its_own_challenge_only(left in "[A-Za-z0-9._~-]{43,128}", right in "[A-Za-z0-9._~-]{43,128}") {
        let challenge = CodeChallenge::of(&left);
        prop_assert_eq!(verify(Some(&challenge), Some(&left)), Ok(()));
        prop_assert_eq!(verify(Some(&challenge), Some(&right)).is_ok(), left == right);
        prop_assert_eq!(CodeChallenge::parse(Some(challenge.as_str()), Some("S256")), Ok(Some(challenge)));
    }

    #[test]
    fn any_text_is_judged(challenge in proptest::option::of(any::<String>()), method in proptest::option::of("S256|plain|\\PC*")) {
        if let Err(refusal) = CodeChallenge::parse(challenge.as_deref(), method.as_deref()) {
            prop_assert_eq!(refusal.code, ErrorCode::InvalidRequest);
        }
        prop_assert!(code(verify(Some(&CodeChallenge::of(VERIFIER)), challenge.as_deref())) == Some(ErrorCode::InvalidGrant));
    }
}
