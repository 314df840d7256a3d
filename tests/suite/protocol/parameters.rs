//! Query strings and form bodies.

use gatehouse::protocol::error::ErrorCode;
use gatehouse::protocol::parameters::{MAX_PARAMETERS, Parameters, decode_value};
use proptest::prelude::*;

use super::{code, encoded, is_speakable, parameters};

#[test]
fn plus_and_percent_are_decoded_in_names_and_values() {
    let parameters = parameters("a+b=c+d&%61=%2B%20%C3%A4&=nameless");
    assert_eq!(parameters.get("a b"), Ok(Some("c d")));
    assert_eq!(parameters.get("a"), Ok(Some("+ ä")));
    assert_eq!(parameters.get(""), Ok(Some("nameless")));
}

#[test]
fn only_the_first_equals_sign_separates() {
    assert_eq!(parameters("state=a=b==").get("state"), Ok(Some("a=b==")));
}

#[test]
fn an_incomplete_percent_sequence_stays_as_it_is() {
    let parameters = parameters("a=100%&b=%zz&c=%4");
    assert_eq!(parameters.get("a"), Ok(Some("100%")));
    assert_eq!(parameters.get("b"), Ok(Some("%zz")));
    assert_eq!(parameters.get("c"), Ok(Some("%4")));
}

/// RFC 6749 §3.1: a parameter without a value is treated as if it was not sent.
#[test]
fn a_parameter_without_value_was_not_sent() {
    let parameters = parameters("&&scope=&state&");
    assert_eq!(parameters.get("scope"), Ok(None));
    assert_eq!(parameters.get("state"), Ok(None));
    let refusal = parameters.require("scope").unwrap_err();
    assert_eq!(refusal.code, ErrorCode::InvalidRequest);
    assert_eq!(refusal.description, "missing parameter: scope");
}

#[test]
fn a_repeated_parameter_is_refused_by_name() {
    for query in ["state=a&state=b", "state=a&state=a", "state=&state=a", "st%61te=a&state=b"] {
        let parameters = parameters(query);
        let refusal = parameters.get("state").unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidRequest, "{query}");
        assert_eq!(refusal.description, "parameter sent more than once: state", "{query}");
        assert_eq!(code(parameters.refuse_duplicates()), Some(ErrorCode::InvalidRequest), "{query}");
    }
}

#[test]
fn unknown_parameters_may_not_be_repeated_either_but_names_differ_by_case() {
    assert_eq!(code(parameters("x=1&x=2").refuse_duplicates()), Some(ErrorCode::InvalidRequest));
    assert_eq!(parameters("x=1&X=2").refuse_duplicates(), Ok(()));
}

/// RFC 8707 §2
#[test]
fn resource_may_be_repeated() {
    let parameters = parameters("resource=https%3A%2F%2Fa&x=1&resource=&resource=https%3A%2F%2Fb");
    assert_eq!(parameters.refuse_duplicates(), Ok(()));
    assert_eq!(parameters.all("resource").collect::<Vec<_>>(), ["https://a", "https://b"]);
}

#[test]
fn a_post_with_a_query_cannot_smuggle_a_second_value() {
    let both = parameters("client_id=a").and(parameters("client_id=b")).unwrap();
    assert_eq!(code(both.get("client_id")), Some(ErrorCode::InvalidRequest));
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    for raw in [&b"a=%ff"[..], b"%c3=a", b"a=%c0%80", b"a=\xff", b"a=%ed%a0%80"] {
        assert_eq!(code(Parameters::parse(raw)), Some(ErrorCode::InvalidRequest), "{raw:?}");
    }
}

#[test]
fn a_nul_is_refused_in_names_and_values() {
    for raw in [&b"a=%00"[..], b"a=b%00c", b"%00=a", b"a=\0"] {
        assert_eq!(code(Parameters::parse(raw)), Some(ErrorCode::InvalidRequest), "{raw:?}");
    }
    assert_eq!(code(decode_value("a%00")), Some(ErrorCode::InvalidRequest));
}

#[test]
fn there_is_a_most_of_parameters() {
    let query = |count: usize| (0..count).map(|number| format!("p{number}=1")).collect::<Vec<_>>().join("&");
    assert!(Parameters::parse(query(MAX_PARAMETERS).as_bytes()).is_ok());
    assert_eq!(
        code(Parameters::parse(query(MAX_PARAMETERS + 1).as_bytes())),
        Some(ErrorCode::InvalidRequest)
    );
}

#[test]
fn debug_shows_names_only() {
    let shown = format!("{:?}", parameters("client_secret=hunter2&code=ghc_abc"));
    assert!(
        shown.contains("client_secret") && !shown.contains("hunter2") && !shown.contains("ghc_abc"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn anything_is_parsed_or_refused(raw in proptest::collection::vec(any::<u8>(), 0..400), name in "[a-z]{0,3}") {
        match Parameters::parse(&raw) {
            Ok(parameters) => {
                let _ = (parameters.get(&name), parameters.all(&name).count());
                if let Err(refusal) = parameters.refuse_duplicates() {
                    prop_assert!(is_speakable(&refusal), "{}", refusal.description);
                }
                let again = Parameters::parse(parameters.to_query().as_bytes());
                prop_assert!(again == Ok(parameters));
            }
            Err(refusal) => {
                prop_assert_eq!(refusal.code, ErrorCode::InvalidRequest);
                prop_assert!(is_speakable(&refusal), "{}", refusal.description);
            }
        }
    }

    #[test]
    fn what_is_encoded_comes_back(pairs in proptest::collection::btree_map("[^\0]{0,12}", "[^\0]{1,30}", 0..20)) {
        let list: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let parameters = encoded(&list);
        for (name, value) in list {
            prop_assert_eq!(parameters.get(name), Ok(Some(value)));
        }
        prop_assert_eq!(parameters.refuse_duplicates(), Ok(()));
    }

    #[test]
    fn decode_value_undoes_form_encoding(value in "[^\0]{0,60}") {
        let raw: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        prop_assert_eq!(decode_value(&raw), Ok(value));
    }
}
