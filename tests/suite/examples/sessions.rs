//! What the examples have in common, seen at the to-do list: answers that are not ours, sessions that are
//! not theirs, forms from elsewhere.

use reqwest::StatusCode;
use url::Url;

use super::{Stage, leave, send};
use crate::support::process::Sandbox;
use crate::support::{Browser, Page};

/// Signs in at the issuer up to the answer, which is not delivered.
async fn answer(stage: &Stage, browser: &Browser) -> String {
    let page = browser.visit(&stage.url("/login")).await;
    let page = leave(browser, &page).await;
    let page = browser.sign_in(&page, "alice", "alice").await;
    let page = browser.decide(&page, "allow").await;
    page.location().expect("the issuer sends the browser back")
}

/// The address with another value of a parameter.
fn with(url: &str, name: &str, value: &str) -> String {
    let mut changed = Url::parse(url).expect("a URL");
    let pairs: Vec<(String, String)> = changed.query_pairs().into_owned().collect();
    let pairs = pairs.into_iter().map(|(key, old)| {
        let new = if key == name { value.to_owned() } else { old };
        (key, new)
    });
    let pairs: Vec<(String, String)> = pairs.collect();
    changed.query_pairs_mut().clear().extend_pairs(pairs);
    changed.into()
}

fn assert_not_ours(page: &Page) {
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
    assert!(page.body.contains("This answer is not for you"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_once_and_only_where_it_was_asked_for() {
    let stage = Stage::todo(Sandbox::new());
    let (alice, mallory) = (Browser::new(), Browser::new());
    let callback = answer(&stage, &alice).await;

    // Somebody else's browser, with and without a sign-in of its own that it has begun.
    assert_not_ours(&mallory.visit(&callback).await);
    mallory.visit(&stage.url("/login")).await;
    assert_not_ours(&mallory.visit(&callback).await);
    // Another state does not use up the right one.
    assert_not_ours(&alice.visit(&with(&callback, "state", "guess")).await);
    assert_not_ours(&alice.visit(&stage.url("/callback?code=ghc_x")).await);
    let page = alice.visit(&callback).await;
    assert!(page.body.contains("Alice’s list"), "{}", page.body);
    assert_not_ours(&alice.visit(&callback).await);
    let page = alice.visit(&stage.url("/")).await;
    assert!(page.body.contains("Alice’s list"), "and she is signed in still: {}", page.body);
    assert_eq!(stage.events("code.replayed"), 0, "the code is not even tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_issuer_is_refused() {
    let stage = Stage::todo(Sandbox::new());
    let alice = Browser::new();
    let callback = answer(&stage, &alice).await;
    let page = alice.visit(&with(&callback, "iss", "https://elsewhere.example")).await;
    assert_not_ours(&page);
    assert_eq!(stage.events("code.redeemed"), 0, "the code is sent to nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_is_an_answer() {
    let stage = Stage::todo(Sandbox::new());
    let alice = Browser::new();
    let page = alice.visit(&stage.url("/login")).await;
    let page = leave(&alice, &page).await;
    let page = alice.sign_in(&page, "alice", "alice").await;
    let page = alice.decide(&page, "deny").await;
    let page = leave(&alice, &page).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("You said no"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_in_two_tabs_do_not_disturb_each_other() {
    let stage = Stage::todo(Sandbox::new());
    let alice = Browser::new();
    let first = alice.visit(&stage.url("/login")).await;
    let second = alice.visit(&stage.url("/login")).await;
    let page = leave(&alice, &first).await;
    let page = alice.sign_in(&page, "alice", "alice").await;
    let page = alice.decide(&page, "allow").await;
    let page = leave(&alice, &page).await;
    assert!(page.body.contains("Alice’s list"), "{}", page.body);
    let page = leave(&alice, &second).await;
    let page = leave(&alice, &page).await;
    assert!(page.body.contains("Alice’s list"), "{}", page.body);
    assert_eq!(stage.events("grant.revoked"), 1, "the grant of the first tab is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_its_cookie_and_nothing_else() {
    let stage = Stage::todo(Sandbox::new());
    let (alice, mallory) = (Browser::new(), Browser::new());
    let before = alice.visit(&stage.url("/login")).await;
    let cookie = before.header("set-cookie").to_owned();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let early = alice.cookies()["todo_session"].clone();
    let page = stage.sign_in(&alice, "alice", "alice").await;
    let late = alice.cookies()["todo_session"].clone();
    assert_ne!(early, late, "a cookie that was known before the sign-in is worth nothing");
    assert!(late.len() >= 43, "256 bits: {late}");

    let mut turned = late.clone();
    turned.pop();
    for forged in [early, turned, format!("{late}x"), String::new()] {
        mallory.set_cookie("todo_session", &forged);
        let page = mallory.visit(&stage.url("/")).await;
        assert!(page.body.contains("Sign in with Gatehouse"), "{forged}: {}", page.body);
    }

    // Forms from elsewhere: without the token, with a wrong one, with that of somebody else.
    let bob = Browser::new();
    let theirs = stage.sign_in(&bob, "bob", "bob").await.field("csrf");
    for csrf in ["", "guess", &theirs] {
        for (path, more) in [
            ("/todos", ("title", "Pay Mallory")),
            ("/todos/1/tick", ("done", "true")),
            ("/todos/clear", ("", "")),
        ] {
            let refused = alice.post(&stage.url(path), &[("csrf", csrf), more]).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}: {}", refused.body);
        }
    }
    assert!(!alice.visit(&stage.url("/")).await.body.contains("Mallory"));
    send(&alice, &stage, &page, "/logout", &[]).await;
    let sent = alice.post(&stage.url("/todos"), &[("csrf", "x"), ("title", "x")]).await;
    assert_eq!(
        sent.location().as_deref(),
        Some(stage.url("/").as_str()),
        "strangers are shown the way in"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_its_headers() {
    let stage = Stage::todo(Sandbox::new());
    let browser = Browser::new();
    for path in ["/", "/login", "/callback", "/signed-out", "/style.css", "/icon.svg", "/nowhere"] {
        let page = browser.get(&stage.url(path)).await;
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert!(matches!(page.header("cache-control"), "no-store" | "no-cache"), "{path}");
    }
}
