//! The issuer identifier.

use gatehouse::protocol::issuer::Issuer;
use proptest::prelude::*;

#[test]
fn an_issuer_is_kept_byte_by_byte() {
    for text in [
        "https://id.example",
        "https://id.example:8443",
        "https://id.example/tenant/a",
        "https://xn--bcher-kva.example",
        "https://[2001:db8::1]:8443",
        "http://localhost:8000",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "http://localhost/auth",
    ] {
        let issuer = Issuer::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert_eq!(issuer.as_str(), text);
        assert_eq!(issuer.to_string(), text);
        assert_eq!(issuer.endpoint("/token"), format!("{text}/token"));
    }
}

#[test]
fn what_is_not_an_issuer_and_why() {
    for (text, reason) in [
        ("", "not a URL"),
        ("id.example", "not a URL"),
        ("https://", "not a URL"),
        ("https://id.example:65536", "not a URL"),
        ("https://id.example?", "an issuer has no query"),
        ("https://id.example?a=b", "an issuer has no query"),
        ("https://id.example#", "an issuer has no query"),
        ("https://id.example#a", "an issuer has no query"),
        ("https://user@id.example", "an issuer carries no user name"),
        ("https://user:pw@id.example", "an issuer carries no user name"),
        ("https://id.example/", "leave out the slash"),
        ("https://id.example/tenant/", "leave out the slash"),
        ("https://ID.example", "write it in its normal form: https://id.example"),
        ("HTTPS://id.example", "write it in its normal form: https://id.example"),
        ("https://id.example:443", "write it in its normal form: https://id.example"),
        ("https://id.example/a/../b", "write it in its normal form: https://id.example/b"),
        ("https://@id.example", "write it in its normal form: https://id.example"),
        ("https:id.example", "write it in its normal form: https://id.example"),
        (" https://id.example", "write it in its normal form: https://id.example"),
        (
            "https://bücher.example",
            "write it in its normal form: https://xn--bcher-kva.example",
        ),
        ("https://id.example/ü", "write it in its normal form"),
        ("https://id\".example", "an issuer contains none of"),
        ("https:\\\\id.example", "an issuer contains none of"),
        ("http://127.1:8000", "write it in its normal form: http://127.0.0.1:8000"),
        ("http://id.example", "http is only allowed"),
        ("http://localhost.evil.example", "http is only allowed"),
        ("http://0.0.0.0:8000", "http is only allowed"),
        ("ftp://id.example", "the scheme must be https"),
        ("gatehouse://id.example", "the scheme must be https"),
    ] {
        match Issuer::parse(text) {
            Ok(_) => panic!("{text:?} was accepted"),
            Err(problem) => assert!(problem.starts_with(reason), "{text:?}: {problem}"),
        }
    }
}

#[test]
fn the_parts_of_an_issuer() {
    let issuer = Issuer::parse("https://id.example:8443/tenant").unwrap();
    assert_eq!(
        (issuer.origin().as_str(), issuer.host().as_str(), issuer.path()),
        ("https://id.example:8443", "id.example:8443", "/tenant")
    );
    assert!(issuer.is_https() && !issuer.is_loopback());
    let local = Issuer::parse("http://[::1]:8000").unwrap();
    assert_eq!(
        (local.origin().as_str(), local.host().as_str(), local.path()),
        ("http://[::1]:8000", "[::1]:8000", "")
    );
    assert!(!local.is_https() && local.is_loopback());
}

#[test]
fn a_server_on_this_machine_has_an_issuer_for_every_port() {
    for port in [0, 1, 80, 443, 8000, u16::MAX] {
        let issuer = Issuer::localhost(port);
        assert_eq!(Issuer::parse(issuer.as_str()).as_ref().map(Issuer::as_str), Ok(issuer.as_str()));
    }
    assert_eq!(Issuer::localhost(80).as_str(), "http://localhost");
}

proptest! {
    #[test]
    fn what_is_accepted_can_stand_in_a_header(text in prop_oneof![any::<String>(), "https://[a-z.:@\\\\\"#?%/0-9-]{1,30}"]) {
        if let Ok(issuer) = Issuer::parse(&text) {
            prop_assert_eq!(issuer.as_str(), &text);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'<' | b'>')));
            prop_assert!(!text.ends_with('/') && !text.contains(['?', '#', '@']) || issuer.path().contains('@'));
            prop_assert!(text.starts_with(&issuer.origin()));
        }
    }
}
