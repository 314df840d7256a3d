//! Coming back after signing in, and nowhere else.

use super::{SESSION, signed_in};
use crate::support::{Browser, Database, TestApp};

fn login(app: &TestApp, query: &[(&str, &str)]) -> String {
    let mut url = url::Url::parse(&app.url("/login")).unwrap();
    url.query_pairs_mut().extend_pairs(query);
    url.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_survives_wrong_passwords() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let browser = Browser::new();
    let page = browser.visit(&app.url("/account/activity?before=x")).await;
    assert!(page.body.contains("name=\"password\""));
    let wrong = browser.submit(&page, &[("username", "alice"), ("password", "wrong")]).await;
    assert_eq!(wrong.status, 401);
    let wrong = browser.submit(&wrong, &[("username", "alice"), ("password", "wrong again")]).await;
    let answer = browser.submit(&wrong, &[("username", "alice"), ("password", "alice")]).await;
    assert_eq!(answer.location(), Some(app.url("/account/activity?before=x")));
    // Whoever is signed in is sent on at once.
    let answer = browser.get(&login(&app, &[("next", "/account/profile")])).await;
    assert_eq!(answer.location(), Some(app.url("/account/profile")));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_leads_to_no_other_site() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let alice = signed_in(&app, "alice").await;
    for next in [
        "//evil.example",
        "https://evil.example/account",
        "/\\evil.example",
        "/account//evil.example",
        "/account\\evil",
        "/account.evil.example",
        "/account/../logout",
        "/account\r\nLocation: https://evil.example",
        "javascript:alert(1)",
        "/logout",
        "/\t/evil.example",
        "\"><script>alert(1)</script>",
    ] {
        let answer = alice.get(&login(&app, &[("next", next)])).await;
        assert_eq!(answer.location(), Some(app.url("/")), "{next}");
        let browser = Browser::new();
        let page = browser.visit(&login(&app, &[("next", next)])).await;
        assert_eq!(page.field("next"), "/", "{next}");
        // Neither when the form itself says so.
        let answer = browser
            .submit(&page, &[("username", "alice"), ("password", "alice"), ("next", next)])
            .await;
        assert_eq!(answer.location(), Some(app.url("/")), "{next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_can_be_asked_for_again() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let browser = signed_in(&app, "alice").await;
    let before = browser.cookies()[SESSION].clone();
    app.advance(3600);
    let page = browser
        .visit(&login(&app, &[("prompt", "login"), ("next", "/account/password")]))
        .await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Please enter your password again."));
    assert!(page.body.contains("value=\"alice\""));
    let wrong = browser.submit(&page, &[("password", "wrong")]).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.body.contains("Please enter your password again."));
    assert_eq!(browser.cookies()[SESSION], before, "nothing has changed");
    let answer = browser.submit(&wrong, &[("password", "alice")]).await;
    assert_eq!(answer.location(), Some(app.url("/account/password")));
    assert_ne!(browser.cookies()[SESSION], before);
    let old = Browser::new();
    old.set_cookie(SESSION, &before);
    assert!(!super::is_in(&app, &old).await, "the new session replaces the old one");
}
