//! Client metadata as a client sends it (RFC 7591 §2).

use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::error::{ErrorCode, Refusal};
use gatehouse::protocol::registration::{ApplicationType, ClientMetadata};
use gatehouse::protocol::token_request::GrantType;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::is_speakable;

const CALLBACK: &str = "https://app.example/cb";

/// A body that is fine, with some of its members replaced.
fn with(changes: Value) -> Result<ClientMetadata, Refusal> {
    let mut body = json!({ "redirect_uris": [CALLBACK] });
    for (name, value) in changes.as_object().expect("an object") {
        body[name] = value.clone();
    }
    ClientMetadata::parse(body.to_string().as_bytes())
}

fn refused(changes: Value) -> (ErrorCode, String) {
    let refusal = with(changes.clone()).err().unwrap_or_else(|| panic!("{changes} is accepted"));
    assert!(is_speakable(&refusal), "{refusal:?}");
    (refusal.code, refusal.description.into_owned())
}

#[test]
fn what_is_left_out_has_the_defaults_of_the_rfc() {
    let metadata = with(json!({})).unwrap();
    assert_eq!(metadata.redirect_uris, [CALLBACK]);
    assert_eq!(metadata.auth_method, AuthMethod::ClientSecretBasic);
    assert_eq!(metadata.grant_types, [GrantType::AuthorizationCode]);
    assert_eq!(metadata.about.application_type, ApplicationType::Web);
    assert!(metadata.scope.is_none() && metadata.client_name.is_none() && metadata.jwks.is_none());
}

#[test]
fn null_empty_texts_and_empty_lists_say_nothing() {
    for nothing in [json!(null), json!("")] {
        let metadata = with(json!({
            "client_name": nothing, "client_uri": nothing, "logo_uri": nothing, "policy_uri": nothing, "tos_uri": nothing,
            "scope": nothing, "jwks_uri": nothing, "software_id": nothing, "software_version": nothing,
            "software_statement": nothing, "token_endpoint_auth_method": nothing, "application_type": nothing,
            "id_token_signed_response_alg": nothing, "subject_type": nothing,
        }))
        .unwrap();
        assert!(metadata.client_uri.is_none() && metadata.logo_uri.is_none() && metadata.scope.is_none());
        assert!(metadata.jwks_uri.is_none() && metadata.signing_algorithm.is_none());
        assert!(metadata.about.software_id.is_none());
        assert_eq!(metadata.auth_method, AuthMethod::ClientSecretBasic);
    }
    for nothing in [json!(null), json!([]), json!([null, ""])] {
        let metadata = with(json!({ "grant_types": nothing, "response_types": nothing, "contacts": nothing })).unwrap();
        assert_eq!(metadata.grant_types, [GrantType::AuthorizationCode]);
        assert!(metadata.about.contacts.is_empty());
        let (code, _) = refused(json!({ "redirect_uris": nothing }));
        assert_eq!(code, ErrorCode::InvalidRedirectUri);
    }
    for nothing in [json!(null), json!({}), json!({ "keys": [] })] {
        assert!(with(json!({ "jwks": nothing })).unwrap().jwks.is_none());
    }
    assert!(with(json!({ "client_name": "  " })).unwrap().client_name.is_none());
    assert!(with(json!({ "scope": "  " })).unwrap().scope.is_none());
}

#[test]
fn what_is_not_known_is_ignored_whatever_it_is() {
    let metadata = with(json!({
        "client_name": " App ", "client_name#ja": ["アプリ"], "request_uris": 7, "dpop": { "x": [null] }, "initiate_login_uri": false,
    }))
    .unwrap();
    assert_eq!(metadata.client_name.as_deref(), Some("App"));
}

#[test]
fn redirect_uris_are_checked_and_listed_once() {
    let metadata = with(json!({ "redirect_uris": [CALLBACK, "http://127.0.0.1/cb", CALLBACK, "com.example.app:/cb", ""] })).unwrap();
    assert_eq!(metadata.redirect_uris, [CALLBACK, "http://127.0.0.1/cb", "com.example.app:/cb"]);
    for wrong in [
        json!([CALLBACK, "http://app.example/cb"]),
        json!(["javascript:alert(1)"]),
        json!([format!("{CALLBACK}#x")]),
        json!(["not a URI"]),
        json!([7]),
        json!([[CALLBACK]]),
        json!(CALLBACK),
        json!({ "0": CALLBACK }),
        json!([format!("https://{}", "x".repeat(3000))]),
        json!((0..11).map(|number| format!("{CALLBACK}{number}")).collect::<Vec<_>>()),
    ] {
        let (code, description) = refused(json!({ "redirect_uris": wrong }));
        assert_eq!(code, ErrorCode::InvalidRedirectUri, "{wrong}");
        assert!(description.starts_with("redirect_uris"), "{description}");
    }
    assert_eq!(ClientMetadata::parse(b"{}").unwrap_err().code, ErrorCode::InvalidRedirectUri);
}

#[test]
fn of_lists_that_also_name_other_things_the_rest_remains() {
    let metadata = with(json!({
        "grant_types": ["refresh_token", "urn:ietf:params:oauth:grant-type:device_code", "authorization_code", "refresh_token", "password"],
        "response_types": ["token", "code"],
    }))
    .unwrap();
    assert_eq!(metadata.grant_types, [GrantType::RefreshToken, GrantType::AuthorizationCode]);
    assert!(
        with(json!({ "grant_types": ["implicit"] })).unwrap().grant_types.is_empty(),
        "whoever registers it says so"
    );
    assert_eq!(
        refused(json!({ "response_types": ["token", "id_token"] })).0,
        ErrorCode::InvalidClientMetadata
    );
}

#[test]
fn the_description_names_the_field_at_fault() {
    for (field, value) in [
        ("client_name", json!(7)),
        ("client_uri", json!([])),
        ("scope", json!(["openid"])),
        ("scope", json!("a\"b")),
        ("grant_types", json!("authorization_code")),
        ("response_types", json!({})),
        ("contacts", json!("me@app.example")),
        ("contacts", json!(["x".repeat(300)])),
        ("software_version", json!(2)),
        ("token_endpoint_auth_method", json!("tls")),
        ("application_type", json!("robot")),
        ("subject_type", json!("pairwise")),
        ("jwks", json!("keys")),
        ("jwks", json!({ "key": [] })),
        ("jwks", json!({ "keys": ["x"] })),
        ("jwks", json!({ "keys": [{ "kty": "EC", "d": "x" }] })),
        ("jwks", json!({ "keys": [{ "kty": "oct", "k": "x" }] })),
        ("jwks", json!({ "keys": [{ "kty": "RSA", "n": "x".repeat(20_000) }] })),
    ] {
        let (code, description) = refused(json!({ field: value }));
        assert_eq!(code, ErrorCode::InvalidClientMetadata, "{field}");
        assert!(description.starts_with(field), "{description}");
    }
    let both = refused(json!({ "jwks": { "keys": [{ "kty": "EC" }] }, "jwks_uri": "https://app.example/jwks" }));
    assert_eq!(both.0, ErrorCode::InvalidClientMetadata);
}

#[test]
fn statements_about_software_are_trusted_from_nobody() {
    assert_eq!(
        refused(json!({ "software_statement": "e30.e30.c2ln" })).0,
        ErrorCode::UnapprovedSoftwareStatement
    );
    for wrong in [
        json!("e30.e30"),
        json!("a.b.c.d"),
        json!("a..c"),
        json!("a.b.c!"),
        json!(7),
        json!({ "x": 1 }),
    ] {
        assert_eq!(
            refused(json!({ "software_statement": wrong })).0,
            ErrorCode::InvalidSoftwareStatement,
            "{wrong}"
        );
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    let deep = "[".repeat(5000);
    for body in [
        "",
        "null",
        "[]",
        "\"x\"",
        "{",
        "redirect_uris=x",
        "{\"a\":\"\\u0000\"}",
        "{\"\\u0000\":1}",
        &deep,
    ] {
        let refusal = ClientMetadata::parse(body.as_bytes()).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidClientMetadata, "{body:.20}");
    }
    assert!(ClientMetadata::parse(b"\xff\xfe").is_err());
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_and_what_is_refused_is_explained(name in "[a-z_#]{1,24}", value in any::<String>(), is_known in 0..12_usize) {
        const KNOWN: [&str; 12] = [
            "redirect_uris", "client_name", "scope", "grant_types", "response_types", "jwks", "jwks_uri", "logo_uri", "contacts",
            "software_statement", "application_type", "token_endpoint_auth_method",
        ];
        for value in [json!(value), json!([value]), json!({ value.as_str(): value }), json!({ "keys": [{ value.as_str(): value }] })] {
            for name in [name.as_str(), KNOWN[is_known]] {
                if let Err(refusal) = with(json!({ name: value })) {
                    prop_assert!(is_speakable(&refusal), "{:?}", refusal);
                }
            }
        }
        let _ = ClientMetadata::parse(name.as_bytes());
    }
}
