//! The issuer: kept byte by byte, and safe to quote in a header.
#![no_main]

use gatehouse::protocol::issuer::Issuer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(issuer) = Issuer::parse(text) {
        assert!(issuer.as_str() == text);
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'));
        assert!(issuer.is_https() || issuer.is_loopback());
        assert!(text.starts_with(&issuer.origin()) && text.ends_with(issuer.path()));
    }
});
