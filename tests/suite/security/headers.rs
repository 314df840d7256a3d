//! The headers that protect pages and answers.

use crate::support::browser::http;
use crate::support::{Browser, Database, Page, TestApp};

fn assert_protected(page: &Page) {
    let policy = page.header("content-security-policy");
    for rule in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action"] {
        assert!(policy.contains(rule), "{}: {policy}", page.url);
    }
    assert!(!policy.contains("unsafe"), "{}: {policy}", page.url);
    assert_eq!(page.header("referrer-policy"), "no-referrer", "{}", page.url);
    assert_eq!(page.header("x-content-type-options"), "nosniff", "{}", page.url);
    assert_eq!(page.header("x-frame-options"), "DENY", "{}", page.url);
    assert_eq!(page.header("cache-control"), "no-store", "{}", page.url);
    assert!(page.headers.contains_key("x-request-id"), "{}", page.url);
    for inline in ["<style", "style=\"", " onclick", "javascript:"] {
        assert!(!page.body.contains(inline), "{}: {inline}", page.url);
    }
    assert!(!page.body.contains("<script>"), "{}", page.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_protected() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.public_client().await;
    let browser = Browser::new();
    for path in ["/", "/login", "/logout", "/setup", "/nothing", "/authorize", "/consent"] {
        assert_protected(&browser.get(&app.url(path)).await);
    }
    let login = browser.visit(&client.authorize_url(&[])).await;
    assert_protected(&login);
    let consent = browser.sign_in(&login, "alice", "alice").await;
    assert_protected(&consent);
    assert!(
        consent.header("content-security-policy").contains("https://app.example"),
        "the way back is open"
    );
    assert_protected(&browser.visit(&client.authorize_url(&[("prompt", "select_account")])).await);
    assert_protected(
        &browser
            .visit(&client.authorize_url(&[("prompt", "none"), ("response_mode", "form_post")]))
            .await,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_cached_and_nothing_else_is() {
    let app = TestApp::start(Database::Sqlite).await;
    for path in ["/static/gatehouse.css", "/static/gatehouse.svg", "/static/form_post.js"] {
        let answer = http().get(app.url(path)).send().await.unwrap();
        assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"), "{path}");
        let tag = answer.headers()["etag"].clone();
        assert_eq!(
            http()
                .get(app.url(path))
                .header("if-none-match", tag)
                .send()
                .await
                .unwrap()
                .status(),
            304
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_https_cookies_are_host_bound_and_secure() {
    // The server itself speaks http here, as behind a proxy that terminates TLS.
    let app = TestApp::with_settings(Database::Sqlite, &[("issuer", "https://id.example")]).await;
    app.user("alice").await;
    let browser = Browser::new();
    let page = browser.get(&app.url("/login")).await;
    assert_eq!(page.header("strict-transport-security"), "max-age=31536000");
    let page = browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
    assert_eq!(page.status, 303);
    let mut names = 0;
    for cookie in page.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(
            cookie.starts_with("__Host-gatehouse_") && cookie.contains("Secure") && cookie.contains("Path=/") && !cookie.contains("Domain"),
            "{cookie}"
        );
        names += 1;
    }
    assert_eq!(names, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_trusted_proxies_say_where_a_request_comes_from() {
    let failed_from = |app: &TestApp, forwarded: &'static str| {
        let (url, browser) = (app.url("/login"), Browser::new());
        async move {
            let page = browser.visit(&url).await;
            let csrf = page.field("csrf");
            let request = http()
                .post(&url)
                .form(&[("csrf", csrf.as_str()), ("username", "alice"), ("password", "x")]);
            browser
                .send(request.header("x-forwarded-for", forwarded), &url)
                .await
                .status
                .as_u16()
        }
    };
    // Nobody is trusted: a guesser cannot change places by a header.
    let app = TestApp::start(Database::Sqlite).await;
    for forwarded in ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5"] {
        assert_eq!(failed_from(&app, forwarded).await, 401);
    }
    assert_eq!(failed_from(&app, "1.1.1.6").await, 429);
    // A trusted proxy appends the truth; what stands before it is hearsay.
    let app = TestApp::with_settings(Database::Sqlite, &[("trusted_proxies", "127.0.0.1")]).await;
    for forwarded in [
        "9.9.9.1, 2.2.2.2",
        "9.9.9.2, 2.2.2.2",
        "9.9.9.3, 2.2.2.2",
        "2.2.2.2",
        "nonsense, 2.2.2.2",
    ] {
        assert_eq!(failed_from(&app, forwarded).await, 401);
    }
    assert_eq!(failed_from(&app, "9.9.9.6, 2.2.2.2").await, 429);
    assert_eq!(failed_from(&app, "2.2.2.2, 3.3.3.3").await, 401);
}
