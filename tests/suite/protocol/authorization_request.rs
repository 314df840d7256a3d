//! The authorization request.

use gatehouse::protocol::authorization_request::{
    AuthorizationRequest, MAX_NONCE, MAX_STATE, Prompt, ResponseMode, ResponseTarget, Target,
};
use gatehouse::protocol::error::ErrorCode;
use gatehouse::protocol::parameters::Parameters;
use gatehouse::protocol::pkce::CodeChallenge;
use proptest::prelude::*;

use super::{code, encoded, is_speakable, parameters};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A request that says `response_type=code` and these.
fn request(more: &[(&str, &str)]) -> Parameters {
    encoded(&[&[("response_type", "code"), ("client_id", "app")], more].concat())
}

fn parse(more: &[(&str, &str)]) -> AuthorizationRequest {
    AuthorizationRequest::parse(&request(more)).expect("a well-formed request")
}

fn refused(more: &[(&str, &str)]) -> Option<ErrorCode> {
    code(AuthorizationRequest::parse(&request(more)))
}

#[test]
fn a_full_request() {
    let parsed = parse(&[
        ("redirect_uri", "https://app.example/cb"),
        ("scope", "openid email"),
        ("state", "s t"),
        ("nonce", "n"),
        ("prompt", "login consent"),
        ("max_age", "300"),
        ("login_hint", "ada"),
        ("id_token_hint", "a.b.c"),
        ("acr_values", "urn:a  urn:b"),
        ("claims", r#"{"id_token":{"email":null}}"#),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", "https://api.example"),
        ("resource", "https://other.example"),
        ("display", "page"),
        ("ui_locales", "de"),
        ("unknown", "ignored"),
    ]);
    assert_eq!(parsed.response.state.as_deref(), Some("s t"));
    assert_eq!(parsed.response.mode, ResponseMode::Query);
    assert_eq!(parsed.scope.as_ref().map(ToString::to_string).as_deref(), Some("openid email"));
    assert!(parsed.is_openid());
    assert_eq!(parsed.nonce.as_deref(), Some("n"));
    assert_eq!(
        parsed.prompt,
        Prompt {
            none: false,
            login: true,
            consent: true,
            select_account: false
        }
    );
    assert_eq!(parsed.max_age, Some(300));
    assert_eq!(parsed.login_hint.as_deref(), Some("ada"));
    assert_eq!(parsed.id_token_hint.as_deref(), Some("a.b.c"));
    assert_eq!(parsed.acr_values, ["urn:a", "urn:b"]);
    assert_eq!(parsed.claims.names(), ["email"]);
    assert_eq!(parsed.code_challenge.as_ref().map(CodeChallenge::as_str), Some(CHALLENGE));
    assert_eq!(parsed.resource, ["https://api.example", "https://other.example"]);
}

/// MCP clients send `offline_access` and `prompt=consent` without `openid`.
#[test]
fn a_request_need_not_be_openid() {
    let parsed = parse(&[("scope", "offline_access"), ("prompt", "consent")]);
    assert!(!parsed.is_openid() && parsed.prompt.consent);
    assert_eq!(parse(&[]).scope, None);
    assert_eq!(parse(&[("scope", "")]).scope, None);
    assert!(!parse(&[("scope", "openid2 xopenid")]).is_openid());
}

#[test]
fn only_the_code_is_a_response_type() {
    for response_type in ["token", "id_token", "code id_token", "code token", "Code", "none", "code "] {
        let parameters = encoded(&[("response_type", response_type)]);
        assert_eq!(
            code(AuthorizationRequest::parse(&parameters)),
            Some(ErrorCode::UnsupportedResponseType),
            "{response_type}"
        );
    }
    assert_eq!(
        code(AuthorizationRequest::parse(&parameters("client_id=app"))),
        Some(ErrorCode::InvalidRequest)
    );
}

#[test]
fn response_modes() {
    assert_eq!(parse(&[("response_mode", "query")]).response.mode, ResponseMode::Query);
    assert_eq!(parse(&[("response_mode", "form_post")]).response.mode, ResponseMode::FormPost);
    for mode in ["fragment", "query.jwt", "QUERY", "web_message"] {
        assert_eq!(refused(&[("response_mode", mode)]), Some(ErrorCode::InvalidRequest), "{mode}");
    }
}

#[test]
fn every_malformed_part_has_its_code() {
    let long_state = "s".repeat(MAX_STATE + 1);
    let long_nonce = "n".repeat(MAX_NONCE + 1);
    for (name, value, expected) in [
        ("prompt", "none login", ErrorCode::InvalidRequest),
        ("prompt", "none consent", ErrorCode::InvalidRequest),
        ("prompt", "none select_account", ErrorCode::InvalidRequest),
        ("prompt", "create", ErrorCode::InvalidRequest),
        ("prompt", "None", ErrorCode::InvalidRequest),
        ("max_age", "-1", ErrorCode::InvalidRequest),
        ("max_age", "1.5", ErrorCode::InvalidRequest),
        ("max_age", "soon", ErrorCode::InvalidRequest),
        ("max_age", "99999999999999999999", ErrorCode::InvalidRequest),
        ("scope", "a\"b", ErrorCode::InvalidScope),
        ("state", &long_state, ErrorCode::InvalidRequest),
        ("nonce", &long_nonce, ErrorCode::InvalidRequest),
        ("claims", "nonsense", ErrorCode::InvalidRequest),
        ("code_challenge", CHALLENGE, ErrorCode::InvalidRequest),
        ("code_challenge_method", "S256", ErrorCode::InvalidRequest),
        ("request", "e30.e30.", ErrorCode::RequestNotSupported),
        ("request_uri", "https://app.example/r", ErrorCode::RequestUriNotSupported),
        ("registration", "{}", ErrorCode::RegistrationNotSupported),
    ] {
        assert_eq!(refused(&[(name, value)]), Some(expected), "{name}={value:.40}");
    }
    let plain = [("code_challenge", CHALLENGE), ("code_challenge_method", "plain")];
    assert_eq!(refused(&plain), Some(ErrorCode::InvalidRequest));
}

#[test]
fn the_longest_values_that_are_taken() {
    let (state, nonce) = ("s".repeat(MAX_STATE), "n".repeat(MAX_NONCE));
    let parsed = parse(&[
        ("state", &state),
        ("nonce", &nonce),
        ("max_age", "4294967295"),
        ("prompt", " none "),
    ]);
    assert_eq!(parsed.response.state, Some(state));
    assert_eq!(parsed.nonce, Some(nonce));
    assert_eq!(parsed.max_age, Some(4_294_967_295));
    assert!(parsed.prompt.none);
    assert_eq!(parse(&[("max_age", "0")]).max_age, Some(0));
}

/// A hint is a convenience: one that cannot be a name is no reason to fail.
#[test]
fn a_login_hint_that_is_too_long_is_dropped() {
    assert_eq!(parse(&[("login_hint", &"a".repeat(254))]).login_hint, Some("a".repeat(254)));
    assert_eq!(parse(&[("login_hint", &"a".repeat(255))]).login_hint, None);
}

#[test]
fn any_repeated_parameter_but_resource_is_refused() {
    for name in [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "x",
    ] {
        assert_eq!(refused(&[(name, "1"), (name, "1")]), Some(ErrorCode::InvalidRequest), "{name}");
    }
}

#[test]
fn the_target_is_read_before_everything_else() {
    let target = Target::parse(&parameters(
        "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=nonsense",
    ))
    .unwrap();
    assert_eq!(target.client_id, "app");
    assert_eq!(target.redirect_uri.as_deref(), Some("https://app.example/cb"));
    assert_eq!(
        Target::parse(&parameters("client_id=app&redirect_uri=")).unwrap().redirect_uri,
        None
    );
    for query in [
        "",
        "client_id=",
        "redirect_uri=https%3A%2F%2Fa",
        "client_id=a&client_id=a",
        "client_id=a&redirect_uri=b&redirect_uri=c",
    ] {
        assert_eq!(code(Target::parse(&parameters(query))), Some(ErrorCode::InvalidRequest), "{query}");
    }
}

/// The report about a wrong `state` or `response_mode` has to travel somehow.
#[test]
fn the_way_of_the_answer_is_read_leniently() {
    let read = |query: &str| ResponseTarget::parse(&parameters(query));
    assert_eq!(read("state=a&state=b&response_mode=form_post").state, None);
    assert_eq!(read("state=a&state=b&response_mode=form_post").mode, ResponseMode::FormPost);
    assert_eq!(read("state=a&response_mode=fragment"), read("state=a"));
    assert_eq!(read("state=a").state.as_deref(), Some("a"));
    assert_eq!(read(&format!("state={}", "s".repeat(MAX_STATE + 1))).state, None);
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(parameters) = Parameters::parse(&raw) {
            let _ = (Target::parse(&parameters), ResponseTarget::parse(&parameters));
            prop_assert!(AuthorizationRequest::parse(&parameters).is_err() || raw.windows(4).any(|bytes| bytes == b"code"));
        }
    }

    #[test]
    fn any_value_of_a_known_parameter_is_parsed_or_refused(
        name in proptest::sample::select(vec![
            "response_mode", "scope", "state", "nonce", "prompt", "max_age", "login_hint", "acr_values", "claims", "code_challenge", "resource",
        ]),
        value in any::<String>(),
    ) {
        let query = url::form_urlencoded::Serializer::new("response_type=code".to_owned()).append_pair(name, &value).finish();
        let Ok(parameters) = Parameters::parse(query.as_bytes()) else {
            prop_assert!(value.contains('\0'));
            return Ok(());
        };
        match AuthorizationRequest::parse(&parameters) {
            Ok(request) => prop_assert_eq!(request.response, ResponseTarget::parse(&parameters)),
            Err(refusal) => prop_assert!(is_speakable(&refusal), "{}", refusal.description),
        }
    }
}
