//! Taking a redirect: what is kept, what is refused, and what the person sees.

use serde_json::json;

use super::{Program, come_back, redirect, success};
use crate::support::{Browser, Database, TestApp, on_every_database};

on_every_database! {
    async fn a_code_goes_to_the_program_and_the_person_sees_that_it_is_done(app: TestApp) {
        let program = Program::of(&app).await;
        let state = program.state(json!({ "provider": "google" })).await;
        let page = come_back(&app, &Browser::new(), &state, "4/0AVG7fiQ").await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("You can close this page") && page.body.contains("Example Program"), "{}", page.body);
        assert!(!page.body.contains("4/0AVG7fiQ") && !page.body.contains(&state), "the page tells nothing");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
        let answer = program.collect(&state).await;
        assert_eq!((answer.status, answer.body), (200, success(&state, "4/0AVG7fiQ")));
        let again = program.collect(&state).await;
        assert_eq!((again.status, again.error()), (404, "invalid_request"));
    }

    async fn the_first_redirect_wins(app: TestApp) {
        let program = Program::of(&app).await;
        let state = program.state(json!({})).await;
        come_back(&app, &Browser::new(), &state, "first").await;
        let second = come_back(&app, &Browser::new(), &state, "second").await;
        assert_eq!(second.status, 410);
        assert!(second.body.contains("This was done before"), "{}", second.body);
        assert_eq!(program.collect(&state).await.text("auth_code"), "first");
        let third = come_back(&app, &Browser::new(), &state, "third").await;
        assert_eq!(third.status, 410);
        assert_eq!(program.collect(&state).await.status, 404);
    }

    async fn an_answer_of_another_issuer_is_an_error(app: TestApp) {
        let program = Program::of(&app).await;
        let issuer = "https://honest.example";
        let browser = Browser::new();
        for (iss, is_good) in [(Some("https://honest.example"), true), (Some("https://honest.example/"), false), (Some("https://evil.example"), false), (None, false)] {
            let state = program.state(json!({ "issuer": issuer })).await;
            let mut parameters = vec![("code", "a-code"), ("state", state.as_str())];
            parameters.extend(iss.map(|iss| ("iss", iss)));
            assert_eq!(browser.visit(&redirect(&app, &parameters)).await.status, 200);
            let answer = program.collect(&state).await;
            let expected = if is_good { ("success", "") } else { ("error", "invalid_issuer") };
            assert_eq!((answer.text("status"), answer.error()), expected, "{iss:?} {}", answer.body);
            assert_eq!(answer.body["auth_code"].is_null(), !is_good, "no code of another issuer gets out");
            assert_eq!(answer.body["iss"].as_str(), iss);
        }
        // Where none is expected, the program reads who it was.
        let state = program.state(json!({})).await;
        browser.visit(&redirect(&app, &[("code", "a-code"), ("state", &state), ("iss", "https://other.example")])).await;
        assert_eq!(program.collect(&state).await.text("iss"), "https://other.example");
    }

    async fn it_comes_as_a_form_too(app: TestApp) {
        let program = Program::of(&app).await;
        let state = program.state(json!({})).await;
        let page = Browser::new().post(&app.url("/callback"), &[("code", "by form"), ("state", &state), ("session_state", "ignored")]).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert_eq!(program.collect(&state).await.text("auth_code"), "by form");
    }
}

/// Errors of the provider are data for the program; the page says in our words what happened.
#[tokio::test(flavor = "multi_thread")]
async fn errors_are_passed_on_and_not_shown() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    let html = "<script>alert(1)</script><h1>Your account is locked</h1>&lt;b&gt; Ünïcode";
    for (error, description, title) in [
        ("access_denied", Some(html), "Access was not given"),
        ("server_error", None, "That did not work"),
        ("<img src=x>", Some("{{7654321*1234}}"), "That did not work"),
    ] {
        let state = program.state(json!({})).await;
        let mut parameters = vec![("error", error), ("state", state.as_str()), ("error_uri", "https://evil.example/")];
        parameters.extend(description.map(|description| ("error_description", description)));
        let page = Browser::new().visit(&redirect(&app, &parameters)).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains(title), "{}", page.body);
        for text in ["alert(1)", "locked", "img src=x", "7654321", "9445432114", "evil.example"] {
            assert!(!page.body.contains(text), "{text} is on the page: {}", page.body);
        }
        let answer = program.collect(&state).await;
        let expected = json!({ "status": "error", "auth_code": null, "state": state, "error": error, "error_description": description });
        assert_eq!(answer.body, expected);
    }
}

/// What no provider sends is refused, and consumes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_provider_sends_is_refused() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    let state = program.state(json!({})).await;
    let s = state.as_str();
    let (long, longer, longest) = ("x".repeat(201), "x".repeat(1001), "x".repeat(4097));
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[("state", s)],
        &[("code", "a")],
        &[("code", "a"), ("state", "")],
        &[("code", ""), ("state", s)],
        &[("code", "a"), ("state", s), ("state", s)],
        &[("code", "a"), ("code", "b"), ("state", s)],
        &[
            ("code", "a"),
            ("state", s),
            ("iss", "https://a.example"),
            ("iss", "https://b.example"),
        ],
        &[("code", "a"), ("state", s), ("scope", "a"), ("scope", "b")],
        &[("code", "a"), ("error", "access_denied"), ("state", s)],
        &[("code", &longest), ("state", s)],
        &[("code", "a\u{1}b"), ("state", s)],
        &[("code", "a\nb"), ("state", s)],
        &[("code", "é"), ("state", s)],
        &[("error", &long), ("state", s)],
        &[("error", "x"), ("error_description", &longer), ("state", s)],
        &[("error", "x"), ("error_description", "a\r\nb"), ("state", s)],
        &[("code", "a"), ("state", s), ("iss", &longer)],
        &[("code", "a"), ("state", &longer)],
    ];
    for parameters in cases {
        let page = Browser::new().visit(&redirect(&app, parameters)).await;
        assert_eq!(page.status, 400, "{parameters:?} {}", page.body);
        assert!(page.body.contains("This answer cannot be used"), "{}", page.body);
        assert_eq!(page.location(), None);
    }
    let many: Vec<(String, String)> = (0..101).map(|n| (format!("p{n}"), "x".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(Browser::new().visit(&redirect(&app, &many)).await.status, 400);
    assert_eq!(program.collect(&state).await.status, 202, "nothing was consumed");
    come_back(&app, &Browser::new(), &state, "the-code").await;
    assert_eq!(program.collect(&state).await.text("auth_code"), "the-code");
}

/// An answer that comes at the last moment can be collected for another minute.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_late_leaves_time_to_collect() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    for (wait, status) in [(59, 200), (60, 404)] {
        let state = program.state(json!({ "expires_in": 100 })).await;
        app.advance(99);
        assert_eq!(come_back(&app, &Browser::new(), &state, "late").await.status, 200);
        app.advance(wait);
        assert_eq!(program.collect(&state).await.status, status, "after {wait} s");
    }
}

/// What is in the database gives no code away, and opens in no other row.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_sealed() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    let state = program.state(json!({})).await;
    come_back(&app, &Browser::new(), &state, "a-code-that-is-secret").await;
    let mut connection = app.app.store.read().await.unwrap();
    let id = gatehouse::protocol::callback::State::received(&state).unwrap().id();
    let row = connection.callback(&id).await.unwrap().unwrap().callback;
    drop(connection);
    let shown = format!("{row:?}");
    assert!(!shown.contains("a-code-that-is-secret") && !shown.contains(&state), "{shown}");
    // The answer of one row in another one.
    let other = program.state(json!({})).await;
    let other_id = gatehouse::protocol::callback::State::received(&other).unwrap().id();
    let mut tx = app.app.store.begin().await.unwrap();
    let now = app.app.now();
    assert!(
        tx.receive_callback(&other_id, row.sealed_answer.as_deref().unwrap(), now, now + 60)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    assert_eq!(program.collect(&other).await.status, 500);
    assert_eq!(program.collect(&state).await.text("auth_code"), "a-code-that-is-secret");
}
