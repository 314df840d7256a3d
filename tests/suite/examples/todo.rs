//! The to-do list: what people do with it.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;

use super::{Stage, complaint, leave, send, start};
use crate::support::Browser;
use crate::support::process::Sandbox;

/// The shortest life of an access token that the server allows, and the time after which the example refreshes it.
const LIFETIME: &str = "10s";
const DUE: Duration = Duration::from_millis(8_200);

#[tokio::test(flavor = "multi_thread")]
async fn people_have_lists_of_their_own() {
    let stage = Stage::todo(Sandbox::new());
    let (alice, bob) = (Browser::new(), Browser::new());
    let page = alice.visit(&stage.url("/")).await;
    assert!(page.body.contains("Sign in with Gatehouse"), "{}", page.body);
    assert!(alice.cookies().is_empty(), "strangers get no cookie");

    let page = stage.sign_in(&alice, "alice", "alice").await;
    assert!(
        page.body.contains("Alice’s list") && page.body.contains("Nothing to do"),
        "{}",
        page.body
    );
    let page = send(&alice, &stage, &page, "/todos", &[("title", "  Buy <b>milk</b>\n now ")]).await;
    assert!(page.body.contains("Buy &#60;b&#62;milk&#60;/b&#62; now"), "{}", page.body);
    let page = send(&alice, &stage, &page, "/todos", &[("title", "Sleep")]).await;
    let page = send(&alice, &stage, &page, "/todos/1/tick", &[("done", "true")]).await;
    assert!(page.body.contains("<del>Buy") && page.body.contains("1 of 2 done"), "{}", page.body);
    let page = send(&alice, &stage, &page, "/todos/1/tick", &[("done", "false")]).await;
    assert!(!page.body.contains("<del>"), "{}", page.body);
    for (title, problem) in [(" ", "Please say what"), (&*"x".repeat(201), "too long")] {
        let page = send(&alice, &stage, &page, "/todos", &[("title", title)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.body.contains(problem), "{}", page.body);
    }

    // Numbers of somebody else's list lead nowhere.
    let page = stage.sign_in(&bob, "bob", "bob").await;
    assert!(page.body.contains("Bob’s list") && !page.body.contains("milk"), "{}", page.body);
    send(&bob, &stage, &page, "/todos/1/delete", &[]).await;
    let page = alice.visit(&stage.url("/")).await;
    assert!(page.body.contains("milk"), "{}", page.body);
    let page = send(&alice, &stage, &page, "/todos/2/delete", &[]).await;
    assert!(!page.body.contains("Sleep"), "{}", page.body);
    send(&alice, &stage, &page, "/todos/1/tick", &[("done", "true")]).await;
    let page = send(&alice, &stage, &page, "/todos/clear", &[]).await;
    assert!(page.body.contains("Nothing to do"), "{}", page.body);

    let page = alice.visit(&stage.url("/you")).await;
    for fact in ["Alice Adams", "alice@example.com", "openid", "Refreshed</dt><dd>0 times"] {
        assert!(page.body.contains(fact), "{fact}: {}", page.body);
    }
    for name in ["access_token", "eyJ", "ghr_"] {
        assert!(!page.body.contains(name), "tokens stay on the server");
        assert!(!stage.example.output().contains(name), "and out of its log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_gives_the_grant_back() {
    let stage = Stage::todo(Sandbox::new());
    let (alice, thief) = (Browser::new(), Browser::new());
    let page = stage.sign_in(&alice, "alice", "alice").await;
    let cookie = alice.cookies()["todo_session"].clone();
    let refused = alice.post(&stage.url("/logout"), &[("csrf", "guess")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let page = send(&alice, &stage, &page, "/logout", &[]).await;
    assert!(page.body.contains("You are signed out"), "{}", page.body);
    let sign_out = format!("href=\"{}/logout\"", stage.sandbox.issuer());
    assert!(page.body.contains(&sign_out), "{}", page.body);
    assert!(!alice.cookies().contains_key("todo_session"));
    assert_eq!(stage.events("grant.revoked"), 1);

    thief.set_cookie("todo_session", &cookie);
    let page = thief.visit(&stage.url("/")).await;
    assert!(page.body.contains("Sign in with Gatehouse"), "the session is over: {}", page.body);

    // At the issuer she is signed in still, and she has given her consent already.
    let page = alice.visit(&stage.url("/login")).await;
    let page = leave(&alice, &page).await;
    let page = leave(&alice, &page).await;
    assert!(page.body.contains("Alice’s list"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_refreshed_in_time_and_once() {
    let stage = Stage::todo(Sandbox::new().with("GATEHOUSE_ACCESS_TOKEN_LIFETIME", LIFETIME));
    let alice = Browser::new();
    stage.sign_in(&alice, "alice", "alice").await;
    tokio::time::sleep(DUE).await;
    let url = stage.url("/you");
    for page in join_all((0..8).map(|_| alice.visit(&url))).await {
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        assert!(page.body.contains("Refreshed</dt><dd>once since"), "{}", page.body);
    }
    assert_eq!(stage.events("refresh_token.replayed"), 0);

    // What ends at the issuer ends here with the next token.
    stage.sandbox.run(&["user", "disable", "alice"]).done();
    tokio::time::sleep(DUE).await;
    let page = alice.visit(&stage.url("/")).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.body.contains("Your sign-in has ended"), "{}", page.body);
    let page = alice.visit(&stage.url("/")).await;
    assert!(page.body.contains("Sign in with Gatehouse"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_away_signs_nobody_out() {
    let mut stage = Stage::todo(Sandbox::new().with("GATEHOUSE_ACCESS_TOKEN_LIFETIME", "20s"));
    let alice = Browser::new();
    stage.sign_in(&alice, "alice", "alice").await;
    stage.server.kill();
    // Due, and good for four seconds more.
    tokio::time::sleep(Duration::from_millis(16_200)).await;
    let page = alice.visit(&stage.url("/")).await;
    assert!(page.body.contains("Alice’s list"), "the old token is good still: {}", page.body);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let page = alice.visit(&stage.url("/")).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    let _server = stage.sandbox.serve();
    let page = alice.visit(&stage.url("/")).await;
    assert!(page.body.contains("Alice’s list"), "{}", page.body);
}

#[test]
fn what_is_missing_is_said() {
    let sandbox = Sandbox::new();
    let said = complaint(start(&sandbox, "todo").0);
    assert!(said.contains("does not answer") && said.contains("cargo run"), "{said}");
    let _server = sandbox.serve();
    let said = complaint(start(&sandbox, "todo").0);
    assert!(
        said.contains("does not know the client demo-web") && said.contains("/dev/seed"),
        "{said}"
    );
    let said = complaint(start(&sandbox.with("CLIENT_ID", "other"), "todo").0);
    assert!(said.contains("does not know the client other"), "{said}");
}
