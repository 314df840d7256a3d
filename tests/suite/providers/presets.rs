//! What presets make of their parameters: the documented addresses, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use gatehouse::federation::providers::presets;
use gatehouse::protocol::provider::{ClientAuth, Lifespan, Profile, Revocation, RevokedToken, WhoamiSource};

use super::{public_app, resolve, settings};

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
