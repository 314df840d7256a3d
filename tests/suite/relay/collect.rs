//! Collecting an answer: once, by whoever may, and again when it was lost.

use gatehouse::protocol::pkce::CodeChallenge;
use reqwest::Method;
use serde_json::json;

use super::{Program, come_back, place, success};
use crate::support::browser::http;
use crate::support::client::{Answer, VERIFIER, send};
use crate::support::{Browser, Database, TestApp, on_every_database};

async fn collect_by_verifier(app: &TestApp, state: &str, verifier: &str) -> Answer {
    send(http().get(app.url(&place(state))).header("X-Callback-Verifier", verifier)).await
}

on_every_database! {
    async fn whoever_has_the_verifier_collects(app: TestApp) {
        let program = Program::of(&app).await;
        let challenge = CodeChallenge::of(VERIFIER);
        let state = program.state(json!({ "code_challenge": challenge.as_str(), "code_challenge_method": "S256" })).await;
        assert_eq!(collect_by_verifier(&app, &state, VERIFIER).await.status, 202);
        come_back(&app, &Browser::new(), &state, "the-code").await;
        let wrong = "x".repeat(43);
        assert_eq!(collect_by_verifier(&app, &state, &wrong).await.status, 404);
        assert_eq!(collect_by_verifier(&app, &state, challenge.as_str()).await.status, 404, "the challenge is no verifier");
        let answer = collect_by_verifier(&app, &state, VERIFIER).await;
        assert_eq!((answer.status, answer.body), (200, success(&state, "the-code")));
        assert_eq!(collect_by_verifier(&app, &state, VERIFIER).await.status, 404);
        assert_eq!(program.collect(&state).await.status, 404);
    }

    async fn a_lost_answer_comes_again_for_the_same_collector(app: TestApp) {
        let program = Program::of(&app).await;
        let state = program.state(json!({})).await;
        come_back(&app, &Browser::new(), &state, "the-code").await;
        for _ in 0..3 {
            let answer = program.collect_with(&state, "my key").await;
            assert_eq!((answer.status, answer.body), (200, success(&state, "the-code")));
            app.advance(9);
        }
        assert_eq!(program.collect_with(&state, "another key").await.status, 404);
        assert_eq!(program.collect(&state).await.status, 404);
        assert_eq!(come_back(&app, &Browser::new(), &state, "again").await.status, 410);
        app.advance(3);
        assert_eq!(program.collect_with(&state, "my key").await.status, 404, "half a minute is over");
        gatehouse::jobs::sweep(&app.app, std::time::Duration::ZERO).await.unwrap();
        let id = gatehouse::protocol::callback::State::received(&state).unwrap().id();
        let row = app.app.store.read().await.unwrap().callback(&id).await.unwrap().unwrap().callback;
        assert_eq!((row.sealed_answer, row.retrieval_hash), (None, None), "it is erased");
        assert_eq!(come_back(&app, &Browser::new(), &state, "again").await.status, 410, "and the state is not free");
    }

    async fn without_a_key_the_answer_is_erased_at_once(app: TestApp) {
        let program = Program::of(&app).await;
        let state = program.state(json!({})).await;
        come_back(&app, &Browser::new(), &state, "the-code").await;
        program.collect(&state).await;
        let id = gatehouse::protocol::callback::State::received(&state).unwrap().id();
        let row = app.app.store.read().await.unwrap().callback(&id).await.unwrap().unwrap().callback;
        assert_eq!(row.sealed_answer, None);
        assert_eq!(program.collect_with(&state, "too late").await.status, 404);
    }

    async fn a_callback_can_be_forgotten(app: TestApp) {
        let program = Program::of(&app).await;
        let other = Program::named(&app, "Another").await;
        for is_received in [false, true] {
            let state = program.state(json!({})).await;
            if is_received {
                come_back(&app, &Browser::new(), &state, "the-code").await;
            }
            assert_eq!(send(other.request(Method::DELETE, &place(&state))).await.status, 404);
            assert_eq!(send(program.request(Method::DELETE, &place(&state))).await.status, 204);
            assert_eq!(send(program.request(Method::DELETE, &place(&state))).await.status, 404);
            assert_eq!(program.collect(&state).await.status, 404);
            assert_eq!(come_back(&app, &Browser::new(), &state, "the-code").await.status, 410);
        }
    }
}

/// Whoever has read the answer may have it erased before its time; what was collected is not waited for again.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_collected_can_be_erased() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    let own = "a state that a program has made itself";
    program.state(json!({ "state": own })).await;
    come_back(&app, &Browser::new(), own, "the-code").await;
    assert_eq!(program.collect_with(own, "my key").await.status, 200);
    assert_eq!(send(program.request(Method::DELETE, &place(own))).await.status, 204);
    assert_eq!(program.collect_with(own, "my key").await.status, 404);
    assert_eq!(send(program.request(Method::DELETE, &place(own))).await.status, 404);
    assert_eq!(
        program.announce(json!({ "state": own })).await.status,
        400,
        "the state is still in use"
    );
    assert_eq!(come_back(&app, &Browser::new(), own, "again").await.status, 410);
}

/// A verifier for a callback that was announced without a challenge opens nothing.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_challenge_no_verifier_is_right() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    let state = program.state(json!({})).await;
    come_back(&app, &Browser::new(), &state, "the-code").await;
    for verifier in ["", VERIFIER, "\u{20}"] {
        assert_eq!(collect_by_verifier(&app, &state, verifier).await.status, 404, "{verifier:?}");
    }
    // Whoever sends both is taken at the verifier: it cannot be that one of two wrong proofs is overlooked.
    let both = program.request(Method::GET, &place(&state)).header("X-Callback-Verifier", VERIFIER);
    assert_eq!(send(both).await.status, 404);
    for key in ["", &"k".repeat(256)] {
        assert_eq!(program.collect_with(&state, key).await.status, 400);
    }
    assert_eq!(program.collect(&state).await.status, 200);
}

/// When the client is turned off or loses the scope, nobody collects for it, and nobody is sent to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_gone_has_no_callbacks() {
    for is_turned_off in [true, false] {
        without_its_client(is_turned_off).await;
    }
}

async fn without_its_client(is_turned_off: bool) {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    let challenge = CodeChallenge::of(VERIFIER);
    let wanted = json!({ "code_challenge": challenge.as_str(), "code_challenge_method": "S256" });
    let (received, pending) = (program.state(wanted.clone()).await, program.state(wanted).await);
    come_back(&app, &Browser::new(), &received, "the-code").await;
    let mut client = program.client.client.clone();
    if is_turned_off {
        client.is_disabled = true;
    } else {
        client.scope = gatehouse::protocol::scope::Scope::parse("openid read").unwrap();
    }
    let mut tx = app.app.store.begin().await.unwrap();
    assert!(tx.update_client(&client).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(collect_by_verifier(&app, &received, VERIFIER).await.status, 404);
    assert_eq!(program.collect(&received).await.status, if is_turned_off { 401 } else { 403 });
    assert_eq!(come_back(&app, &Browser::new(), &pending, "the-code").await.status, 410);
}
