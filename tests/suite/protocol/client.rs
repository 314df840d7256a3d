//! The rules of a client record.

use gatehouse::base::digest::sha256_text;
use gatehouse::model::client::{AccessTokenFormat, Client, ConsentPolicy};
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::token_request::GrantType;

use super::client;

fn bind(redirect_uris: &[&str], requested: Option<&str>) -> Option<String> {
    let mut client = client();
    client.redirect_uris = redirect_uris.iter().map(|uri| (*uri).to_owned()).collect();
    client.bind_redirect_uri(requested)
}

/// RFC 6749 §3.1.2.3
#[test]
fn the_only_registered_redirect_uri_may_be_left_out() {
    assert_eq!(bind(&["https://a/cb"], None).as_deref(), Some("https://a/cb"));
    assert_eq!(bind(&["https://a/cb", "https://b/cb"], None), None);
    assert_eq!(bind(&[], None), None);
}

#[test]
fn a_requested_redirect_uri_is_one_of_the_registered() {
    let registered = ["https://a/cb", "http://127.0.0.1/cb", "com.example:/cb"];
    for requested in registered {
        assert_eq!(bind(&registered, Some(requested)).as_deref(), Some(requested));
    }
    for requested in [
        "",
        "https://a/cb/",
        "https://a/cb?x",
        "https://evil.example/cb",
        "http://localhost/cb",
        "com.example:/",
    ] {
        assert_eq!(bind(&registered, Some(requested)), None, "{requested}");
    }
    assert_eq!(bind(&[], Some("https://a/cb")), None);
}

/// The answer goes to the port that was asked for, not to the registered one.
#[test]
fn a_loopback_redirect_uri_keeps_its_port() {
    let bound = bind(&["http://127.0.0.1/cb"], Some("http://127.0.0.1:49152/cb"));
    assert_eq!(bound.as_deref(), Some("http://127.0.0.1:49152/cb"));
    assert_eq!(bind(&["http://127.0.0.1/cb"], Some("http://127.0.0.1:+80/cb")), None);
}

#[test]
fn only_the_secret_itself_is_the_secret() {
    let client = Client {
        secret_hash: Some(sha256_text("s3cret")),
        ..client()
    };
    assert!(client.has_secret("s3cret", 0));
    for wrong in ["", "s3cre", "s3cret ", "S3CRET", &sha256_text("s3cret")] {
        assert!(!client.has_secret(wrong, 0), "{wrong}");
    }
}

#[test]
fn the_secret_before_it_works_until_its_time() {
    let client = Client {
        secret_hash: Some(sha256_text("new")),
        previous_secret_hash: Some(sha256_text("old")),
        previous_secret_expires_at: Some(100),
        ..client()
    };
    assert!(client.has_secret("new", 99) && client.has_secret("new", 100));
    assert!(client.has_secret("old", 99) && !client.has_secret("old", 100));
    assert!(!client.has_secret("older", 99));
}

#[test]
fn a_client_without_secret_has_none_that_fits() {
    assert_eq!(client().secret_hash, None);
    for presented in ["", "0000000000000000000000000000000000000000000"] {
        assert!(!client().has_secret(presented, 0));
    }
}

#[test]
fn a_public_client_always_needs_pkce() {
    let pkce = |auth_method, requires_pkce| {
        let mut client = client();
        client.auth_method = auth_method;
        client.requires_pkce = requires_pkce;
        client.needs_pkce()
    };
    assert!(pkce(AuthMethod::None, false) && pkce(AuthMethod::None, true) && pkce(AuthMethod::ClientSecretPost, true));
    assert!(!pkce(AuthMethod::ClientSecretPost, false));
}

#[test]
fn a_client_uses_its_grant_types_only() {
    assert!(client().allows(GrantType::AuthorizationCode));
    assert!(!client().allows(GrantType::RefreshToken) && !client().allows(GrantType::ClientCredentials));
}

#[test]
fn names_in_configuration_and_storage() {
    assert_eq!(ConsentPolicy::ALL.map(ConsentPolicy::as_str), ["always", "once", "skip"]);
    assert_eq!(AccessTokenFormat::ALL.map(AccessTokenFormat::as_str), ["jwt", "opaque"]);
    assert!(
        ConsentPolicy::ALL
            .iter()
            .all(|policy| ConsentPolicy::parse(policy.as_str()) == Some(*policy))
    );
    assert!(
        AccessTokenFormat::ALL
            .iter()
            .all(|format| AccessTokenFormat::parse(format.as_str()) == Some(*format))
    );
    assert_eq!((ConsentPolicy::parse("never"), AccessTokenFormat::parse("JWT")), (None, None));
}
