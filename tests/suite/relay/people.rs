//! Redirects that are bound to a person: who finishes a flow is who began it.

use gatehouse::model::event::{EventFilter, EventKind};
use serde_json::json;

use super::{Program, RETURN_URI, come_back, redirect};
use crate::support::app::Options;
use crate::support::{Browser, Database, TestApp, on_every_database};

/// Signs somebody in at their account.
async fn signed_in(app: &TestApp, name: &str) -> Browser {
    let browser = Browser::new();
    let page = browser.visit(&app.url("/account")).await;
    let page = browser.sign_in(&page, name, name).await;
    assert_eq!(page.status, 200, "{}", page.body);
    browser
}

async fn events(app: &TestApp, kind: EventKind) -> Vec<gatehouse::model::event::Event> {
    let filter = EventFilter {
        kind: Some(kind),
        ..EventFilter::default()
    };
    let mut connection = app.app.store.read().await.unwrap();
    connection.events_nearby(&filter, None, 100).await.unwrap().events
}

on_every_database! {
    async fn the_person_who_is_signed_in_finishes(app: TestApp) {
        let alice = app.user("alice").await;
        let program = Program::of(&app).await;
        let browser = signed_in(&app, "alice").await;
        let state = program.state(json!({ "user_id": alice.id })).await;
        let page = come_back(&app, &browser, &state, "the-code").await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("You can close this page"));
        assert_eq!(program.collect(&state).await.text("auth_code"), "the-code");
    }

    async fn whoever_is_not_signed_in_does_that_first(app: TestApp) {
        let alice = app.user("alice").await;
        let program = Program::of(&app).await;
        for by_form in [false, true] {
            let state = program.state(json!({ "user_id": alice.id, "return_uri": RETURN_URI })).await;
            let browser = Browser::new();
            let page = if by_form {
                let page = browser.post(&app.url("/callback"), &[("code", "a-code-that-is-secret"), ("state", &state)]).await;
                browser.follow(page).await
            } else {
                come_back(&app, &browser, &state, "a-code-that-is-secret").await
            };
            assert!(page.body.contains("name=\"password\""), "{}", page.body);
            assert!(!page.url.contains("a-code-that-is-secret") && !page.body.contains("a-code-that-is-secret"), "{}", page.url);
            assert_eq!(program.collect(&state).await.status, 202, "nothing is taken before");
            let page = browser.sign_in(&page, "alice", "alice").await;
            assert_eq!(page.status, 200, "{}", page.body);
            assert!(page.body.contains(&format!("content=\"0; url={RETURN_URI}\"")), "it goes on by itself: {}", page.body);
            assert_eq!(program.collect(&state).await.text("auth_code"), "a-code-that-is-secret");
        }
    }

    /// Mallory begins a flow and leads Alice to its end: Alice's code must not get to Mallory's program.
    async fn somebody_else_does_not_finish(app: TestApp) {
        app.user("alice").await;
        let mallory = app.user("mallory").await;
        let program = Program::of(&app).await;
        let state = program.state(json!({ "user_id": mallory.id })).await;
        let alice = signed_in(&app, "alice").await;
        for _ in 0..2 {
            let page = come_back(&app, &alice, &state, "code-of-alice").await;
            assert_eq!(page.status, 403);
            assert!(page.body.contains("Somebody else started this") && page.body.contains("alice"), "{}", page.body);
            assert!(!page.body.contains("code-of-alice") && !page.body.contains("mallory"), "{}", page.body);
        }
        assert_eq!(program.collect(&state).await.status, 202);
        let refused = events(&app, EventKind::CallbackRefused).await;
        assert_eq!(refused.len(), 1, "noted, and once a minute at most");
        assert_eq!(refused[0].subject.as_deref(), Some(mallory.id.as_str()));
        assert!(refused[0].actor.to_string().starts_with("user:"));
        // By a form of another site as well, which brings no cookies.
        let page = alice.post(&app.url("/callback"), &[("code", "code-of-alice"), ("state", &state)]).await;
        let page = alice.follow(page).await;
        assert_eq!(page.status, 403);
        // The right person can still come.
        let page = come_back(&app, &signed_in(&app, "mallory").await, &state, "code-of-mallory").await;
        assert_eq!(page.status, 200);
        assert_eq!(program.collect(&state).await.text("auth_code"), "code-of-mallory");
    }
}

/// The page of somebody else lets the right person sign in and go on.
#[tokio::test(flavor = "multi_thread")]
async fn another_account_can_be_used() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let work = app.user("alice-at-work").await;
    let program = Program::of(&app).await;
    let state = program.state(json!({ "user_id": work.id })).await;
    let browser = signed_in(&app, "alice").await;
    let page = come_back(&app, &browser, &state, "the-code").await;
    let at = page.body.find("href=\"/login?prompt=login&").expect("a link");
    let link = crate::support::browser::attribute(&page.body[at - 1..], "href").unwrap();
    let page = browser.visit(&app.url(&link)).await;
    let page = browser.sign_in(&page, "alice-at-work", "alice-at-work").await;
    assert_eq!(page.status, 200, "{} {}", page.url, page.body);
    assert_eq!(program.collect(&state).await.text("auth_code"), "the-code");
}

/// A redirect that waits for a sign-in goes on in its own browser only, and not for long.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_sign_in_stays_where_it_is() {
    let app = TestApp::start(Database::Sqlite).await;
    let alice = app.user("alice").await;
    let program = Program::of(&app).await;
    let state = program.state(json!({ "user_id": alice.id })).await;
    let first = Browser::new();
    let page = first.get(&redirect(&app, &[("code", "the-code"), ("state", &state)])).await;
    let next = page.answer("next").expect("where to go on");
    assert!(next.starts_with("/callback/continue?callback="), "{next}");
    let elsewhere = signed_in(&app, "alice").await;
    assert_eq!(elsewhere.visit(&app.url(&next)).await.status, 410, "another browser");
    for broken in ["/callback/continue", "/callback/continue?callback=x", &next[..next.len() - 4]] {
        let page = first.visit(&app.url(broken)).await;
        assert!(matches!(page.status.as_u16(), 400 | 410), "{broken} {}", page.status);
    }
    assert_eq!(program.collect(&state).await.status, 202);
    app.advance(601);
    assert_eq!(first.visit(&app.url(&next)).await.status, 410, "too old");
}

/// What fits into an address travels through the sign-in; what does not is refused before it.
#[tokio::test(flavor = "multi_thread")]
async fn long_codes_travel_through_the_sign_in() {
    let app = TestApp::start(Database::Sqlite).await;
    let alice = app.user("alice").await;
    let program = Program::of(&app).await;
    let long = format!("4/{}", "a+b/c%d=&?#\\".repeat(300));
    let state = program.state(json!({ "user_id": alice.id })).await;
    let browser = Browser::new();
    let page = come_back(&app, &browser, &state, &long).await;
    let page = browser.sign_in(&page, "alice", "alice").await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(program.collect(&state).await.text("auth_code"), long);

    let state = program.state(json!({ "user_id": alice.id })).await;
    let (code, iss) = ("\"".repeat(4096), "i".repeat(1000));
    let page = browser_without_session(&app, &[("code", &code), ("iss", &iss), ("state", &state)]).await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains("too long to be kept"), "{}", page.body);
    assert_eq!(program.collect(&state).await.status, 202);
}

async fn browser_without_session(app: &TestApp, parameters: &[(&str, &str)]) -> crate::support::Page {
    Browser::new().visit(&redirect(app, parameters)).await
}

/// A bound person needs cookies, which browsers keep by address.
#[tokio::test(flavor = "multi_thread")]
async fn people_are_bound_at_the_address_of_the_issuer_only() {
    let options = Options {
        settings: vec![("relay_url", "https://relay.example".to_owned())],
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    let alice = app.user("alice").await;
    let program = Program::of(&app).await;
    let created = program.announce(json!({})).await;
    assert_eq!(created.text("redirect_uri"), "https://relay.example/callback");
    assert_eq!(program.announce(json!({ "user_id": alice.id })).await.status, 400);
}

/// With a path of its own and a form: every address stays below the issuer.
#[tokio::test(flavor = "multi_thread")]
async fn it_works_below_a_path() {
    let options = Options {
        path: "/auth",
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    let alice = app.user("alice").await;
    let program = Program::of(&app).await;
    let created = program.announce(json!({ "user_id": alice.id })).await;
    assert_eq!(created.text("redirect_uri"), app.url("/callback"));
    let state = created.text("state");
    let browser = Browser::new();
    let page = browser.post(&app.url("/callback"), &[("code", "the-code"), ("state", state)]).await;
    let page = browser.follow(page).await;
    let page = browser.sign_in(&page, "alice", "alice").await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(program.collect(state).await.text("auth_code"), "the-code");
}

/// An account that cannot sign in cannot be waited for.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_disabled_account() {
    let app = TestApp::start(Database::Sqlite).await;
    let alice = app.user_with("alice", |new| new.is_disabled = true).await;
    let program = Program::of(&app).await;
    assert_eq!(program.announce(json!({ "user_id": alice.id })).await.status, 400);
}
