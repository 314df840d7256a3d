//! Codes and refresh tokens: each has one text only, and none is authentic by chance.
#![no_main]

use gatehouse::base::digest::MacKey;
use gatehouse::protocol::tokens::{AuthorizationCode, RefreshToken};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(code) = AuthorizationCode::parse(text) {
        assert!(code.to_text() == text);
    }
    if let Some(token) = RefreshToken::parse(text) {
        let key = MacKey::new(&[1; 32]);
        assert!(token.to_text() == text);
        assert!(!token.is_authentic(|grant, generation| key.mac(&[grant, &generation.to_be_bytes()])));
    }
});
