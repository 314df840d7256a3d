//! Strangers at the relay: what they are told, and how often they may ask.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Program, come_back, place, redirect};
use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{Browser, Database, TestApp, on_every_database};

on_every_database! {
    /// Whatever a stranger asks for, the answer is the same: it says nothing about what there is.
    async fn a_stranger_is_told_the_same_about_everything(app: TestApp) {
        let program = Program::of(&app).await;
        let stranger = Program::named(&app, "Stranger").await;
        let pending = program.state(json!({})).await;
        let received = program.state(json!({})).await;
        let collected = program.state(json!({})).await;
        let expired = program.state(json!({ "expires_in": 10 })).await;
        for state in [&received, &collected] {
            come_back(&app, &Browser::new(), state, "the-code").await;
        }
        program.collect(&collected).await;
        app.advance(11);
        let unknown = pending.replace(&pending[42..], &"A".repeat(43));
        let states = [&pending, &received, &collected, &expired, &unknown, &"another one that nobody made".to_owned()];
        let mut told: BTreeSet<(u16, String)> = BTreeSet::new();
        for state in states {
            for (method, end) in [(Method::GET, ""), (Method::GET, "?wait=60"), (Method::GET, "/events"), (Method::DELETE, "")] {
                let path = format!("{}{end}", place(state));
                let answer = send(stranger.request(method.clone(), &path)).await;
                told.insert((answer.status, answer.body.to_string()));
                let verifier = http().request(method.clone(), app.url(&path)).header("X-Callback-Verifier", "v".repeat(43));
                let answer = send(verifier).await;
                told.insert((answer.status, answer.body.to_string()));
                let nobody = send(http().request(method, app.url(&path))).await;
                assert_eq!(nobody.status, 401);
            }
        }
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told.first().unwrap().0, 404);
        assert_eq!(program.collect(&received).await.text("auth_code"), "the-code", "nothing was consumed");
        assert_eq!(program.collect(&pending).await.status, 202);
    }

    /// The id in a state of our making is no secret: with another secret it is another state.
    async fn half_a_state_is_none(app: TestApp) {
        let program = Program::of(&app).await;
        let state = program.state(json!({})).await;
        let forged = format!("{}{}", &state[..42], "A".repeat(43));
        assert_eq!(come_back(&app, &Browser::new(), &forged, "code").await.status, 410);
        assert_eq!(program.collect(&forged).await.status, 404);
        assert_eq!(come_back(&app, &Browser::new(), &state[9..41], "code").await.status, 410, "the id alone");
        assert_eq!(program.collect(&state).await.status, 202);
    }
}

/// A server behind a proxy that says from where somebody comes.
async fn behind_a_proxy() -> TestApp {
    let options = Options {
        settings: vec![("trusted_proxies", "127.0.0.0/8".to_owned())],
        ..Options::default()
    };
    TestApp::start_with(Database::Sqlite, options).await
}

/// Guessing states is slowed down by network, and costs others nothing.
#[tokio::test(flavor = "multi_thread")]
async fn who_looks_for_states_is_slowed_down() {
    let app = behind_a_proxy().await;
    let program = Program::of(&app).await;
    let own = "a state that a program has made itself";
    program.state(json!({ "state": own })).await;
    let ours = program.state(json!({})).await;
    let guesser = Browser::named("guesser", "203.0.113.7");
    for n in 0..100 {
        let page = guesser
            .visit(&redirect(&app, &[("code", "x"), ("state", &format!("guess number {n}"))]))
            .await;
        assert_eq!(page.status, 410, "{n}");
    }
    let slowed = guesser.visit(&redirect(&app, &[("code", "x"), ("state", "one more")])).await;
    assert_eq!(slowed.status, 429);
    assert!(slowed.headers.contains_key("retry-after"));
    assert!(slowed.body.contains("Too many requests"), "{}", slowed.body);
    // Whoever has the right one is not kept out by others at the same network.
    for state in [own, &ours] {
        assert_eq!(guesser.visit(&redirect(&app, &[("code", "x"), ("state", state)])).await.status, 200);
    }
    let other = Browser::named("other", "198.51.100.9");
    assert_eq!(
        other.visit(&redirect(&app, &[("code", "x"), ("state", "one more")])).await.status,
        410
    );
    app.advance(601);
    let again = guesser.visit(&redirect(&app, &[("code", "x"), ("state", "one more")])).await;
    assert_eq!(again.status, 410, "not for ever");
}

/// Guessing verifiers is slowed down; whoever has the right one is not kept out by others.
#[tokio::test(flavor = "multi_thread")]
async fn who_looks_for_answers_is_slowed_down() {
    let app = behind_a_proxy().await;
    let program = Program::of(&app).await;
    let challenge = gatehouse::protocol::pkce::CodeChallenge::of(crate::support::client::VERIFIER);
    let state = program
        .state(json!({ "code_challenge": challenge.as_str(), "code_challenge_method": "S256" }))
        .await;
    come_back(&app, &Browser::new(), &state, "the-code").await;
    let ask = |verifier: String| {
        let request = http().get(app.url(&place(&state))).header("X-Callback-Verifier", verifier);
        send(request.header("x-forwarded-for", "203.0.113.7"))
    };
    for n in 0..100 {
        assert_eq!(ask(format!("{n:043}")).await.status, 404, "{n}");
    }
    let slowed = ask("x".repeat(43)).await;
    assert_eq!((slowed.status, slowed.error()), (429, "temporarily_unavailable"), "{}", slowed.body);
    assert!(slowed.header("retry-after").parse::<i64>().unwrap() > 0);
    let answer = ask(crate::support::client::VERIFIER.to_owned()).await;
    assert_eq!((answer.status, answer.text("auth_code")), (200, "the-code"));
}

/// A flood of redirects that nobody waits for writes no log of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_states_leaves_few_rows() {
    let app = TestApp::start(Database::Sqlite).await;
    for n in 0..150 {
        Browser::new()
            .visit(&redirect(&app, &[("code", "x"), ("state", &format!("guess number {n}"))]))
            .await;
    }
    let mut connection = app.app.store.read().await.unwrap();
    assert_eq!(connection.count_callbacks(0).await.unwrap(), 0);
    let filter = gatehouse::model::event::EventFilter::default();
    let events = connection.events_nearby(&filter, None, 100).await.unwrap().events;
    assert!(
        events.iter().all(|event| !event.kind.as_str().starts_with("callback.")),
        "{events:?}"
    );
}

/// A page of somebody else can make a browser ask for a picture or a frame; that is no person who comes back.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_frames_of_other_pages_are_no_redirects() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    let state = program.state(json!({})).await;
    let url = redirect(&app, &[("code", "x"), ("state", &state)]);
    for (mode, dest) in [("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty")] {
        let request = http().get(&url).header("sec-fetch-mode", mode).header("sec-fetch-dest", dest);
        assert_eq!(send(request).await.status, 400, "{mode} {dest}");
    }
    assert_eq!(program.collect(&state).await.status, 202);
    let request = http()
        .get(&url)
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document");
    assert_eq!(send(request).await.status, 200);
}

/// What is too large is refused before anybody reads it.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_bounded() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    let huge = json!({ "provider": "x".repeat(100_000) });
    assert_eq!(program.announce(huge).await.status, 413);
    let page = Browser::new().post(&app.url("/callback"), &[("code", &"x".repeat(100_000))]).await;
    assert_eq!(page.status, 413);
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let request = program
        .request(Method::POST, "/api/callbacks")
        .header("content-type", "application/json");
    let answer = send(request.body(deep)).await;
    assert_eq!(answer.status, 400);
    assert_ne!(answer.body, Value::Null);
}
