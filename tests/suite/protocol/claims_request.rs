//! The `claims` parameter.

use gatehouse::protocol::claims_request::ClaimsRequest;
use gatehouse::protocol::error::ErrorCode;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{code, is_speakable};

/// OpenID Connect Core §5.5
#[test]
fn the_example_of_the_standard() {
    let claims = ClaimsRequest::parse(
        r#"{"userinfo":{"given_name":{"essential":true},"nickname":null,"email":{"essential":true},"http://example.info/claims/groups":null},
            "id_token":{"auth_time":{"essential":true},"acr":{"values":["urn:mace:incommon:iap:silver"]},"email":null}}"#,
    )
    .unwrap();
    assert!(claims.userinfo["given_name"].essential && !claims.userinfo["nickname"].essential);
    assert!(claims.id_token["acr"].accepts("urn:mace:incommon:iap:silver"));
    assert!(!claims.id_token["acr"].accepts("urn:mace:incommon:iap:bronze"));
    assert_eq!(
        claims.names(),
        [
            "acr",
            "auth_time",
            "email",
            "given_name",
            "http://example.info/claims/groups",
            "nickname"
        ]
    );
    assert!(!claims.is_empty());
}

#[test]
fn one_value_and_several_values() {
    let claims = ClaimsRequest::parse(
        r#"{"id_token":{"sub":{"value":"ada"},"acr":{"value":"a","values":["a","b"]},"free":{},"number":{"value":7}}}"#,
    )
    .unwrap();
    let accepts = |name: &str, value: &str| claims.id_token[name].accepts(value);
    assert!(accepts("sub", "ada") && !accepts("sub", "eve"));
    assert!(accepts("acr", "a") && !accepts("acr", "b"));
    assert!(accepts("free", "anything"));
    assert!(!accepts("number", "7"));
}

#[test]
fn members_that_are_not_known_are_ignored() {
    let claims = ClaimsRequest::parse(r#"{"verified_claims":[1],"id_token":{"email":{"purpose":"why","essential":false}}}"#).unwrap();
    assert_eq!(claims.names(), ["email"]);
}

#[test]
fn nothing_asked_for() {
    for text in ["{}", r#"{"userinfo":null}"#, r#"{"userinfo":{},"id_token":{}}"#, " {} "] {
        assert!(ClaimsRequest::parse(text).unwrap().is_empty(), "{text}");
    }
}

#[test]
fn any_other_form_is_refused() {
    let long = format!(r#"{{"id_token":{{"{}":null}}}}"#, "x".repeat(8192));
    let deep = format!(r#"{{"id_token":{{"a":{{"value":{}{}}}}}}}"#, "[".repeat(2000), "]".repeat(2000));
    for text in [
        "",
        "null",
        "[]",
        "[{},{}]",
        "true",
        "\"{}\"",
        "{",
        "{}{}",
        r#"{"userinfo":[]}"#,
        r#"{"userinfo":"email"}"#,
        r#"{"userinfo":{"email":true}}"#,
        r#"{"userinfo":{"email":"x"}}"#,
        r#"{"userinfo":{"email":[]}}"#,
        r#"{"userinfo":{"email":[true,"x"]}}"#,
        r#"{"userinfo":{"email":{"essential":"yes"}}}"#,
        r#"{"userinfo":{"email":{"values":"x"}}}"#,
        long.as_str(),
        deep.as_str(),
    ] {
        assert_eq!(code(ClaimsRequest::parse(text)), Some(ErrorCode::InvalidRequest), "{text:.60}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(|text| json!(text))
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![
            Just("essential"),
            Just("value"),
            Just("values"),
            Just("userinfo"),
            Just("id_token"),
            Just("x")
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>()) {
        if let Err(refusal) = ClaimsRequest::parse(&text) {
            prop_assert_eq!(refusal.code, ErrorCode::InvalidRequest);
            prop_assert!(is_speakable(&refusal));
        }
    }

    /// A grant keeps the request as JSON and reads it again.
    #[test]
    fn any_json_is_refused_or_survives_storage(value in json_value()) {
        match ClaimsRequest::parse(&value.to_string()) {
            Ok(claims) => {
                prop_assert!(value.is_object());
                prop_assert_eq!(serde_json::from_str::<ClaimsRequest>(&claims.to_json()).ok(), Some(claims));
            }
            Err(refusal) => prop_assert_eq!(refusal.code, ErrorCode::InvalidRequest),
        }
    }
}
