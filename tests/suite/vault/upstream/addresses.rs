//! The addresses that people are sent to.

use std::collections::BTreeMap;

use gatehouse::protocol::provider::Profile;

use super::{Asker, CALLBACK, plain, profile, scope, url};

/// The address says what we say, whatever an agent or an operator adds.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_overrides_what_we_say() {
    let asker = Asker::start().await;
    let added: Vec<(String, String)> = [
        ("redirect_uri", "https://evil.example/"),
        ("state", "theirs"),
        ("client_id", "theirs"),
        ("scope", "everything"),
        ("code_challenge", "theirs"),
        ("response_type", "token"),
        ("nonce", "theirs"),
        ("request_uri", "https://evil.example/"),
        ("access_type", "online"),
        ("login_hint", "a&b=c"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let mut profile = profile("https://provider.example");
    profile.authorization_endpoint = url("https://provider.example/authorize?tenant=1");
    profile.authorization_parameters = [("access_type".to_owned(), "offline".to_owned())].into();
    let (address, flow) = asker.at(&profile).authorize(&scope("openid a"), &[], "ours", &added).unwrap();
    let pairs: Vec<(String, String)> = address.query_pairs().into_owned().collect();
    let of = |name: &str| {
        let values: Vec<_> = pairs
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .collect();
        assert!(values.len() <= 1, "{name} twice in {address}");
        values.first().copied().map(str::to_owned)
    };
    let expected = [
        ("tenant", Some("1")),
        ("redirect_uri", Some(CALLBACK)),
        ("state", Some("ours")),
        ("client_id", Some("our id")),
        ("scope", Some("openid a offline_access")),
        ("response_type", Some("code")),
        ("code_challenge_method", Some("S256")),
        ("request_uri", None),
        ("access_type", Some("offline")),
        ("login_hint", Some("a&b=c")),
    ];
    for (name, value) in expected {
        assert_eq!(of(name).as_deref(), value, "{name} in {address}");
    }
    assert_eq!(of("nonce"), flow.nonce);
    assert_ne!(of("code_challenge").as_deref(), Some("theirs"));
}

/// Scopes with another name and separator, no nonce where there are no ID tokens, and no PKCE where that breaks.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_as_the_provider_wants_it() {
    let asker = Asker::start().await;
    let profile = Profile {
        scope_parameter: "user_scope",
        scope_separator: ',',
        ..plain("https://provider.example")
    };
    let (address, flow) = asker.at(&profile).authorize(&scope("a b"), &[], "s", &[]).unwrap();
    let pairs: BTreeMap<String, String> = address.query_pairs().into_owned().collect();
    assert_eq!(pairs.get("user_scope").map(String::as_str), Some("a,b"));
    for name in ["scope", "nonce", "code_challenge"] {
        assert!(!pairs.contains_key(name), "{name} in {address}");
    }
    assert!(flow.nonce.is_none() && flow.verifier.is_none());
}
