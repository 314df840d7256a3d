//! How a client says who it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::protocol::client_authentication::{AuthMethod, ClientCredentials};
use gatehouse::protocol::error::ErrorCode;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

use super::{code, encoded, is_speakable, parameters};

fn basic(userid_and_password: &str) -> String {
    format!("Basic {}", STANDARD.encode(userid_and_password))
}

/// What was presented.
fn presented(authorization: Option<&str>, body: &str) -> Result<Credentials, ErrorCode> {
    ClientCredentials::parse(authorization, &parameters(body))
        .map(|credentials| {
            let secret = credentials.secret.map(|secret| secret.expose_secret().to_owned());
            (credentials.method, credentials.client_id, secret)
        })
        .map_err(|refusal| refusal.code)
}

/// Method, `client_id` and secret.
type Credentials = (AuthMethod, String, Option<String>);

#[expect(clippy::unnecessary_wraps, reason = "what is expected of `presented`")]
fn by(method: AuthMethod, client_id: &str, secret: Option<&str>) -> Result<Credentials, ErrorCode> {
    Ok((method, client_id.to_owned(), secret.map(str::to_owned)))
}

#[test]
fn the_three_methods() {
    assert_eq!(presented(None, "client_id=app"), by(AuthMethod::None, "app", None));
    assert_eq!(
        presented(None, "client_id=app&client_secret=s"),
        by(AuthMethod::ClientSecretPost, "app", Some("s"))
    );
    assert_eq!(
        presented(Some(&basic("app:s")), ""),
        by(AuthMethod::ClientSecretBasic, "app", Some("s"))
    );
    assert_eq!(
        presented(Some(&basic("app:s")), "client_id=app"),
        by(AuthMethod::ClientSecretBasic, "app", Some("s"))
    );
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
#[test]
fn basic_credentials_are_form_decoded() {
    for (header, id, secret) in [
        ("app:a+b%2Bc%25", "app", "a b+c%"),
        ("https%3A%2F%2Fapp.example%2Fid:s", "https://app.example/id", "s"),
        ("app:a:b:c", "app", "a:b:c"),
        ("app:a%3Ab", "app", "a:b"),
        ("app:%C3%A4", "app", "ä"),
    ] {
        assert_eq!(
            presented(Some(&basic(header)), ""),
            by(AuthMethod::ClientSecretBasic, id, Some(secret)),
            "{header}"
        );
    }
    // §2.3.1: an empty secret may be left out, so it says as little as none.
    assert_eq!(presented(Some(&basic("app:")), ""), by(AuthMethod::None, "app", None));
    let lower_case = basic("app:s").replace("Basic", "bAsIc");
    assert!(presented(Some(&lower_case), "").is_ok());
}

#[test]
fn two_methods_at_once_are_invalid_request() {
    for body in [
        "client_secret=s",
        "client_id=app&client_secret=s",
        "client_id=app&client_secret=other",
    ] {
        assert_eq!(presented(Some(&basic("app:s")), body), Err(ErrorCode::InvalidRequest), "{body}");
    }
    // Whatever the header is: the body has a method of its own.
    assert_eq!(
        presented(Some("Bearer x"), "client_id=app&client_secret=s"),
        Err(ErrorCode::InvalidRequest)
    );
}

#[test]
fn the_body_may_not_name_another_client() {
    assert_eq!(presented(Some(&basic("app:s")), "client_id=other"), Err(ErrorCode::InvalidRequest));
    assert_eq!(presented(Some(&basic("app:s")), "client_id=APP"), Err(ErrorCode::InvalidRequest));
}

#[test]
fn repeated_credentials_are_invalid_request() {
    for body in ["client_id=a&client_id=a", "client_id=a&client_secret=b&client_secret=b"] {
        assert_eq!(presented(None, body), Err(ErrorCode::InvalidRequest), "{body}");
    }
}

#[test]
fn nothing_that_names_a_client_is_invalid_client() {
    for body in ["", "client_id=", "client_secret=s", "client_id=&client_secret=s"] {
        assert_eq!(presented(None, body), Err(ErrorCode::InvalidClient), "{body}");
    }
}

#[test]
fn a_malformed_header_is_invalid_client() {
    let no_utf8 = format!("Basic {}", STANDARD.encode(b"app:\xff"));
    let unpadded = basic("app:s").trim_end_matches('=').to_owned();
    assert_ne!(unpadded, basic("app:s"));
    for header in [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Bearer abc",
        "Digest abc",
        &basic("app"),
        &basic(":secret"),
        &basic("app:%ff"),
        &basic("app:%00"),
        &no_utf8,
        &unpadded,
        &basic("app:s").replace("Basic ", "Basic"),
    ] {
        assert_eq!(presented(Some(header), ""), Err(ErrorCode::InvalidClient), "{header:?}");
        assert_eq!(
            presented(Some(header), "client_id=app"),
            Err(ErrorCode::InvalidClient),
            "{header:?}"
        );
    }
}

#[test]
fn debug_hides_the_secret() {
    let credentials = ClientCredentials::parse(None, &parameters("client_id=app&client_secret=hunter2")).unwrap();
    let shown = format!("{credentials:?}");
    assert!(shown.contains("app") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn every_method_has_its_registered_name() {
    for method in AuthMethod::ALL {
        assert_eq!(AuthMethod::parse(method.as_str()), Some(method));
        assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
    }
    assert_eq!(AuthMethod::parse("tls_client_auth"), None);
}

proptest! {
    #[test]
    fn any_header_is_parsed_or_refused(header in any::<String>(), body in "[a-z_=&]{0,40}") {
        if let Err(refusal) = ClientCredentials::parse(Some(&header), &parameters(&body)) {
            prop_assert!(matches!(refusal.code, ErrorCode::InvalidClient | ErrorCode::InvalidRequest));
            prop_assert!(is_speakable(&refusal));
        }
    }

    #[test]
    fn any_decoded_header_is_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let header = format!("Basic {}", STANDARD.encode(&bytes));
        let result = ClientCredentials::parse(Some(&header), &encoded(&[]));
        prop_assert!(matches!(code(result), None | Some(ErrorCode::InvalidClient)));
    }

    #[test]
    fn any_credentials_arrive_in_header_and_body(id in "[^\0]{1,20}", secret in "[^\0]{1,40}") {
        let form = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let header = basic(&format!("{}:{}", form(&id), form(&secret)));
        prop_assert_eq!(presented(Some(&header), ""), by(AuthMethod::ClientSecretBasic, &id, Some(&secret)));
        let body = format!("client_id={}&client_secret={}", form(&id), form(&secret));
        prop_assert_eq!(presented(None, &body), by(AuthMethod::ClientSecretPost, &id, Some(&secret)));
    }
}
