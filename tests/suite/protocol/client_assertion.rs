//! Reading and judging client assertions (RFC 7523 §3).

use gatehouse::base::encoding::base64url;
use gatehouse::protocol::client_assertion::{ASSERTION_TYPE, ClientAssertion, LEEWAY, MAX_LIFETIME};
use gatehouse::protocol::client_authentication::{AuthMethod, ClientCredentials};
use gatehouse::protocol::error::ErrorCode;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{code, encoded, is_speakable};

const NOW: i64 = 1_800_000_000;

fn jwt(header: &Value, claims: &Value) -> String {
    raw(&header.to_string(), &claims.to_string())
}

fn raw(header: &str, claims: &str) -> String {
    format!("{}.{}.c2lnbmF0dXJl", base64url(header.as_bytes()), base64url(claims.as_bytes()))
}

fn claims() -> Value {
    json!({ "iss": "app", "sub": "app", "aud": "https://as.example", "exp": NOW + 60, "jti": "one" })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn read(claims: &Value) -> Result<ClientAssertion, Option<ErrorCode>> {
    ClientAssertion::parse(&jwt(&json!({ "alg": "ES256" }), claims)).map_err(|refusal| Some(refusal.code))
}

fn judged(claims: &Value) -> Result<(), &'static str> {
    let audiences = ["https://as.example".to_owned(), "https://as.example/token".to_owned()];
    read(claims).expect("it can be read").judge(&audiences, NOW)
}

#[test]
fn the_algorithm_says_which_method_it_is() {
    for (algorithm, method) in [
        ("RS256", AuthMethod::PrivateKeyJwt),
        ("PS256", AuthMethod::PrivateKeyJwt),
        ("ES256", AuthMethod::PrivateKeyJwt),
        ("EdDSA", AuthMethod::PrivateKeyJwt),
        ("HS256", AuthMethod::ClientSecretJwt),
    ] {
        let assertion = ClientAssertion::parse(&jwt(&json!({ "alg": algorithm, "kid": "k" }), &claims())).unwrap();
        assert_eq!((assertion.method(), assertion.kid.as_deref()), (method, Some("k")), "{algorithm}");
    }
    for algorithm in ["none", "None", "HS512", "RS512", "rs256", "", "RSA-OAEP"] {
        let refused = ClientAssertion::parse(&jwt(&json!({ "alg": algorithm }), &claims()));
        assert_eq!(code(refused), Some(ErrorCode::InvalidClient), "{algorithm}");
    }
}

#[test]
fn what_must_be_there() {
    assert!(read(&claims()).is_ok());
    for name in ["iss", "sub", "aud", "exp", "jti"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert!(read(&claims).is_err(), "without {name}");
        assert!(read(&with(name, Value::Null)).is_err(), "{name} null");
    }
    for (name, value) in [
        ("iss", json!("other")),
        ("sub", json!("other")),
        ("jti", json!("")),
        ("jti", json!("j".repeat(256))),
        ("exp", json!("1800000060")),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("nbf", json!("now")),
        ("aud", json!(7)),
        ("aud", json!([7])),
    ] {
        assert!(read(&with(name, value.clone())).is_err(), "{name} {value}");
    }
    let both_empty = json!({ "iss": "", "sub": "", "aud": "x", "exp": NOW, "jti": "j" });
    assert!(read(&both_empty).is_err());
}

#[test]
fn two_claims_of_one_name_are_none() {
    let text = format!(
        r#"{{"iss":"app","sub":"app","aud":"https://as.example","exp":{},"exp":{},"jti":"one"}}"#,
        NOW - 900,
        NOW + 60
    );
    assert!(ClientAssertion::parse(&raw(r#"{"alg":"ES256"}"#, &text)).is_err());
    let claims = claims().to_string();
    assert!(ClientAssertion::parse(&raw(r#"{"alg":"none","alg":"ES256"}"#, &claims)).is_err());
    assert!(ClientAssertion::parse(&raw(r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, &claims)).is_err());
}

#[test]
fn what_is_no_signed_jwt() {
    let good = jwt(&json!({ "alg": "ES256" }), &claims());
    let unsigned = good.rsplit_once('.').unwrap().0.to_owned();
    for text in [
        unsigned.as_str(),
        &format!("{good}.x"),
        "",
        "a.b.c",
        &good.replace('.', " "),
        &format!("{good}{}", "A".repeat(9000)),
    ] {
        assert_eq!(code(ClientAssertion::parse(text)), Some(ErrorCode::InvalidClient), "{text}");
    }
}

#[test]
fn for_us_and_nobody_else() {
    assert_eq!(judged(&claims()), Ok(()));
    assert_eq!(judged(&with("aud", json!("https://as.example/token"))), Ok(()));
    assert_eq!(judged(&with("aud", json!(["https://as.example"]))), Ok(()));
    for aud in [
        json!("https://as.example/"),
        json!("https://AS.example"),
        json!("app"),
        json!(""),
        json!([]),
        json!(["https://as.example", "https://other.example"]),
    ] {
        assert!(judged(&with("aud", aud.clone())).is_err(), "{aud}");
    }
}

#[test]
fn only_now() {
    let at = |name: &str, seconds: i64| judged(&with(name, json!(NOW + seconds)));
    assert!(at("exp", 1 - LEEWAY).is_ok());
    assert!(at("exp", -LEEWAY).is_err());
    assert!(at("exp", MAX_LIFETIME + LEEWAY).is_ok());
    assert!(at("exp", MAX_LIFETIME + LEEWAY + 1).is_err());
    assert!(at("nbf", LEEWAY).is_ok());
    assert!(at("nbf", LEEWAY + 1).is_err());
    assert!(at("iat", LEEWAY).is_ok());
    assert!(at("iat", LEEWAY + 1).is_err());
    assert_eq!(judged(&with("exp", json!(1_800_000_060.75))), Ok(()), "with a fraction");
}

#[test]
fn one_method_and_one_client() {
    let assertion = jwt(&json!({ "alg": "ES256" }), &claims());
    let fields = |changes: &[(&'static str, &str)]| {
        let mut fields = vec![("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
        fields.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        fields.extend(changes.iter().copied().filter(|(_, value)| !value.is_empty()));
        encoded(&fields)
    };
    let credentials = ClientCredentials::parse(None, &fields(&[])).unwrap();
    assert_eq!(
        (credentials.client_id.as_str(), credentials.method),
        ("app", AuthMethod::PrivateKeyJwt)
    );
    assert!(credentials.secret.is_none() && credentials.assertion.is_some());
    assert!(!format!("{credentials:?}").contains("c2lnbmF0dXJl"), "it is worth a secret");
    assert!(ClientCredentials::parse(None, &fields(&[("client_id", "app")])).is_ok());
    let refused = |changes: &[(&'static str, &str)]| code(ClientCredentials::parse(None, &fields(changes)));
    assert_eq!(refused(&[("client_id", "other")]), Some(ErrorCode::InvalidClient));
    assert_eq!(refused(&[("client_secret", "s")]), Some(ErrorCode::InvalidRequest));
    assert_eq!(refused(&[("client_assertion_type", "")]), Some(ErrorCode::InvalidRequest));
    assert_eq!(refused(&[("client_assertion", "")]), Some(ErrorCode::InvalidRequest));
    let saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
    assert_eq!(refused(&[("client_assertion_type", saml)]), Some(ErrorCode::InvalidRequest));
    let twice = ClientCredentials::parse(Some("Basic YXBwOnM="), &fields(&[]));
    assert_eq!(code(twice), Some(ErrorCode::InvalidRequest));
}

proptest! {
    #[test]
    fn anything_is_read_or_refused(text in any::<String>(), header in any::<String>(), claims in any::<String>()) {
        for text in [text, raw(&header, &claims)] {
            if let Err(refusal) = ClientAssertion::parse(&text) {
                prop_assert_eq!(refusal.code, ErrorCode::InvalidClient);
                prop_assert!(is_speakable(&refusal));
            }
        }
    }
}
