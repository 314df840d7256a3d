//! Parameters and addresses that lead nowhere else, and what operators may say instead of a preset.

use std::collections::BTreeMap;

use gatehouse::federation::providers::problems;
use gatehouse::model::provider::{Endpoints, ProviderKind, ProviderSettings};
use gatehouse::protocol::provider::ClientAuth;
use url::Url;

use super::{public_app, resolve, settings};
use crate::support::TestApp;

/// What no name of a host is.
const NO_HOSTS: [&str; 34] = [
    "",
    " ",
    "..",
    ".",
    "example",
    "localhost",
    ".example.com",
    "example.com.",
    "example..com",
    "evil.com/",
    "evil.com/x",
    "evil.com\\x",
    "a.b@c.example",
    "user:secret@c.example",
    "x:1",
    "x.example:443",
    "x.example:",
    "%2f",
    "a%2fb.example",
    "a.example%00",
    "a.example?x",
    "a.example#x",
    "a.example\n",
    " a.example",
    "bücher.example",
    "例え.example",
    "а.example",
    "xn--.example",
    "A.example",
    "-a.example",
    "a-.example",
    "127.0.0.1",
    "0x7f.1",
    "[::1]",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_bends_an_address() {
    let app = public_app().await;
    let wrong =
        |settings: &ProviderSettings| -> Vec<&'static str> { problems(&app.app, settings).iter().map(|problem| problem.field).collect() };
    let hosts = [
        ("github", "host"),
        ("github_app", "host"),
        ("salesforce", "login_host"),
        ("okta", "domain"),
        ("auth0", "domain"),
        ("microsoft", "tenant"),
    ];
    let long = format!("{}.example", "a".repeat(64));
    for (preset, name) in hosts {
        for value in NO_HOSTS.iter().chain([&long.as_str()]) {
            let settings = settings(preset, &[(name, value)]);
            assert_eq!(wrong(&settings), ["parameters"], "{preset} {name}={value:?}");
            assert!(resolve(&app, settings).await.is_err(), "{preset} {name}={value:?}");
        }
        assert!(wrong(&settings(preset, &[(name, "x1.example-2.com")])).is_empty(), "{preset}");
    }
    for value in [
        "common/x",
        "Common",
        "9188040D-6c67-4c5b-b112-36a304b66dad",
        "9188040d6c674c5bb11236a304b66dad",
        "{tenant}",
    ] {
        assert_eq!(wrong(&settings("microsoft", &[("tenant", value)])), ["parameters"], "{value}");
    }
    for value in ["acme.lightning.force.com", "{client_id}"] {
        assert_eq!(wrong(&settings("salesforce", &[("login_host", value)])), ["parameters"], "{value}");
    }
    for value in ["..", "a/b", "", "a b", "%2f", "ä", "{domain}", &"a".repeat(65)] {
        assert_eq!(wrong(&settings("slack", &[("team", value)])), ["parameters"], "{value}");
        let okta = settings("okta", &[("domain", "a.okta.com"), ("authorization_server", value)]);
        assert_eq!(wrong(&okta), ["parameters"], "{value}");
    }
    for value in ["", " x", "x\ny", "ä", "\u{7f}"] {
        let auth0 = settings("auth0", &[("domain", "a.auth0.com"), ("audience", value)]);
        assert_eq!(wrong(&auth0), ["parameters"], "{value:?}");
    }
    // What is missing, and what nobody asked for.
    assert_eq!(wrong(&settings("okta", &[])), ["parameters"]);
    assert_eq!(wrong(&settings("google", &[("host", "evil.example")])), ["parameters"]);
    // An id becomes a part of an address at GitHub.
    for client_id in ["", "..", ".", "../../evil", "a/b", "a%2fb", "a?b", "a b", "ü"] {
        let github = ProviderSettings {
            client_id: client_id.to_owned(),
            ..settings("github", &[])
        };
        assert_eq!(wrong(&github), ["client_id"], "{client_id}");
    }
}

/// What no issuer, base URL or endpoint is, for a server on the public internet.
const NO_URLS: [&str; 24] = [
    "http://a.example",
    "ftp://a.example",
    "https://user@a.example",
    "https://user:secret@a.example",
    "https://a.example#x",
    "https://localhost",
    "https://a.localhost",
    "http://localhost",
    "http://127.0.0.1:8080",
    "https://127.0.0.1",
    "https://127.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://10.0.0.1",
    "https://172.16.0.1",
    "https://192.168.1.1:8443",
    "https://169.254.169.254",
    "https://100.64.0.1",
    "https://0.0.0.0",
    "https://[::1]",
    "https://[fe80::1]",
    "https://[fd00::1]",
    "https://[::ffff:10.0.0.1]",
    "https://[64:ff9b::a00:1]",
];

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_inside() {
    let app = public_app().await;
    let wrong =
        |settings: &ProviderSettings| -> Vec<&'static str> { problems(&app.app, settings).iter().map(|problem| problem.field).collect() };
    let with_issuer = |preset: &str, issuer: &str| ProviderSettings {
        issuer: Some(issuer.to_owned()),
        ..settings(preset, &[])
    };
    let more = [
        "",
        "a.example",
        "https://a.example?x=1",
        "https://a.example//b",
        "https://a.example/../b",
        "https://A.example",
        "https://a.example:443",
        "https://bücher.example",
        "https://a.example\n",
        "javascript:alert(1)",
    ];
    for url in NO_URLS.iter().chain(&more) {
        for preset in ["oidc", "gatehouse"] {
            assert_eq!(wrong(&with_issuer(preset, url)), ["issuer"], "{url}");
        }
        let issuer = ProviderSettings {
            endpoints: Some(endpoints("https://a.example/authorize", "https://a.example/token")),
            ..with_issuer("oauth2", url)
        };
        assert_eq!(wrong(&issuer), ["issuer"], "{url}");
        assert_eq!(wrong(&settings("gitlab", &[("base_url", url)])), ["parameters"], "{url}");
    }
    for issuer in [
        "https://a.example",
        "https://a.example/",
        "https://a.example/realms/x",
        "https://a.example:8443",
    ] {
        assert!(wrong(&with_issuer("oidc", issuer)).is_empty(), "{issuer}");
    }
    assert!(wrong(&settings("gitlab", &[("base_url", "https://corp.example/gitlab")])).is_empty());
    for url in NO_URLS {
        for endpoints in [
            endpoints(url, "https://a.example/token"),
            endpoints("https://a.example/authorize", url),
        ] {
            let by_hand = ProviderSettings {
                endpoints: Some(endpoints),
                ..settings("oauth2", &[])
            };
            assert_eq!(wrong(&by_hand), ["endpoints"], "{url}");
        }
    }
    // Each preset has its own way, and no other.
    assert_eq!(wrong(&with_issuer("google", "https://evil.example")), ["issuer"]);
    assert_eq!(wrong(&settings("oidc", &[])), ["issuer",]);
    assert_eq!(wrong(&settings("oauth2", &[])), ["endpoints"]);
    let both = ProviderSettings {
        endpoints: Some(endpoints("https://evil.example/a", "https://evil.example/t")),
        ..settings("google", &[])
    };
    assert_eq!(wrong(&both), ["endpoints"]);
    assert_eq!(wrong(&settings("elsewhere", &[])), ["preset"]);
}

fn endpoints(authorization: &str, token: &str) -> Endpoints {
    Endpoints {
        authorization_endpoint: Url::parse(authorization).expect(authorization),
        token_endpoint: Url::parse(token).expect(token),
        revocation_endpoint: None,
        userinfo_endpoint: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_operators_override_and_what_they_cannot() {
    let app = public_app().await;
    let with = |name: &str, value: &str| ProviderSettings {
        authorization_parameters: BTreeMap::from([(name.to_owned(), value.to_owned())]),
        ..settings("google", &[])
    };
    for name in [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "state",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "scope",
        "user_scope",
        "resource",
        "request",
        "request_uri",
        "State",
        "client_secret",
        "",
        "a b",
        "a&b",
        "state=x&y",
        "ä",
    ] {
        let fields: Vec<_> = problems(&app.app, &with(name, "x")).iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["authorization_parameters"], "{name}");
    }
    assert_eq!(problems(&app.app, &with("prompt", "a\nb")).len(), 1);
    let profile = resolve(&app, with("prompt", "select_account")).await.unwrap();
    assert_eq!(profile.authorization_parameters["prompt"], "select_account");
    assert_eq!(profile.authorization_parameters["access_type"], "offline");

    let changed = ProviderSettings {
        client_auth: Some(ClientAuth::ClientSecretBasic),
        pkce: Some(false),
        requires_iss: true,
        ..settings("google", &[])
    };
    assert!(problems(&app.app, &changed).is_empty());
    let profile = resolve(&app, changed).await.unwrap();
    assert_eq!(
        (profile.client_auth, profile.pkce, profile.requires_iss),
        (ClientAuth::ClientSecretBasic, false, true)
    );
    // There would be nothing to compare with.
    let nobody = ProviderSettings {
        requires_iss: true,
        ..settings("microsoft", &[])
    };
    assert_eq!(problems(&app.app, &nobody)[0].field, "requires_iss");
    // Nothing at all would speak for us.
    let nothing = ProviderSettings {
        client_auth: Some(ClientAuth::None),
        ..settings("linkedin", &[])
    };
    assert_eq!(problems(&app.app, &nothing)[0].field, "pkce");
    let key = ProviderSettings {
        name: "Weather".to_owned(),
        kind: ProviderKind::ApiKey,
        ..ProviderSettings::default()
    };
    assert!(problems(&app.app, &key).is_empty());
    let both = ProviderSettings {
        preset: "google".to_owned(),
        ..key
    };
    assert_eq!(problems(&app.app, &both)[0].field, "preset");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_known_beforehand_the_metadata_is_asked_for() {
    let app: TestApp = public_app().await;
    let asked = async |settings: ProviderSettings| resolve(&app, settings).await.unwrap_err().to_string();
    let okta = [("domain", "acme.okta.com")];
    let custom = [("domain", "acme.okta.com"), ("authorization_server", "default")];
    for (settings, url) in [
        (
            settings("okta", &okta),
            "https://acme.okta.com/.well-known/openid-configuration could not be read",
        ),
        (
            settings("okta", &custom),
            "https://acme.okta.com/oauth2/default/.well-known/openid-configuration ",
        ),
        (
            settings("auth0", &[("domain", "acme.eu.auth0.com")]),
            "https://acme.eu.auth0.com/.well-known/openid-configuration ",
        ),
        (settings("gitlab", &[]), "https://gitlab.com/.well-known/openid-configuration "),
        (
            settings("gitlab", &[("base_url", "https://corp.example/git")]),
            "https://corp.example/git/.well-known/openid-configuration ",
        ),
    ] {
        let problem = asked(settings).await;
        assert!(problem.starts_with(url), "{problem}");
    }
}
