//! Resource indicators (RFC 8707 §2): what can be one, and which mean the same.

use gatehouse::protocol::resource::{MAX_LENGTH, check, is_same, validate};
use proptest::prelude::*;

#[test]
fn what_can_be_an_identifier() {
    for fine in [
        "https://api.example",
        "https://api.example/",
        "https://mcp.example:8443/mcp?tenant=1",
        "http://127.0.0.1:9000/mcp",
        "http://localhost/x",
        "http://[::1]:1/",
    ] {
        assert_eq!(validate(fine), Ok(()), "{fine}");
    }
    for wrong in [
        "",
        "api",
        "/mcp",
        "https://api.example/#x",
        "https://api.example#",
        "https://me@api.example",
        "https://me:pw@api.example",
        "http://api.example",
        "ftp://api.example",
        "urn:example:api",
        "javascript:alert(1)",
        "https://api.example/a b",
        "https://api.example/\"",
        "https://",
    ] {
        assert!(validate(wrong).is_err(), "{wrong}");
    }
    assert!(validate(&format!("https://api.example/{}", "x".repeat(MAX_LENGTH))).is_err());
}

#[test]
fn which_mean_the_same() {
    for (left, right) in [
        ("https://h.example", "https://h.example/"),
        ("https://h.example/mcp", "https://h.example/mcp/"),
        ("https://H.Example/mcp", "HTTPS://h.example:443/mcp"),
        ("http://127.0.0.1:80", "http://127.0.0.1/"),
    ] {
        assert!(is_same(left, right) && is_same(right, left), "{left} {right}");
    }
    for (left, right) in [
        ("https://h.example", "http://h.example"),
        ("https://h.example", "https://h.example:444"),
        ("https://h.example/mcp", "https://h.example/MCP"),
        ("https://h.example/mcp", "https://h.example/mcp2"),
        ("https://h.example/mcp", "https://h.example/"),
        ("https://h.example/?a=1", "https://h.example/?a=2"),
        ("https://h.example", "https://h.example.evil"),
        ("https://h.example", "https://me@h.example"),
        ("https://h.example/#a", "https://h.example/"),
        ("not a url", "not a url at all"),
    ] {
        assert!(!is_same(left, right) && !is_same(right, left), "{left} {right}");
    }
}

#[test]
fn one_request_names_a_few() {
    let many = vec!["https://h.example".to_owned(); 11];
    assert_eq!(check(&many).unwrap_err().code.to_string(), "invalid_target");
    assert!(check(&many[..10]).is_ok());
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(text in ".{0,80}", other in "(https?://)?[a-z0-9.:/@?#%\\[\\]-]{0,40}") {
        let _ = validate(&text);
        let _ = is_same(&text, &other);
        if validate(&other).is_ok() {
            prop_assert!(is_same(&other, &other));
        }
    }
}
