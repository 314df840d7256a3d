//! Pages and developer endpoints, as people and developers meet them.

use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::process::wait_for;
use crate::support::{Browser, Database, TestApp};
use gatehouse::identity::admin_token;
use secrecy::ExposeSecret;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn set_up_wants_the_code_and_shows_the_token_once() {
    let app = TestApp::start(Database::Sqlite).await;
    let browser = Browser::new();
    let page = browser.visit(&app.url("/setup")).await;
    let wrong = browser.submit(&page, &[("code", "guess")]).await;
    assert_eq!(wrong.status, 403);
    assert!(admin_token::is_setup_open(&app.app).await.unwrap());
    let link = format!("/setup?code={}", admin_token::setup_code(&app.app));
    let page = browser.visit(&app.url(&link)).await;
    assert!(
        admin_token::is_setup_open(&app.app).await.unwrap(),
        "opening the link changes nothing"
    );
    let done = browser.submit(&page, &[]).await;
    assert_eq!(done.status, 200);
    let start = done.body.find("gh_admin_").expect("the token is shown");
    let token: String = done.body[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        .collect();
    assert!(admin_token::verify(&app.app, &token).await.unwrap());
    assert_eq!(browser.submit(&page, &[]).await.status, 410);
    assert_eq!(browser.visit(&app.url(&link)).await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn developer_endpoints() {
    for kind in [Database::Sqlite, Database::Postgres, Database::MySql] {
        let settings = vec![("enable_dev_endpoints", "true".to_owned())];
        let app = TestApp::start_with(
            kind,
            Options {
                settings,
                ..Options::default()
            },
        )
        .await;
        let token = admin_token::reset(&app.app).await.unwrap();
        let call = |path: &str| http().get(app.url(path)).header("x-admin-token", token.expose_secret());
        for path in ["/dev/seed", "/dev/pkce", "/dev/clients"] {
            assert_eq!(send(http().get(app.url(path))).await.status, 401, "{path}");
            assert_eq!(
                send(http().get(app.url(path)).header("x-admin-token", "wrong")).await.status,
                401,
                "{path}"
            );
        }
        let pkce = send(call("/dev/pkce")).await;
        let challenge = gatehouse::protocol::pkce::CodeChallenge::of(pkce.text("code_verifier"));
        assert_eq!(pkce.text("code_challenge"), challenge.as_str());
        assert_eq!(pkce.text("code_challenge_method"), "S256");

        let seeded = send(call("/dev/seed")).await;
        assert_eq!(seeded.status, 200, "{}", seeded.body);
        assert_eq!(send(call("/dev/seed")).await.body, seeded.body, "twice is the same");
        let browser = Browser::new();
        let page = browser.visit(&app.url("/login")).await;
        assert!(page.body.contains("Developer endpoints are enabled"), "every page says so");
        assert_eq!(
            browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await.status,
            303
        );

        let seeded = send(call("/dev/seed?profile=mcp")).await;
        assert_eq!(send(call("/dev/seed?profile=mcp")).await.body, seeded.body);
        let secret = seeded.body["clients"][1]["client_secret"].as_str().unwrap().to_owned();
        for (username, password, scope) in [
            ("alice", "password123", "read write"),
            ("bob", "secret456", "read"),
            ("admin", "admin789", "read write admin"),
        ] {
            let mut client = app.public_client().await;
            client.client.id = "mcp-client".to_owned();
            client.redirect_uri = "http://localhost:8080/callback".to_owned();
            let browser = Browser::new();
            let page = browser.visit(&client.authorize_url(&[("scope", "read write admin")])).await;
            let page = browser.sign_in(&page, username, password).await;
            let page = browser.decide(&page, "allow").await;
            let tokens = client.redeem(&page.answer("code").unwrap()).await;
            assert_eq!(tokens.text("scope"), scope, "{username}");
            let request = http()
                .post(app.url("/introspect"))
                .basic_auth("mcp-server", Some(&secret))
                .form(&[("token", tokens.text("access_token"))]);
            let introspected = send(request).await;
            assert_eq!(introspected.body["username"], username);
            assert_eq!(introspected.body["scope"], scope);
        }
        assert_eq!(send(call("/dev/seed?profile=nonsense")).await.status, 400);

        let made = send(call("/dev/clients?type=confidential&name=Mine")).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let request = http()
            .post(app.url("/token"))
            .basic_auth(made.text("client_id"), Some(made.text("client_secret")));
        assert_eq!(send(request.form(&[("grant_type", "client_credentials")])).await.status, 200);
        let bad = send(call("/dev/clients?redirect_uri=javascript:alert(1)")).await;
        assert_eq!((bad.status, bad.error()), (400, "invalid_request"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_says_who_is_signed_in_and_lets_them_out() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let browser = Browser::new();
    let page = browser.visit(&app.url("/")).await;
    assert!(page.body.contains("/login"));
    let page = browser.visit(&app.url("/login")).await;
    let page = browser.sign_in(&page, "alice", "alice").await;
    assert!(page.body.contains("alice"));
    let page = browser.submit(&page, &[]).await;
    let page = browser.follow(page).await;
    assert_eq!(page.status, 200);
    assert!(!browser.visit(&app.url("/")).await.body.contains("alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_answered_at_every_name() {
    let app = TestApp::start(Database::Sqlite).await;
    for path in ["/health", "/healthz", "/ping"] {
        let answer = send(http().get(app.url(path))).await;
        assert_eq!((answer.status, answer.body), (200, json!({ "status": "ok" })), "{path}: no version");
    }
    assert_eq!(send(http().get(app.url("/readyz"))).await.text("status"), "ready");
    app.app.store.close().await;
    // What it found out a moment ago may be said for half a second.
    wait_for("/readyz says so", async || send(http().get(app.url("/readyz"))).await.status == 503).await;
    assert_eq!(send(http().get(app.url("/health"))).await.status, 200);
    let answer = send(
        http()
            .post(app.url("/token"))
            .form(&[("grant_type", "client_credentials"), ("client_id", "x")]),
    )
    .await;
    assert_eq!(
        (answer.status, answer.error(), answer.header("retry-after")),
        (503, "temporarily_unavailable", "5")
    );
}
