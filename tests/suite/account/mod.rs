//! `/account`: what people see and change of their own, and that nobody else gets there.

mod activity;
mod applications;
mod connections;
mod login;
mod password;
mod profile;
mod sessions;

use crate::support::{Browser, Page, TestApp};

const SESSION: &str = "gatehouse_session";

/// A browser in which somebody is signed in, with their name as password.
async fn signed_in(app: &TestApp, username: &str) -> Browser {
    let browser = Browser::new();
    sign_in(app, &browser, username, username).await;
    browser
}

async fn sign_in(app: &TestApp, browser: &Browser, username: &str, password: &str) {
    let page = browser.visit(&app.url("/login")).await;
    let answer = browser.submit(&page, &[("username", username), ("password", password)]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
}

/// Whether a browser is signed in.
async fn is_in(app: &TestApp, browser: &Browser) -> bool {
    browser.get(&app.url("/account")).await.status == 200
}

/// Sends fields to a path with the token of a form of that browser.
async fn post(app: &TestApp, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Page {
    let csrf = csrf(app, browser).await;
    let mut all = vec![("csrf", csrf.as_str())];
    all.extend_from_slice(fields);
    browser.post(&app.url(path), &all).await
}

/// The token of the forms at `/account`.
async fn csrf(app: &TestApp, browser: &Browser) -> String {
    browser.visit(&app.url("/account/profile")).await.field("csrf")
}

/// Everything here is for people who are signed in, and no form is taken from elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_foreign_forms_are_turned_away() {
    let app = TestApp::start(crate::support::Database::Sqlite).await;
    app.user("alice").await;
    let (alice, stranger) = (signed_in(&app, "alice").await, Browser::new());
    let alices = csrf(&app, &alice).await;
    for path in [
        "",
        "/profile",
        "/password",
        "/sessions",
        "/applications",
        "/connections",
        "/activity",
    ] {
        let path = format!("/account{path}");
        let page = stranger.get(&app.url(&path)).await;
        let next = format!("{}/login?next={}", app.base, path.replace('/', "%2F"));
        assert_eq!((page.status.as_u16(), page.location()), (303, Some(next)), "{path}");
        let page = alice.get(&app.url(&path)).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.body.matches("<h1").count(), 1, "{path}");
        assert!(page.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(!page.header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
    }
    for path in ["/profile", "/password", "/sessions", "/applications/remove", "/connections/remove"] {
        let url = app.url(&format!("/account{path}"));
        assert_eq!(stranger.post(&url, &[("csrf", &alices)]).await.status, 303, "{path}");
        assert_eq!(alice.post(&url, &[]).await.status, 403, "{path}: without a token");
        assert_eq!(alice.post(&url, &[("csrf", "wrong")]).await.status, 403, "{path}: with a wrong one");
        let home = alice.visit(&app.url("/")).await;
        let other = home.field("csrf");
        assert_eq!(alice.post(&url, &[("csrf", &other)]).await.status, 403, "{path}: of another form");
        let request = crate::support::browser::http().post(&url).form(&[("csrf", &alices)]);
        let page = alice.send(request.header("sec-fetch-site", "cross-site"), &url).await;
        assert_eq!(page.status, 403, "{path}: from another site");
    }
    // The token of one person is worthless for another.
    app.user("bob").await;
    let bob = signed_in(&app, "bob").await;
    let fields = [("csrf", alices.as_str()), ("end", "others")];
    assert_eq!(bob.post(&app.url("/account/sessions"), &fields).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_leads_everywhere_and_the_front_page_leads_to_it() {
    let app = TestApp::start(crate::support::Database::Sqlite).await;
    app.user("alice").await;
    app.user_with("root", |user| user.roles = vec!["admin".to_owned()]).await;
    let browser = signed_in(&app, "alice").await;
    assert!(browser.visit(&app.url("/")).await.body.contains("href=\"/account\""));
    let page = browser.visit(&app.url("/account")).await;
    for text in [
        "alice example",
        "alice@example.com",
        "/account/profile",
        "/account/password",
        "/account/sessions",
        "/account/applications",
        "/account/connections",
        "/account/activity",
        "/logout",
    ] {
        assert!(page.body.contains(text), "{text}");
    }
    assert!(!page.body.contains("/admin"));
    let administrator = signed_in(&app, "root").await;
    assert!(administrator.visit(&app.url("/account")).await.body.contains("href=\"/admin\""));
    assert!(!Browser::new().visit(&app.url("/")).await.body.contains("href=\"/account\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_below_a_path() {
    let options = crate::support::app::Options {
        path: "/tenant/one",
        ..Default::default()
    };
    let app = TestApp::start_with(crate::support::Database::Sqlite, options).await;
    app.user("alice").await;
    let browser = Browser::new();
    let page = browser.visit(&app.url("/account/sessions")).await;
    assert_eq!(page.field("next"), "/account/sessions");
    let answer = browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
    assert_eq!(answer.location(), Some(app.url("/account/sessions")));
    let page = browser.follow(answer).await;
    assert!(page.body.contains("This browser"));
    assert!(page.body.contains("href=\"/tenant/one/account/profile\""));
}
