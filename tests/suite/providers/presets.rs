//! What presets make of their parameters: the documented addresses, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use gatehouse::federation::providers::{presets, problems};
use gatehouse::model::provider::{Endpoints, ProviderKind, ProviderSettings};
use gatehouse::protocol::provider::{ClientAuth, Lifespan, Profile, Revocation, RevokedToken, WhoamiSource};
use url::Url;

use super::{public_app, resolve, settings};
use crate::support::TestApp;

/// How tokens are taken back, in a few words.
fn revocation(profile: &Profile) -> String {
    match &profile.revocation {
        Revocation::Standard {
            endpoint,
            authenticates,
            token,
        } => {
            let who = if *authenticates { "client" } else { "anybody" };
            let what = if *token == RevokedToken::Access { "access" } else { "refresh" };
            format!("{who} {what} {endpoint}")
        }
        Revocation::OwnProof { endpoint } => format!("bearer {endpoint}"),
        Revocation::Delete { endpoint } => format!("delete {endpoint}"),
        Revocation::Json { endpoint } => format!("json {endpoint}"),
        Revocation::None => "never".to_owned(),
    }
}

/// Where it is said whose account it is, in a few words.
fn whoami(profile: &Profile) -> String {
    match &profile.whoami.source {
        WhoamiSource::IdToken => "id token".to_owned(),
        WhoamiSource::TokenAnswer => "answer".to_owned(),
        WhoamiSource::Endpoint { endpoint, is_post } => format!("{} {endpoint}", if *is_post { "POST" } else { "GET" }),
        WhoamiSource::Nowhere => "nowhere".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn presets_lead_where_the_providers_say() {
    const BASIC: ClientAuth = ClientAuth::ClientSecretBasic;
    const POST: ClientAuth = ClientAuth::ClientSecretPost;
    type Line<'a> = (
        &'a str,
        &'a [(&'a str, &'a str)],
        Option<&'a str>,
        [&'a str; 2],
        &'a str,
        &'a str,
        (bool, ClientAuth),
    );
    let app = public_app().await;
    let directory = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let microsoft =
        |tenant: &str| ["authorize", "token"].map(|end| format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/{end}"));
    let [common, consumers, contoso] = ["common", "consumers", "contoso.example"].map(microsoft);
    let lines: &[Line<'_>] = &[
        (
            "google",
            &[],
            Some("https://accounts.google.com"),
            [
                "https://accounts.google.com/o/oauth2/v2/auth",
                "https://oauth2.googleapis.com/token",
            ],
            "anybody refresh https://oauth2.googleapis.com/revoke",
            "GET https://openidconnect.googleapis.com/v1/userinfo",
            (true, POST),
        ),
        ("microsoft", &[], None, [&common[0], &common[1]], "never", "id token", (true, POST)),
        (
            "microsoft",
            &[("tenant", "consumers")],
            Some("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
            [&consumers[0], &consumers[1]],
            "never",
            "id token",
            (true, POST),
        ),
        (
            "microsoft",
            &[("tenant", "contoso.example")],
            None,
            [&contoso[0], &contoso[1]],
            "never",
            "id token",
            (true, POST),
        ),
        (
            "github",
            &[],
            Some("https://github.com/login/oauth"),
            [
                "https://github.com/login/oauth/authorize",
                "https://github.com/login/oauth/access_token",
            ],
            "delete https://api.github.com/applications/our-client/token",
            "GET https://api.github.com/user",
            (true, POST),
        ),
        (
            "github_app",
            &[("host", "git.corp.example")],
            Some("https://git.corp.example/login/oauth"),
            [
                "https://git.corp.example/login/oauth/authorize",
                "https://git.corp.example/login/oauth/access_token",
            ],
            "delete https://git.corp.example/api/v3/applications/our-client/token",
            "GET https://git.corp.example/api/v3/user",
            (true, POST),
        ),
        (
            "slack",
            &[],
            Some("https://slack.com"),
            ["https://slack.com/oauth/v2/authorize", "https://slack.com/api/oauth.v2.access"],
            "bearer https://slack.com/api/auth.revoke",
            "POST https://slack.com/api/auth.test",
            (false, BASIC),
        ),
        (
            "atlassian",
            &[],
            Some("https://auth.atlassian.com"),
            ["https://auth.atlassian.com/authorize", "https://auth.atlassian.com/oauth/token"],
            "client refresh https://auth.atlassian.com/oauth/revoke",
            "GET https://api.atlassian.com/me",
            (true, POST),
        ),
        (
            "notion",
            &[],
            None,
            ["https://api.notion.com/v1/oauth/authorize", "https://api.notion.com/v1/oauth/token"],
            "json https://api.notion.com/v1/oauth/revoke",
            "answer",
            (false, BASIC),
        ),
        (
            "salesforce",
            &[("login_host", "acme.my.salesforce.com")],
            Some("https://acme.my.salesforce.com"),
            [
                "https://acme.my.salesforce.com/services/oauth2/authorize",
                "https://acme.my.salesforce.com/services/oauth2/token",
            ],
            "anybody refresh https://acme.my.salesforce.com/services/oauth2/revoke",
            "GET https://acme.my.salesforce.com/services/oauth2/userinfo",
            (true, POST),
        ),
        (
            "dropbox",
            &[],
            None,
            [
                "https://www.dropbox.com/oauth2/authorize",
                "https://api.dropboxapi.com/oauth2/token",
            ],
            "bearer https://api.dropboxapi.com/2/auth/token/revoke",
            "POST https://api.dropboxapi.com/2/users/get_current_account",
            (true, POST),
        ),
        (
            "discord",
            &[],
            Some("https://discord.com"),
            ["https://discord.com/api/oauth2/authorize", "https://discord.com/api/oauth2/token"],
            "client refresh https://discord.com/api/oauth2/token/revoke",
            "GET https://discord.com/api/users/@me",
            (true, BASIC),
        ),
        (
            "linkedin",
            &[],
            Some("https://www.linkedin.com/oauth"),
            [
                "https://www.linkedin.com/oauth/v2/authorization",
                "https://www.linkedin.com/oauth/v2/accessToken",
            ],
            "never",
            "GET https://api.linkedin.com/v2/userinfo",
            (false, POST),
        ),
        (
            "zoom",
            &[],
            Some("https://zoom.us"),
            ["https://zoom.us/oauth/authorize", "https://zoom.us/oauth/token"],
            "client access https://zoom.us/oauth/revoke",
            "GET https://api.zoom.us/v2/users/me",
            (true, BASIC),
        ),
        (
            "spotify",
            &[],
            None,
            ["https://accounts.spotify.com/authorize", "https://accounts.spotify.com/api/token"],
            "never",
            "GET https://api.spotify.com/v1/me",
            (true, BASIC),
        ),
    ];
    for (preset, parameters, issuer, endpoints, revoked, account, (pkce, auth)) in lines {
        let profile = resolve(&app, settings(preset, parameters)).await.expect(preset);
        let found = [profile.authorization_endpoint.as_str(), profile.token_endpoint.as_str()];
        assert_eq!((profile.issuer.as_deref(), found), (*issuer, *endpoints), "{preset}");
        assert_eq!(
            (revocation(&profile).as_str(), whoami(&profile).as_str()),
            (*revoked, *account),
            "{preset}"
        );
        assert_eq!((profile.pkce, profile.client_auth), (*pkce, *auth), "{preset}");
        assert!(!profile.requires_iss, "{preset}");
    }
    let tried: BTreeSet<&str> = lines.iter().map(|line| line.0).collect();
    let discovered = BTreeSet::from(["gitlab", "okta", "auth0", "gatehouse", "oidc", "oauth2"]);
    assert_eq!(
        presets::ALL.iter().map(|preset| preset.id).collect::<BTreeSet<_>>(),
        &tried | &discovered
    );
    assert_eq!(presets::ALL.len(), tried.len() + discovered.len());
    // A directory by its UUID has an issuer of its own.
    let profile = resolve(&app, settings("microsoft", &[("tenant", directory)])).await.unwrap();
    assert_eq!(
        profile.issuer.unwrap(),
        format!("https://login.microsoftonline.com/{directory}/v2.0")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_peculiar_about_them() {
    let app = public_app().await;
    let of = async |preset: &str, parameters: &[(&str, &str)]| resolve(&app, settings(preset, parameters)).await.unwrap();
    let parameters = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    assert_eq!(
        of("google", &[]).await.authorization_parameters,
        parameters(&[("access_type", "offline"), ("prompt", "consent")])
    );
    let microsoft = of("microsoft", &[]).await;
    assert_eq!(
        (microsoft.offline_scope, microsoft.refresh_with_scope, microsoft.whoami.id),
        (Some("offline_access"), true, ["/tid", "/oid"].as_slice())
    );
    let slack = of("slack", &[("team", "T0123")]).await;
    assert_eq!(
        (slack.scope_parameter, slack.scope_separator, slack.wrapped_in, slack.lifespan),
        ("user_scope", ',', Some("authed_user"), Lifespan::Unlimited)
    );
    assert_eq!(slack.authorization_parameters, parameters(&[("team", "T0123")]));
    assert!(of("slack", &[]).await.authorization_parameters.is_empty());
    let notion = of("notion", &[]).await;
    assert!(notion.json_body && notion.headers.contains_key("Notion-Version"));
    assert_eq!(notion.authorization_parameters, parameters(&[("owner", "user")]));
    let salesforce = of("salesforce", &[]).await;
    assert_eq!(
        (salesforce.offline_scope, salesforce.passed_on, salesforce.lifespan),
        (Some("refresh_token"), ["instance_url"].as_slice(), Lifespan::Assumed(900))
    );
    assert_eq!(
        of("dropbox", &[]).await.authorization_parameters,
        parameters(&[("token_access_type", "offline")])
    );
    assert_eq!(of("github_app", &[]).await.dead_grant, ["bad_refresh_token"]);
    let cloud = of("github", &[("host", "acme.ghe.com")]).await;
    assert_eq!(whoami(&cloud), "GET https://api.acme.ghe.com/user");
}

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
