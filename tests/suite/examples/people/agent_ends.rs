//! How the agent ends when it does not say hello: a status for each kind of problem, plain words, no secrets, and no identity
//! that is left behind.

use reqwest::Method;
use serde_json::{Value, json};

use super::agent::tells_no_secret;
use super::{Places, consent, go_on, open};
use crate::support::Browser;
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::process::{Sandbox, Server};

/// How it ended, and what it printed.
async fn end(places: &Places, mut agent: Server, left: &[&str]) -> (i32, String) {
    let status = agent.await_exit();
    let output = agent.output();
    tells_no_secret(&output);
    assert_eq!(places.workloads().await, left, "{output}");
    (status.code().expect("a status"), output)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_leaves_nothing_behind_when_it_is_stopped() {
    let places = Places::open(Sandbox::new(), "hello_agent").await;
    // In the middle of waiting for a consent.
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let agent = places.agent(&[]);
        places.sign_in(&agent, "alice").await;
        let link = agent.await_line("/connect/");
        assert_eq!(places.workloads().await, ["hello-agent"]);
        agent.tell(signal);
        let (status, output) = end(&places, agent, &[]).await;
        assert_eq!(status, code, "{output}");
        assert!(output.contains("hello_agent: stopped: by "), "{output}");
        let late = open(&Browser::new(), link.trim(), "alice").await;
        assert!(late.status.as_u16() >= 400, "the link is dead: {} {}", late.status, late.body);
    }
    // And of waiting for a sign-in.
    let agent = places.agent(&[]);
    agent.await_line("/authorize?");
    agent.tell("INT");
    assert_eq!(end(&places, agent, &[]).await.0, 130);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_which_setting_or_secret_is_wrong() {
    let mut places = Places::open(Sandbox::new(), "hello_agent").await;
    let run = async |places: &Places, flags: &[&str]| end(places, places.agent(flags), &[]).await;
    // What is not declared is looked at before anybody has to do something.
    for (flags, code, told) in [
        (
            &["--agent-id", "nobody"][..],
            3,
            "credentials: Gatehouse refuses the id or the secret of the client nobody",
        ),
        (&["--setup-id", "nobody"], 3, "credentials: Gatehouse refuses"),
        (&["--setup-id", "hello-agent"], 3, "credentials: Gatehouse refuses"),
        (
            &["--issuer", "http://127.0.0.1:9"],
            2,
            "configuration: Gatehouse at http://127.0.0.1:9 does not answer",
        ),
        (
            &["--people-api", "http://people.example"],
            2,
            "configuration: http://people.example is neither",
        ),
        (&["--workload", "../clients"], 2, "configuration: the name of a workload"),
        (&["--workload", "x"], 6, "identity: the workload x cannot be made: "),
        (&["--no-such-flag"], 2, "unexpected argument"),
    ] {
        let (status, output) = run(&places, flags).await;
        assert_eq!(status, code, "{flags:?}: {output}");
        assert!(
            output.contains(told) && !output.contains("no reason is given"),
            "{flags:?}: {output}"
        );
    }
    // A port that is taken.
    let taken = std::net::TcpListener::bind(("127.0.0.1", places.port)).expect("the port is free");
    let taken_too = std::net::TcpListener::bind(("::1", places.port));
    let (status, output) = run(&places, &[]).await;
    assert!(status == 5 && output.contains("gateway: localhost:"), "{status} {output}");
    drop((taken, taken_too));
    // A line of the file that is none is not quoted.
    places.here.write(".env", "AGENT SECRET which-is-a-secret\n");
    let (status, output) = run(&places, &[]).await;
    assert!(
        status == 2 && output.contains(".env has a line") && !output.contains("which-is"),
        "{status} {output}"
    );
    places.here.write(".env", "");
    places.here = places.here.without("SETUP_SECRET");
    let (status, output) = run(&places, &[]).await;
    assert!(status == 2 && output.contains("SETUP_SECRET is not set"), "{status} {output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_somebody_did_not_consent() {
    let places = Places::open(Sandbox::new(), "hello_agent").await;
    // No at the question of the vault.
    for flags in [&[][..], &["--old-protocol"]] {
        let agent = places.agent(flags);
        places.sign_in(&agent, "alice").await;
        let browser = Browser::new();
        let page = open(&browser, agent.await_line("/connect/").trim(), "alice").await;
        let page = browser.submit(&page, &[("decision", "deny")]).await;
        go_on(&browser, &page).await;
        let (status, output) = end(&places, agent, &[]).await;
        assert!(status == 4 && output.contains("Access was not given"), "{status} {output}");
    }
    // No at the sign-in, of somebody who was not asked before.
    let agent = places.agent(&[]);
    let browser = Browser::new();
    let page = open(&browser, agent.await_line("/authorize?").trim(), "bob").await;
    let answer = browser.submit(&page, &[("decision", "deny")]).await;
    Browser::new().get(&answer.location().expect("a way back")).await;
    let (status, output) = end(&places, agent, &[]).await;
    assert!(status == 4 && output.contains("access_denied"), "{status} {output}");
    // Nobody comes.
    let agent = places.agent(&["--patience", "1", "--old-protocol"]);
    places.sign_in(&agent, "alice").await;
    let (status, output) = end(&places, agent, &[]).await;
    assert!(status == 4 && output.contains("nobody allowed it in time"), "{status} {output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_the_api_fails() {
    let places = Places::open(Sandbox::new(), "hello_agent").await;
    let api = Elsewhere::start().await;
    let path = super::PEOPLE;
    let at = api.url("");
    let unlikely = Served::json(&json!({})).with("retry-after", "86400");
    for (served, code, told) in [
        (Served::json(&json!({})).status(500), 5, "the People API answers 500"),
        (Served::json(&json!({})).status(403), 2, "the People API forbids that"),
        (Served::json(&json!("x")), 5, "something else than a person"),
        (Served::json(&json!({})), 5, "has no name"),
        (unlikely.status(429), 5, "wants to be asked later, in 86400 seconds"),
        (
            Served::json(&json!({ "names": [{ "displayName": "\u{1b}[2JEve\u{202e}" }] })),
            0,
            "Hello, [2JEve!",
        ),
    ] {
        api.serve(path, served);
        // A connection of an earlier run went with its workload, so everybody is asked each time.
        let agent = places.agent(&["--people-api", &at]);
        places.sign_in(&agent, "alice").await;
        consent(&agent.await_line("/connect/"), "alice").await;
        let (status, output) = end(&places, agent, &[]).await;
        assert!(status == code && output.contains(told), "{told}: {status} {output}");
    }
    // Nobody answers at all.
    let agent = places.agent(&["--people-api", "http://127.0.0.1:9"]);
    places.sign_in(&agent, "alice").await;
    consent(&agent.await_line("/connect/"), "alice").await;
    let (status, output) = end(&places, agent, &[]).await;
    assert!(
        status == 5 && output.contains("the People API does not answer"),
        "{status} {output}"
    );
    let theirs = api.requests();
    assert!(theirs.iter().all(|request| request.starts_with("GET /people/me?")), "{theirs:?}");
}

/// What is not its own is not removed: not on the way out, and not on the way in.
#[tokio::test(flavor = "multi_thread")]
async fn it_removes_what_is_its_own_and_nothing_else() {
    let places = Places::open(Sandbox::new(), "hello_agent").await;
    // Of another client: it stays, whatever is said.
    let add = ["client", "add", "Other", "--id", "other", "--kind", "service", "--scope", "vault"];
    places.here.run(&add).done();
    let others = json!({ "name": "hello-agent", "client_id": "other" });
    let answer = places.administer(Method::POST, "workloads", &others).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    for (flags, told) in [(&[][..], "--replace"), (&["--replace"], "belongs to another client")] {
        let (status, output) = end(&places, places.agent(flags), &["hello-agent"]).await;
        assert!(status == 6 && output.contains(told), "{status} {output}");
    }
    places.administer(Method::DELETE, "workloads/hello-agent", &Value::Null).await;
    // Its own, of a run that was killed.
    let mut agent = places.agent(&[]);
    agent.await_line("/authorize?");
    agent.kill();
    let (status, output) = end(&places, places.agent(&[]), &["hello-agent"]).await;
    assert!(status == 6 && output.contains("--replace"), "{status} {output}");
    let agent = places.agent(&["--replace"]);
    places.sign_in(&agent, "alice").await;
    consent(&agent.await_line("/connect/"), "alice").await;
    let (status, output) = end(&places, agent, &[]).await;
    assert!(status == 0 && output.contains("Hello, Alice There!"), "{status} {output}");
}
