//! Client metadata documents and their URLs.

use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::client_document::{ClientDocument, DocumentUrl, MAX_BYTES};
use gatehouse::protocol::token_request::GrantType;
use proptest::prelude::*;
use serde_json::{Value, json};

const URL: &str = "https://app.example/client.json";

fn url() -> DocumentUrl {
    DocumentUrl::parse(URL, false).unwrap()
}

fn document() -> Value {
    json!({ "client_id": URL, "redirect_uris": ["https://app.example/callback"] })
}

fn with(name: &str, value: Value) -> Value {
    let mut document = document();
    document[name] = value;
    document
}

fn read(document: &Value) -> Result<ClientDocument, String> {
    ClientDocument::parse(&url(), document.to_string().as_bytes())
}

#[test]
fn urls_that_can_be_a_client() {
    for text in [
        URL,
        "https://app.example/a/b",
        "https://app.example:8443/client",
        "https://app.example/client/",
        "https://app.example/client?v=1",
        "https://app.example/@someone",
        "https://xn--bcher-kva.example/client",
    ] {
        let url = DocumentUrl::parse(text, false).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert_eq!(url.as_str(), text);
    }
    assert_eq!(
        DocumentUrl::parse("https://app.example:8443/client", false).unwrap().host(),
        "app.example:8443"
    );
    assert!(DocumentUrl::parse("http://127.0.0.1:3000/client", true).is_ok());
    assert!(DocumentUrl::parse("http://localhost:3000/client", true).is_ok());
}

#[test]
fn urls_that_cannot() {
    for text in [
        "",
        "app",
        "https://app.example",
        "https://app.example/",
        "https://app.example?x",
        "http://app.example/client",
        "http://127.0.0.1/client",
        "ftp://app.example/client",
        "javascript:alert(1)",
        "https:app.example/client",
        "https:///app.example/client",
        "https://app.example/client#x",
        "https://app.example/client#",
        "https://user@app.example/client",
        "https://@app.example/client",
        "https://user:secret@app.example/client",
        "https://app.example/a/../client",
        "https://app.example/./client",
        "https://app.example/%2e%2e/client",
        "https://app.example/a/%2E/client",
        "https://APP.example/client",
        "https://app.example:443/client",
        "https://bücher.example/client",
        "https://app.example/cl ient",
        "https://app.example\\client",
        "https://2130706433/client",
        "https://0x7f.0.0.1/client",
        "https://[0:0:0:0:0:0:0:1]/client",
        " https://app.example/client",
        "https://app.example/client\n",
    ] {
        assert!(DocumentUrl::parse(text, false).is_err(), "{text}");
    }
    assert!(DocumentUrl::parse(&format!("https://app.example/{}", "a".repeat(200)), false).is_err());
    assert!(DocumentUrl::parse("http://app.example/client", true).is_err());
}

#[test]
fn little_is_needed() {
    let read = read(&document()).unwrap();
    assert_eq!(read.name, "app.example");
    assert_eq!(read.redirect_uris, ["https://app.example/callback"]);
    assert_eq!(read.grant_types, [GrantType::AuthorizationCode]);
    assert_eq!(read.auth_method, AuthMethod::None);
}

#[test]
fn everything_that_may_be_there() {
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": gatehouse::base::encoding::base64url(&[1; 32]) }] });
    let full = json!({
        "client_id": URL,
        "client_name": "App",
        "redirect_uris": ["http://127.0.0.1/callback", "com.example.app:/callback"],
        "grant_types": ["refresh_token", "authorization_code", "client_credentials", "urn:example:other"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": keys,
        "logo_uri": "https://app.example/logo.png",
        "client_uri": "https://app.example",
        "policy_uri": "https://app.example/privacy",
        "tos_uri": "",
        "scope": "everything",
        "unknown": { "a": [1] },
    });
    let read = read(&full).unwrap();
    assert_eq!((read.name.as_str(), read.auth_method), ("App", AuthMethod::PrivateKeyJwt));
    assert_eq!(
        read.grant_types,
        [GrantType::AuthorizationCode, GrantType::RefreshToken],
        "nothing for itself"
    );
    assert_eq!((read.jwks, read.tos_uri), (Some(keys), None));
}

#[test]
fn what_is_refused() {
    for (name, value) in [
        ("client_id", json!("https://app.example/client.json?")),
        ("client_id", json!("https://app.example/other.json")),
        ("client_id", json!("https://APP.example/client.json")),
        ("client_id", Value::Null),
        ("redirect_uris", json!([])),
        ("redirect_uris", json!("https://app.example/callback")),
        ("redirect_uris", json!(["https://app.example/callback", "javascript:alert(1)"])),
        ("redirect_uris", json!(["http://app.example/callback"])),
        ("redirect_uris", json!(["https://app.example/callback#x"])),
        ("client_secret", json!("s")),
        ("client_secret", json!("")),
        ("client_secret_expires_at", json!(0)),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("token_endpoint_auth_method", json!("client_secret_jwt")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("grant_types", json!(["client_credentials"])),
        ("grant_types", json!([])),
        ("response_types", json!(["token"])),
        ("jwks", json!({ "keys": [] })),
        ("jwks", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })),
        ("jwks_uri", json!("http://app.example/jwks")),
        ("logo_uri", json!("http://app.example/logo.png")),
        ("logo_uri", json!("javascript:alert(1)")),
        ("client_uri", json!("data:text/html,x")),
        ("policy_uri", json!("https://user@app.example/")),
        ("tos_uri", json!("nothing")),
        ("client_name", json!(7)),
    ] {
        assert!(read(&with(name, value.clone())).is_err(), "{name} {value}");
    }
    let mut without = document();
    without.as_object_mut().unwrap().remove("redirect_uris");
    assert!(read(&without).is_err());
    assert!(ClientDocument::parse(&url(), b"[]").is_err());
    assert!(ClientDocument::parse(&url(), b"").is_err());
    let twice = format!(r#"{{"client_id":"{URL}","redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}}"#);
    assert!(ClientDocument::parse(&url(), twice.as_bytes()).is_err());
    let long = with("client_name", json!("x".repeat(MAX_BYTES)));
    assert!(read(&long).is_err());
}

proptest! {
    #[test]
    fn any_text_is_a_url_or_not(text in "(https?://)?[a-zA-Z0-9.:/@%#?\\[\\]\\\\ -]{0,60}") {
        if let Ok(url) = DocumentUrl::parse(&text, false) {
            let normal = url::Url::parse(&text).unwrap().to_string();
            prop_assert_eq!((normal.as_str(), url.as_str()), (text.as_str(), text.as_str()));
            prop_assert!(text.starts_with("https://") && !text.contains("/../"));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = ClientDocument::parse(&url(), &bytes);
    }
}
