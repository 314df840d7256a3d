//! Waiting for a redirect: long polls and events, and how many may.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::{Program, come_back, place};
use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::{Answer, send};
use crate::support::process::wait_for;
use crate::support::{Browser, Database, TestApp};

pub async fn collect(program: &Program, state: &str, seconds: u32) -> Answer {
    send(program.request(Method::GET, &format!("{}?wait={seconds}", place(state)))).await
}

/// Reads events until the server ends them.
async fn events(program: &Program, state: &str) -> (u16, String) {
    events_and(program, state, async {}).await
}

/// As [`events`]; something is done once the first event is there.
async fn events_and(program: &Program, state: &str, act: impl Future<Output = ()>) -> (u16, String) {
    let request = program.request(Method::GET, &format!("{}/events", place(state)));
    let mut response = request.send().await.unwrap();
    let status = response.status().as_u16();
    if status == 200 {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }
    let mut told = response.chunk().await.unwrap().unwrap_or_default().to_vec();
    act.await;
    while let Some(part) = response.chunk().await.unwrap() {
        told.extend_from_slice(&part);
    }
    (status, String::from_utf8(told).unwrap())
}

async fn start() -> TestApp {
    TestApp::start(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_ends_when_the_redirect_arrives() {
    let app = start().await;
    let program = Program::of(&app).await;
    let state = program.state(json!({})).await;
    let later = async {
        until(|| app.app.waiting.count() == 1).await;
        come_back(&app, &Browser::new(), &state, "the-code").await
    };
    let begun = Instant::now();
    let (answer, _) = tokio::join!(collect(&program, &state, 60), later);
    assert_eq!((answer.status, answer.text("auth_code")), (200, "the-code"));
    assert!(begun.elapsed() < Duration::from_secs(20), "it did not wait to its end");
    assert_eq!(program.collect(&state).await.status, 404, "the answer was given once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_ends_by_itself() {
    let app = start().await;
    let program = Program::of(&app).await;
    let state = program.state(json!({})).await;
    let answer = collect(&program, &state, 1).await;
    assert_eq!((answer.status, answer.text("status")), (202, "pending"));
    assert!(app.app.waiting.is_empty(), "nobody waits any more");
    for wait in ["x", "-1", "1.5", "+1"] {
        let answer = send(program.request(Method::GET, &format!("{}?wait={wait}", place(&state)))).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_request"), "{wait}");
    }
    let unknown = collect(&program, "a state that nobody has announced", 60).await;
    assert_eq!(unknown.status, 404, "for what is not there nobody waits");
}

/// Only one of those who wait gets the answer; the others learn that it is gone, at once.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_wait_one_gets_the_answer() {
    let app = start().await;
    let program = Program::of(&app).await;
    let state = program.state(json!({})).await;
    let later = async {
        until(|| app.app.waiting.count() == 10).await;
        come_back(&app, &Browser::new(), &state, "the-code").await
    };
    // No callback takes all of its program's room.
    let too_many = async {
        until(|| app.app.waiting.count() == 10).await;
        assert_eq!(collect(&program, &state, 60).await.status, 429);
    };
    let waiting = join_all((0..10).map(|_| collect(&program, &state, 60)));
    let (answers, ..) = tokio::join!(waiting, async {
        too_many.await;
        later.await
    });
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 404).count(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_has_room_for_so_many() {
    let app = TestApp::start_with(
        Database::Sqlite,
        Options {
            settings: vec![("relay_waiters", "2".to_owned())],
            ..Options::default()
        },
    )
    .await;
    let program = Program::of(&app).await;
    let other = Program::named(&app, "Another").await;
    let states = [program.state(json!({})).await, program.state(json!({})).await];
    let of_other = other.state(json!({})).await;
    let refused = async {
        until(|| app.app.waiting.count() == 2).await;
        let refused = collect(&program, &states[0], 60).await;
        assert_eq!(
            (refused.status, refused.error()),
            (429, "temporarily_unavailable"),
            "{}",
            refused.body
        );
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(events(&program, &states[0]).await.0, 429);
        assert_eq!(program.collect(&states[0]).await.status, 202, "asking without waiting goes on");
        assert_eq!(collect(&other, &of_other, 1).await.status, 202, "others have room of their own");
        for state in &states {
            come_back(&app, &Browser::new(), state, "the-code").await;
        }
    };
    let (answers, ()) = tokio::join!(join_all(states.iter().map(|state| collect(&program, state, 60))), refused);
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let state = program.state(json!({})).await;
    assert_eq!(collect(&program, &state, 1).await.status, 202, "there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_the_status_and_nothing_else() {
    let app = start().await;
    let program = Program::of(&app).await;
    let state = program.state(json!({})).await;
    let later = async {
        come_back(&app, &Browser::new(), &state, "a-code-that-is-secret").await;
    };
    let (status, told) = events_and(&program, &state, later).await;
    assert_eq!(status, 200);
    let expected = "event: status\ndata: {\"status\":\"pending\"}\n\nevent: status\ndata: {\"status\":\"received\"}\n\n";
    assert_eq!(told, expected);
    let (_, told) = events(&program, &state).await;
    assert_eq!(
        told, "event: status\ndata: {\"status\":\"received\"}\n\n",
        "whoever comes later is told at once"
    );
    assert_eq!(program.collect(&state).await.text("auth_code"), "a-code-that-is-secret");
    assert_eq!(events(&program, &state).await.0, 404);
    assert!(app.app.waiting.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_end_when_the_callback_is_forgotten_or_the_node_stops() {
    let app = start().await;
    let program = Program::of(&app).await;
    let gone = "event: status\ndata: {\"status\":\"pending\"}\n\nevent: status\ndata: {\"status\":\"gone\"}\n\n";
    let state = program.state(json!({})).await;
    let later = async {
        send(program.request(Method::DELETE, &place(&state))).await;
    };
    let (_, told) = events_and(&program, &state, later).await;
    assert_eq!(told, gone);

    let state = program.state(json!({})).await;
    let stop = async {
        until(|| app.app.waiting.count() == 2).await;
        app.app.waiting.close();
    };
    let ((_, told), poll) = tokio::join!(events_and(&program, &state, stop), collect(&program, &state, 60));
    assert!(told.starts_with("event: status\ndata: {\"status\":\"pending\"}\n\n"), "{told}");
    assert!(!told.contains("gone"), "another node goes on: {told}");
    assert_eq!(poll.status, 202);
    let late = collect(&program, &state, 60).await;
    assert_eq!(
        (late.status, late.error()),
        (503, "temporarily_unavailable"),
        "another node answers"
    );
}

/// Waits until something is so.
async fn until(is_so: impl Fn() -> bool) {
    wait_for("it does not come to that", async || is_so()).await;
}

/// Somebody who hangs up makes room.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_hangs_up_waits_no_longer() {
    let app = start().await;
    let program = Program::of(&app).await;
    let state = program.state(json!({})).await;
    let path = format!("{}/events", place(&state));
    let response = program.request(Method::GET, &path).send().await.unwrap();
    until(|| app.app.waiting.count() == 1).await;
    drop(response);
    until(|| app.app.waiting.is_empty()).await;
    let without = send(http().get(app.url(&path))).await;
    assert_eq!(without.status, 401, "strangers are told nothing");
}

/// A poll whose program has hung up takes the answer from nobody.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_hung_up_collects_nothing() {
    let app = start().await;
    let program = Program::of(&app).await;
    for _ in 0..5 {
        let state = program.state(json!({})).await;
        let impatient = program.request(Method::GET, &format!("{}?wait=60", place(&state)));
        let outcome = impatient.timeout(Duration::from_millis(500)).send().await;
        assert!(outcome.is_err(), "the program gives up first");
        until(|| app.app.waiting.is_empty()).await;
        come_back(&app, &Browser::new(), &state, "the-code").await;
        assert_eq!(program.collect(&state).await.text("auth_code"), "the-code");
    }
}
