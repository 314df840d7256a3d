//! Codes and refresh tokens as text.

use gatehouse::base::digest::MacKey;
use gatehouse::protocol::tokens::{
    ACCESS_TOKEN_PREFIX, AuthorizationCode, CODE_PREFIX, REFRESH_TOKEN_PREFIX, RefreshToken, WORKLOAD_TOKEN_PREFIX,
};
use proptest::prelude::*;

const GRANT: &str = "0198c0ffee0070008000000000000001";

fn mac(key: u8) -> impl Fn(&[u8; 16], u32) -> [u8; 32] {
    let key = MacKey::new(&[key; 32]);
    move |grant, generation| key.mac(&[grant, &generation.to_be_bytes()])
}

fn key(number: u8) -> MacKey {
    MacKey::new(&[number; 32])
}

fn code(secret: [u8; 24]) -> AuthorizationCode {
    AuthorizationCode::new(GRANT, secret, &key(1)).unwrap()
}

fn refresh_token(generation: u32) -> RefreshToken {
    RefreshToken::new(GRANT, generation, mac(1)).unwrap()
}

/// Secret scanners look for these, and deployed tokens carry them: they never change.
#[test]
fn the_prefixes() {
    assert_eq!(
        [CODE_PREFIX, REFRESH_TOKEN_PREFIX, ACCESS_TOKEN_PREFIX, WORKLOAD_TOKEN_PREFIX],
        ["ghc_", "ghr_", "gha_", "ghw_"]
    );
    assert!(code([7; 24]).to_text().starts_with("ghc_"));
    assert!(refresh_token(1).to_text().starts_with("ghr_"));
}

#[test]
fn only_ids_of_ours_become_tokens() {
    for id in [
        "",
        "x",
        &GRANT[1..],
        "0198c0ffee007000800000000000000g",
        "0198c0ff-ee00-7000-8000-000000000001",
        &format!("{GRANT}0"),
    ] {
        assert!(AuthorizationCode::new(id, [0; 24], &key(1)).is_none(), "{id}");
        assert!(RefreshToken::new(id, 1, mac(1)).is_none(), "{id}");
    }
}

#[test]
fn the_same_token_can_be_derived_again() {
    assert_eq!(refresh_token(7).to_text(), refresh_token(7).to_text());
    assert_ne!(refresh_token(7).to_text(), refresh_token(8).to_text());
}

#[test]
fn a_token_of_another_key_is_not_authentic() {
    assert!(refresh_token(3).is_authentic(mac(1)));
    assert!(!refresh_token(3).is_authentic(mac(2)));
    assert!(code([3; 24]).is_authentic(&key(1)));
    assert!(!code([3; 24]).is_authentic(&key(2)));
}

#[test]
fn one_kind_is_not_another() {
    let (code, token) = (
        code([7; 24]).to_text(),
        refresh_token(1).to_text(),
    );
    assert!(AuthorizationCode::parse(&token).is_none() && RefreshToken::parse(&code).is_none());
    assert!(AuthorizationCode::parse(&token.replace("ghr_", "ghc_")).is_none());
    assert!(RefreshToken::parse(&code.replace("ghc_", "ghr_")).is_none());
}

#[test]
fn what_surrounds_a_token_makes_it_another_text() {
    let text = refresh_token(1).to_text();
    for altered in [
        format!(" {text}"),
        format!("{text} "),
        format!("{text}="),
        format!("{text}A"),
        text.to_uppercase(),
        text.replacen("ghr_", "", 1),
        text[..text.len() - 1].to_owned(),
        String::new(),
        "ghr_".to_owned(),
    ] {
        assert!(RefreshToken::parse(&altered).is_none(), "{altered:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_not(text in prop_oneof![any::<String>(), "gh[cr]_[A-Za-z0-9_-]{68,76}"]) {
        if let Some(code) = AuthorizationCode::parse(&text) {
            prop_assert_eq!(code.to_text(), text.clone());
            prop_assert!(!code.is_authentic(&key(1)));
        }
        if let Some(token) = RefreshToken::parse(&text) {
            prop_assert_eq!(token.to_text(), text);
            prop_assert!(!token.is_authentic(mac(1)));
        }
    }

    #[test]
    fn a_code_comes_back(grant: [u8; 16], secret: [u8; 24]) {
        let id = gatehouse::base::id::id_from_bytes(grant);
        let code = AuthorizationCode::new(&id, secret, &key(1)).unwrap();
        let parsed = AuthorizationCode::parse(&code.to_text());
        prop_assert!(parsed.is_some_and(|parsed| parsed == code && parsed.grant_id() == id && parsed.is_authentic(&key(1))));
    }

    #[test]
    fn a_refresh_token_comes_back(grant: [u8; 16], generation: u32) {
        let id = gatehouse::base::id::id_from_bytes(grant);
        let token = RefreshToken::new(&id, generation, mac(1)).unwrap();
        let parsed = RefreshToken::parse(&token.to_text()).unwrap();
        prop_assert!(parsed == token && parsed.grant_id() == id && parsed.generation() == generation);
        prop_assert!(parsed.is_authentic(mac(1)));
    }

    /// Each character counts: a token with another one is no token, or not an authentic one.
    #[test]
    fn a_changed_refresh_token_is_never_authentic(generation: u32, at in 0_usize..74, with in "[A-Za-z0-9_. -]") {
        let text = refresh_token(generation).to_text();
        prop_assert_eq!(text.len(), 74);
        let altered = format!("{}{with}{}", &text[..at], &text[at + 1..]);
        prop_assume!(altered != text);
        prop_assert!(RefreshToken::parse(&altered).is_none_or(|token| !token.is_authentic(mac(1))));
    }

    #[test]
    fn a_changed_code_is_never_authentic(secret: [u8; 24], at in 0_usize..79, with in "[A-Za-z0-9_. -]") {
        let text = code(secret).to_text();
        prop_assert_eq!(text.len(), 79);
        let altered = format!("{}{with}{}", &text[..at], &text[at + 1..]);
        prop_assume!(altered != text);
        prop_assert!(AuthorizationCode::parse(&altered).is_none_or(|other| !other.is_authentic(&key(1))));
    }
}
