//! Passwords that are tried with many accounts, each of them once.

use gatehouse::model::event::{EventFilter, EventKind};

use super::limited;
use crate::support::{Browser, TestApp};

/// Tries a password with an account from an address; the status.
async fn attempt(app: &TestApp, address: &str, username: &str, password: &str) -> u16 {
    let browser = Browser::named("a browser", address);
    let page = browser.visit(&app.url("/login")).await;
    let answer = browser.submit(&page, &[("username", username), ("password", password)]).await;
    answer.status.as_u16()
}

/// What the audit log says of it: the scopes.
async fn detected(app: &TestApp) -> Vec<String> {
    let filter = EventFilter {
        kind: Some(EventKind::SprayingDetected),
        ..EventFilter::default()
    };
    let events = app.app.store.read().await.unwrap().events(&filter, None, 100).await.unwrap();
    let mut scopes: Vec<String> = events.into_iter().filter_map(|event| event.target).collect();
    scopes.sort();
    scopes
}

#[tokio::test(flavor = "multi_thread")]
async fn one_network_that_tries_many_accounts_is_slowed_down() {
    let app = limited(&[("trusted_proxies", "127.0.0.1")]).await;
    app.user("alice").await;
    let owner = Browser::named("a browser", "192.0.2.1");
    let page = owner.visit(&app.url("/login")).await;
    assert_eq!(owner.sign_in(&page, "alice", "alice").await.status, 200);
    owner.forget("gatehouse_session");
    for number in 0..40 {
        let status = attempt(&app, "192.0.2.1", &format!("person{number}"), &format!("guess{number}")).await;
        assert_eq!(status, 401, "{number}");
    }
    assert_eq!(
        attempt(&app, "192.0.2.1", "alice", "alice").await,
        429,
        "right and wrong look the same"
    );
    assert_eq!(detected(&app).await, ["network"]);
    assert_eq!(attempt(&app, "192.0.2.2", "alice", "alice").await, 303, "others are not concerned");
    // Neither is the owner at a browser that is known.
    let page = owner.visit(&app.url("/login?prompt=login")).await;
    let answer = owner.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
    assert_eq!(answer.status, 303);
    app.advance(61);
    assert_eq!(attempt(&app, "192.0.2.1", "alice", "alice").await, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_forget_their_password_again_and_again_are_no_spraying() {
    let app = limited(&[("trusted_proxies", "127.0.0.1")]).await;
    for number in 0..48 {
        app.advance(20);
        let status = attempt(&app, "192.0.2.1", &format!("person{}", number % 12), &format!("guess{number}")).await;
        assert_eq!(status, 401, "{number}");
    }
    assert!(detected(&app).await.is_empty());
}

/// A botnet: each guess comes from somewhere else and names somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn one_password_for_many_accounts_is_not_looked_at_any_more() {
    let app = limited(&[("trusted_proxies", "127.0.0.1")]).await;
    let user = app.user_with("alice", |_| {}).await;
    assert_eq!(user.settings.username, "alice");
    for number in 0..20 {
        let status = attempt(&app, &format!("10.{number}.0.1"), &format!("person{number}"), "alice").await;
        assert_eq!(status, 401, "{number}");
    }
    assert_eq!(attempt(&app, "10.99.0.1", "alice", "alice").await, 429, "it would have been right");
    assert_eq!(
        attempt(&app, "10.98.0.1", "bob", "another").await,
        401,
        "other passwords are looked at"
    );
    assert_eq!(detected(&app).await, ["password"]);
    app.advance(7200);
    assert_eq!(attempt(&app, "10.99.0.1", "alice", "alice").await, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_failures_from_everywhere_is_said() {
    let app = limited(&[("trusted_proxies", "127.0.0.1")]).await;
    for number in 0..100 {
        let address = format!("10.1.2.{number}");
        assert_eq!(
            attempt(&app, &address, &format!("person{number}"), &format!("guess{number}")).await,
            401
        );
    }
    assert_eq!(detected(&app).await, ["surroundings"]);
    for number in 100..300 {
        let address = format!("10.{}.{}.1", number / 100, number % 100 + 10);
        assert_eq!(
            attempt(&app, &address, &format!("person{number}"), &format!("guess{number}")).await,
            401
        );
    }
    assert_eq!(detected(&app).await, ["everywhere", "surroundings"]);
}
