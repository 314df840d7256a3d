//! What is changed on the way, and what is asked for beyond what may be.

use gatehouse::protocol::client_authentication::AuthMethod;
use serde_json::json;
use url::Url;

use super::{RETURN, add_agent, add_provider, consent, open, question, say_yes, whole_way, world};
use crate::support::{Browser, Database, TestApp};

/// What is changed on the way back does not count.
#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_cannot_be_bent() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let other = TestApp::start(Database::Sqlite).await;
    let client = other.client(AuthMethod::ClientSecretBasic, |_| {}).await;
    add_provider(&world.app, "other", &other, &client).await;
    let browser = Browser::new();
    let begin = async |link: &str| {
        let page = open(&browser, link, "alice").await;
        let address = say_yes(&browser, &page).await;
        consent(&Browser::new(), &address, "alice").await
    };
    let (link, session) = question(&world.ask(&world.alice, json!({})).await);
    let back = begin(&link).await;
    let changed = |name: &str, value: Option<&str>| {
        let mut url = Url::parse(&back).unwrap();
        let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
        pairs.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        url.query_pairs_mut().clear().extend_pairs(pairs);
        url.to_string()
    };
    // Another provider's address, no state, half a state, another state: nothing happens.
    let state = Url::parse(&back)
        .unwrap()
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    for bent in [
        back.replace("/connect/callback/there", "/connect/callback/other"),
        changed("state", None),
        changed("state", Some(&state[..60])),
        changed("state", Some(&format!("{state}x"))),
        format!("{back}&state=another"),
    ] {
        let page = browser.visit(&bent).await;
        assert!(matches!(page.status.as_u16(), 400 | 410), "{bent}: {}", page.status);
    }
    assert_eq!(world.session(&world.alice, &session).await.body["status"], "away");
    // Another issuer, no issuer, an error: it ends, and nothing is given.
    for bent in [
        changed("iss", Some("https://evil.example")),
        changed("iss", None),
        changed("code", None),
        changed("code", Some("wrong")),
    ] {
        let (link, session) = question(&world.ask(&world.alice, json!({})).await);
        let fresh = begin(&link).await;
        let state = Url::parse(&fresh)
            .unwrap()
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned();
        let mut url = Url::parse(&bent).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(known, _)| known != "state").collect();
        url.query_pairs_mut().clear().extend_pairs(pairs).append_pair("state", &state);
        let page = browser.visit(url.as_str()).await;
        assert!(page.body.contains("Not connected"), "{bent}: {} {}", page.status, page.body);
        assert_eq!(world.session(&world.alice, &session).await.body["status"], "failed");
    }
    // A way that was begun again leaves the old one dead.
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    let (old, new) = (begin(&link).await, begin(&link).await);
    assert_eq!(browser.visit(&old).await.status, 410);
    assert_eq!(browser.visit(&new).await.status, 200);
}

/// An agent gets no more than it may.
#[tokio::test(flavor = "multi_thread")]
async fn ceilings_and_return_uris_hold() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    for (more, status) in [
        (json!({ "scope": "openid write" }), 403),
        (json!({ "scope": "offline_access" }), 403),
        (json!({ "provider": "unknown" }), 403),
        (json!({ "return_uri": format!("{RETURN}/") }), 403),
        (json!({ "return_uri": "https://agent.example/don" }), 403),
        (json!({ "return_uri": "https://AGENT.example/done" }), 403),
        (json!({ "scope": "not\u{e9}" }), 400),
        (json!({ "parameters": { "include_granted_scopes": "true" } }), 403),
        (json!({ "parameters": { "scope": "write" } }), 403),
        (json!({ "more": 1 }), 400),
    ] {
        let answer = world.ask(&world.alice, more.clone()).await;
        assert_eq!(answer.status, status, "{more}: {}", answer.body);
    }
    // Another agent of the same client does not get what was given to this one.
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    whole_way(&link, "alice").await;
    assert_eq!(world.ask(&world.alice, json!({})).await.status, 200);
    add_agent(&world.app, "another", &world.owner).await;
    question(&world.ask_as("another", &world.alice, json!({})).await);
    question(&world.ask(&world.bob, json!({})).await);
    assert_eq!(world.agent.name, "agent");
}
