//! Scope as a set of tokens.

use gatehouse::protocol::error::ErrorCode;
use gatehouse::protocol::scope::{MAX_TOKEN_LENGTH, MAX_TOKENS, Scope, is_scope_token};
use proptest::prelude::*;

use super::{code, is_speakable, scope};

#[test]
fn order_is_kept_and_repetition_is_dropped() {
    let parsed = scope("  openid email  openid Email ");
    assert_eq!(parsed.to_string(), "openid email Email");
    assert_eq!(parsed.iter().count(), 3);
}

#[test]
fn an_empty_text_is_an_empty_scope() {
    assert!(scope("").is_empty());
    assert!(scope("   ").is_empty());
    assert!(!scope("a").is_empty());
}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3)
#[test]
fn characters_outside_scope_token_are_invalid_scope() {
    for text in ["a\"b", "a\\b", "a\tb", "a\nb", "ä", "a\u{a0}b", "a\0", "\u{7f}", "openid\r"] {
        assert_eq!(code(Scope::parse(text)), Some(ErrorCode::InvalidScope), "{text:?}");
    }
    assert!(Scope::parse("!#[]~ https://api.example/read:all").is_ok());
}

#[test]
fn every_ascii_character_is_judged_as_the_grammar_does() {
    for byte in 0..=255_u8 {
        let expected = byte == 0x21 || (0x23..=0x5b).contains(&byte) || (0x5d..=0x7e).contains(&byte);
        assert_eq!(is_scope_token(&char::from(byte).to_string()), expected, "{byte:#x}");
    }
    assert!(!is_scope_token(""));
}

#[test]
fn tokens_are_limited_in_length_and_number() {
    assert!(Scope::parse(&"x".repeat(MAX_TOKEN_LENGTH)).is_ok());
    assert_eq!(code(Scope::parse(&"x".repeat(MAX_TOKEN_LENGTH + 1))), Some(ErrorCode::InvalidScope));
    let tokens = |count: usize| (0..count).map(|number| format!("s{number}")).collect::<Vec<_>>().join(" ");
    assert!(Scope::parse(&tokens(MAX_TOKENS)).is_ok());
    assert_eq!(code(Scope::parse(&tokens(MAX_TOKENS + 1))), Some(ErrorCode::InvalidScope));
    assert!(Scope::parse(&"same ".repeat(MAX_TOKENS * 10)).is_ok());
}

#[test]
fn set_operations() {
    let (left, right) = (scope("a b c"), scope("c d a"));
    assert_eq!(left.intersection(&right).to_string(), "a c");
    assert_eq!(left.union(&right).to_string(), "a b c d");
    assert!(scope("c a").is_subset(&left) && !right.is_subset(&left));
    assert!(scope("").is_subset(&left));
    assert!(left.same_as(&scope("c b a")) && !left.same_as(&scope("a b")) && !scope("a b").same_as(&left));
    assert!(!left.contains("A") && !left.contains("a b"));
}

proptest! {
    #[test]
    fn anything_is_parsed_or_refused(text in any::<String>()) {
        match Scope::parse(&text) {
            Ok(parsed) => prop_assert_eq!(Scope::parse(&parsed.to_string()), Ok(parsed)),
            Err(refusal) => {
                prop_assert_eq!(refusal.code, ErrorCode::InvalidScope);
                prop_assert!(is_speakable(&refusal));
            }
        }
    }

    #[test]
    fn an_intersection_never_widens(left in "[a-f ]{0,20}", right in "[a-f ]{0,20}") {
        let (left, right) = (scope(&left), scope(&right));
        let both = left.intersection(&right);
        prop_assert!(both.is_subset(&left) && both.is_subset(&right));
        prop_assert!(both.same_as(&right.intersection(&left)));
        prop_assert!(left.is_subset(&left.union(&right)) && right.is_subset(&left.union(&right)));
    }
}
