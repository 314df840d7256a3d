//! Providers: from the choice of a preset to the end.

use gatehouse::admin::providers as engine;
use gatehouse::federation::providers::{Credential, callback_url, credential, is_sound, presets, register};
use gatehouse::model::provider::{Provider, ProviderKind, ProviderSettings};
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::provider::ClientAuth;
use secrecy::{ExposeSecret, SecretString};

use super::{Desk, words};
use crate::support::database::execute;
use crate::support::{Database, TestApp};
use crate::vault::{self, given, kept};

async fn found(desk: &Desk, id: &str) -> Provider {
    engine::find(&desk.app.app, id).await.unwrap()
}

/// The secret, opened.
async fn secret(desk: &Desk, id: &str) -> Option<String> {
    let opened = credential(&desk.app.app, &found(desk, id).await).ok().flatten();
    opened.map(|secret| secret.expose_secret().to_owned())
}

async fn google(desk: &Desk, id: &str) {
    let settings = ProviderSettings {
        name: "Google".to_owned(),
        preset: "google".to_owned(),
        client_id: "us".to_owned(),
        ..ProviderSettings::default()
    };
    let secret = Credential::ClientSecret(SecretString::from("old-secret"));
    register(&desk.app.app, id, settings, Some(secret)).await.unwrap();
}

fn is_blamed(page: &crate::support::Page, field: &str) -> bool {
    page.status == 422 && page.body.contains(&format!("id=\"field-{field}-problem\""))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preset_asks_for_what_it_needs_and_nothing_else() {
    let desk = Desk::new().await;
    let page = desk.get("/admin/new-provider").await;
    for preset in presets::ALL {
        assert!(page.body.contains(&format!("preset={}\"", preset.id)), "{}", preset.id);
    }
    let page = desk.get("/admin/new-provider?preset=google").await;
    assert!(
        page.body.contains(&callback_url(&desk.app.app, "google")),
        "before there is a secret"
    );
    assert!(page.body.contains("https://console.cloud.google.com/"));
    for field in ["issuer", "token_endpoint", "api_key"] {
        assert!(!page.body.contains(&format!("id=\"field-{field}\"")), "{field}");
    }
    assert!(!page.body.contains("parameter_"));
    let values = [("client_id", "é"), ("client_secret", "s3cret-of-google"), ("scope", "a\r\nb")];
    let wrong = desk.send(&page, "/admin/new-provider", &values).await;
    assert!(is_blamed(&wrong, "client_id"), "{}", wrong.body);
    assert!(!wrong.body.contains("s3cret-of-google"), "secrets are typed again");
    let values = [("client_id", "us"), ("client_secret", "s3cret-of-google")];
    let page = desk.send(&wrong, "/admin/new-provider", &values).await;
    assert!(words(&page).contains("Created."), "{}", words(&page));
    assert!(!page.body.contains("s3cret-of-google"));
    assert!(page.body.contains(&callback_url(&desk.app.app, "google")));
    let made = found(&desk, "google").await;
    assert_eq!((made.name.as_str(), made.scope.to_string().as_str()), ("Google", "a b"));
    assert_eq!(secret(&desk, "google").await.as_deref(), Some("s3cret-of-google"));

    // A second one has another id.
    let page = desk.get("/admin/new-provider?preset=google").await;
    assert!(page.body.contains(&callback_url(&desk.app.app, "google-2")));
    let page = desk.get("/admin/new-provider?preset=google&as=google").await;
    assert!(
        is_blamed(&page, "as") && words(&page).contains("There is a provider google already."),
        "{}",
        words(&page)
    );
    let page = desk.get("/admin/new-provider?preset=google&as=Bad%20One").await;
    assert!(is_blamed(&page, "as"), "{}", words(&page));
    let page = desk.get("/admin/new-provider?preset=google&as=mine").await;
    assert!(page.body.contains(&callback_url(&desk.app.app, "mine")));
    // Somebody takes it meanwhile.
    google(&desk, "mine").await;
    let page = desk.send(&page, "/admin/new-provider", &[("client_id", "us")]).await;
    assert_eq!(page.status, 409);
    assert!(page.body.contains("id=\"field-id-problem\""), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_parameter_or_an_endpoint_is_said_at_its_field() {
    let desk = Desk::new().await;
    let page = desk.get("/admin/new-provider?preset=okta").await;
    let values = [("client_id", "us"), ("parameter_domain", "https://dev.okta.com")];
    let page = desk.send(&page, "/admin/new-provider", &values).await;
    assert!(is_blamed(&page, "parameter_domain"), "{}", page.body);
    let page = desk.send(&page, "/admin/new-provider", &[("parameter_domain", "")]).await;
    assert!(is_blamed(&page, "parameter_domain"), "{}", page.body);
    let page = desk
        .send(&page, "/admin/new-provider", &[("parameter_domain", "dev.okta.com")])
        .await;
    assert!(words(&page).contains("Created."), "{}", words(&page));
    assert_eq!(found(&desk, "okta").await.parameters["domain"], "dev.okta.com");

    // Those that can be anybody are called by nobody's name.
    let page = desk.get("/admin/new-provider?preset=oauth2").await;
    assert!(words(&page).contains("What is it called here?"), "{}", words(&page));
    let page = desk.get("/admin/new-provider?preset=oauth2&as=tracker").await;
    let values = [
        ("name", "Tracker"),
        ("client_id", "us"),
        ("authorization_endpoint", "https://tracker.example/authorize"),
        ("authorization_parameters", "prompt"),
    ];
    let page = desk.send(&page, "/admin/new-provider", &values).await;
    assert!(is_blamed(&page, "token_endpoint"), "{}", page.body);
    let page = desk.send(&page, "/admin/new-provider", &[("token_endpoint", "nonsense")]).await;
    assert!(is_blamed(&page, "token_endpoint"), "{}", page.body);
    let page = desk
        .send(&page, "/admin/new-provider", &[("token_endpoint", "https://tracker.example/token")])
        .await;
    assert!(is_blamed(&page, "authorization_parameters"), "{}", page.body);
    let values = [
        ("authorization_parameters", "prompt=consent\r\naudience=a=b"),
        ("revocation_endpoint", "ftp://tracker.example/revoke"),
    ];
    let page = desk.send(&page, "/admin/new-provider", &values).await;
    assert!(is_blamed(&page, "revocation_endpoint"), "{}", page.body);
    let page = desk.send(&page, "/admin/new-provider", &[("revocation_endpoint", "")]).await;
    assert!(words(&page).contains("Created."), "{}", words(&page));
    let made = found(&desk, "tracker").await;
    assert_eq!(
        made.endpoints.as_ref().unwrap().token_endpoint.as_str(),
        "https://tracker.example/token"
    );
    assert_eq!(made.authorization_parameters["audience"], "a=b");
    assert!(made.sealed_secret.is_none());
    assert!(words(&page).contains("Without secret"), "{}", words(&page));

    let page = desk.get("/admin/new-provider?preset=oidc&as=company").await;
    let values = [("name", "Company"), ("client_id", "us"), ("issuer", "http://intranet")];
    let page = desk.send(&page, "/admin/new-provider", &values).await;
    assert!(is_blamed(&page, "issuer"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_kept_for_agents() {
    let desk = Desk::new().await;
    let page = desk.get("/admin/new-provider?preset=api_key").await;
    assert!(!page.body.contains("field-client_id") && !page.body.contains("/connect/callback/"));
    let values = [("id", "we ather"), ("name", "Weather"), ("api_key", "k-123")];
    let page = desk.send(&page, "/admin/new-provider", &values).await;
    assert!(is_blamed(&page, "id") && !page.body.contains("k-123"), "{}", page.body);
    let values = [("id", "weather"), ("api_key", "k-123")];
    let page = desk.send(&page, "/admin/new-provider", &values).await;
    assert!(words(&page).contains("Created."), "{}", words(&page));
    assert!(!page.body.contains("k-123") && !page.body.contains("/connect/callback/"));
    assert_eq!(found(&desk, "weather").await.kind, ProviderKind::ApiKey);
    assert_eq!(secret(&desk, "weather").await.as_deref(), Some("k-123"));
    let path = "/admin/providers/weather";
    let page = desk.send(&page, path, &[("name", "Weather & wind")]).await;
    assert!(words(&page).contains("Saved."), "{}", words(&page));
    assert_eq!(found(&desk, "weather").await.name, "Weather & wind");
    assert_eq!(secret(&desk, "weather").await.as_deref(), Some("k-123"), "it stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_was_faster() {
    let desk = Desk::new().await;
    google(&desk, "google").await;
    let path = "/admin/providers/google";
    let mine = desk.get(path).await;
    let questions = [
        desk.get(&format!("{path}/disabled")).await,
        desk.get(&format!("{path}/delete")).await,
        desk.get(&format!("{path}/secret")).await,
    ];
    // Sent as it is, nothing changes.
    desk.send(&mine, path, &[]).await;
    assert_eq!(found(&desk, "google").await.version, 1);
    let theirs = desk.get(path).await;
    desk.send(&theirs, path, &[("scope", "theirs")]).await;
    let page = desk.send(&mine, path, &[("scope", "mine"), ("name", "Mine")]).await;
    assert_eq!(page.status, 412);
    let said = words(&page);
    assert!(
        said.contains("Somebody else changed this") && said.contains("Saved now: theirs"),
        "{said}"
    );
    assert!(page.body.contains("value=\"Mine\""), "what was typed is still there");
    let [disable, delete, secret_of] = &questions;
    assert_eq!(desk.send(disable, "/disabled", &[]).await.status, 412);
    assert_eq!(desk.send(delete, "/delete", &[]).await.status, 412);
    assert_eq!(desk.send(secret_of, "/secret", &[("client_secret", "mine")]).await.status, 412);
    let now = found(&desk, "google").await;
    assert_eq!((now.scope.to_string().as_str(), now.is_disabled), ("theirs", false));
    assert_eq!(secret(&desk, "google").await.as_deref(), Some("old-secret"));
    let page = desk.send(&page, path, &[]).await;
    assert!(words(&page).contains("Saved."), "now on purpose: {}", words(&page));
    assert_eq!(found(&desk, "google").await.scope.to_string(), "mine");
    // A form without a version replaces nothing.
    assert_eq!(desk.send(&mine, path, &[("version", ""), ("name", "Blind")]).await.status, 412);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_change_together_with_the_secret_and_a_secret_can_be_replaced_and_removed() {
    let desk = Desk::new().await;
    let settings = ProviderSettings {
        name: "Microsoft".to_owned(),
        preset: "microsoft".to_owned(),
        client_id: "us".to_owned(),
        ..ProviderSettings::default()
    };
    let old = Credential::ClientSecret(SecretString::from("old-secret"));
    register(&desk.app.app, "ms", settings, Some(old)).await.unwrap();
    let path = "/admin/providers/ms";
    let page = desk.get(path).await;
    let wrong = desk.send(&page, path, &[("parameter_tenant", "organizations")]).await;
    assert!(is_blamed(&wrong, "client_secret"), "{}", wrong.body);
    assert!(
        wrong.body.contains("<details class=\"folded\" open>"),
        "what is wrong does not hide"
    );
    let page = desk.send(&wrong, path, &[("client_secret", "new-secret")]).await;
    assert!(words(&page).contains("Saved."), "{}", words(&page));
    assert_eq!(found(&desk, "ms").await.parameters["tenant"], "organizations");
    assert_eq!(secret(&desk, "ms").await.as_deref(), Some("new-secret"));

    let at = format!("{path}/secret");
    let page = desk.get(&at).await;
    let wrong = desk.send(&page, "/secret", &[]).await;
    assert!(is_blamed(&wrong, "client_secret"), "{}", wrong.body);
    let page = desk.send(&wrong, "/secret", &[("client_secret", "third-secret")]).await;
    assert!(words(&page).contains("The secret was set."), "{}", words(&page));
    assert!(!page.body.contains("third-secret"));
    assert_eq!(secret(&desk, "ms").await.as_deref(), Some("third-secret"));
    let page = desk.get(&at).await;
    assert!(!page.body.contains("third-secret"));
    let (target, fields) = super::form(&page, "/secret");
    let csrf = &fields.iter().find(|(name, _)| name == "csrf").unwrap().1;
    let sent = [("csrf", csrf.as_str()), ("version", "3"), ("remove", "yes")];
    let answer = desk.browser.post(&target, &sent).await;
    assert_eq!(
        answer.header("location"),
        "/admin/providers/ms?done=secret-removed",
        "{}",
        answer.body
    );
    assert!(found(&desk, "ms").await.sealed_secret.is_none());

    // A private key says what it is for, and what is no key is not repeated.
    let page = desk.get(path).await;
    let wrong = desk.send(&page, path, &[("private_key", "s3cret")]).await;
    assert!(is_blamed(&wrong, "private_key") && !wrong.body.contains("s3cret"), "{}", wrong.body);
    let values = [("private_key", "{\"kty\": \"EC\"}"), ("client_secret", "both")];
    assert!(is_blamed(&desk.send(&page, path, &values).await, "private_key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_providers_that_need_no_secret_are_confirmed() {
    let desk = Desk::new().await;
    for (id, auth) in [("open", ClientAuth::None), ("signs", ClientAuth::PrivateKeyJwt)] {
        let settings = ProviderSettings {
            name: id.to_owned(),
            preset: "oidc".to_owned(),
            issuer: Some("https://op.example".to_owned()),
            client_id: "us".to_owned(),
            client_auth: Some(auth),
            ..ProviderSettings::default()
        };
        register(&desk.app.app, id, settings, None).await.unwrap();
    }
    // There is nothing to confirm, and no secret that could be removed.
    assert!(!words(&desk.get("/admin/providers").await).contains("Without secret"));
    assert!(
        !desk
            .get("/admin/providers/open")
            .await
            .body
            .contains("/admin/providers/open/secret")
    );
    for id in ["open", "signs"] {
        let page = desk.get(&format!("/admin/providers/{id}/secret")).await;
        assert!(!words(&page).contains("The addresses are right"), "{}", words(&page));
        assert!(!words(&page).contains("Remove"), "{}", words(&page));
    }
    execute(&desk.app.database_url(), "UPDATE providers SET sealed_secret = NULL".to_owned()).await;
    for id in ["open", "signs"] {
        assert!(!is_sound(&desk.app.app, &found(&desk, id).await));
        let page = desk.get(&format!("/admin/providers/{id}")).await;
        let at = format!("/admin/providers/{id}/secret");
        assert!(page.body.contains(&at), "{}", page.body);
        let page = desk.get(&at).await;
        assert!(words(&page).contains("The addresses are right"), "{}", words(&page));
        assert!(!words(&page).contains("Remove"), "{}", words(&page));
        let (target, fields) = super::form(&page, "/secret");
        let sent: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert!(sent.contains(&("remove", "yes")), "{sent:?}");
        let answer = desk.browser.post(&target, &sent).await;
        let expected = format!("/admin/providers/{id}?done=addresses-confirmed");
        assert_eq!(answer.header("location"), expected, "{}", answer.body);
        assert!(is_sound(&desk.app.app, &found(&desk, id).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_in_words_what_it_finds() {
    let desk = Desk::new().await;
    let elsewhere = TestApp::start(Database::Sqlite).await;
    let there = elsewhere.client(AuthMethod::ClientSecretBasic, |_| {}).await;
    let page = desk.get("/admin/new-provider?preset=gatehouse&as=other").await;
    let values = [
        ("name", "The other place"),
        ("issuer", elsewhere.base.as_str()),
        ("client_id", there.id()),
    ];
    let page = desk.send(&page, "/admin/new-provider", &values).await;
    assert!(words(&page).contains("Created."), "{}", words(&page));
    let path = "/admin/providers/other/check";
    let page = desk.send(&desk.get(path).await, "/check", &[]).await;
    let said = words(&page);
    assert!(
        said.contains("There is a problem") && said.contains("The secret is missing"),
        "{said}"
    );
    assert!(said.contains(&format!("{}/token", elsewhere.base)), "what was found: {said}");

    let secret = desk.get("/admin/providers/other/secret").await;
    desk.send(&secret, "/secret", &[("client_secret", "anything")]).await;
    let said = words(&desk.send(&desk.get(path).await, "/check", &[]).await);
    assert!(said.contains("Nothing is wrong with it"), "{said}");

    let disable = desk.get("/admin/providers/other/disabled").await;
    let page = desk.send(&disable, "/disabled", &[]).await;
    assert!(
        words(&page).contains("Disabled: nothing works with it any more."),
        "{}",
        words(&page)
    );
    elsewhere.stop().await;
    let said = words(&desk.send(&desk.get(path).await, "/check", &[]).await);
    assert!(said.contains("There are 2 problems") && said.contains("is disabled"), "{said}");
    let page = desk.get("/admin/providers/other").await;
    assert!(words(&desk.send(&page, "/disabled", &[]).await).contains("Enabled."));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_says_how_much_goes_with_it_and_nothing_more_goes() {
    let desk = Desk::new().await;
    google(&desk, "mail").await;
    let empty = desk.get("/admin/providers/mail/delete").await;
    assert!(words(&empty).contains("Nobody has a connection there"), "{}", words(&empty));
    let (agent, connection) = vault::connected(&desk.app).await;
    let page = desk.send(&empty, "/delete", &[]).await;
    assert_eq!(page.status, 409, "a page that said nothing of it");
    assert!(words(&page).contains("1 connection to Google will be removed"), "{}", words(&page));
    kept(&desk.app.app, &agent, &given(&connection.user_id, "second", 2)).await;
    let page = desk.send(&page, "/delete", &[]).await;
    assert_eq!(page.status, 409);
    assert!(words(&page).contains("Delete for good, with 2 connections"), "{}", words(&page));
    let page = desk.send(&page, "/delete", &[]).await;
    assert!(words(&page).contains("Deleted."), "{}", words(&page));
    assert!(vault::read(&desk.app.app, &connection.id).await.is_none());
    assert_eq!(desk.get("/admin/providers/mail").await.status, 404);
}
