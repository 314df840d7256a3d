//! How access ends, and how it does not.

use gatehouse::federation::providers::{Credential, SecretChange, change};
use gatehouse::model::event::EventKind;
use gatehouse::model::provider::ProviderSettings;
use secrecy::SecretString;
use serde_json::json;

use super::{consent, open, question, say_yes, whole_way, whole_way_with, world};
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{Browser, Database, TestApp};

/// A refresh token that is worth nothing any more means that the person is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_refresh_token_asks_the_person_again() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    whole_way(&link, "alice").await;
    // She takes it back there.
    let mut tx = world.provider.app.store.begin().await.unwrap();
    tx.withdraw_consent(&world.alice_there.id, world.there.id(), world.provider.app.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.app.advance(3600);
    world.provider.advance(3600);
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    assert_eq!(world.events(EventKind::ConnectionBroken).await.len(), 1);
    let page = whole_way(&link, "alice").await;
    assert!(page.body.contains("Done"), "{}", page.body);
    assert_eq!(world.ask(&world.alice, json!({})).await.status, 200);
}

/// A provider that does not answer is left alone for a while, and nothing is lost by that.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_left_alone() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    whole_way(&link, "alice").await;
    world.provider.stop().await;
    world.app.advance(3600);
    for _ in 0..3 {
        let answer = world.ask(&world.alice, json!({})).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(!answer.header("retry-after").is_empty());
    }
    assert!(world.events(EventKind::ConnectionBroken).await.is_empty());
}

/// Who says no at the question has said no.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_can_say_no() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let (link, session) = question(&world.ask(&world.alice, json!({})).await);
    let browser = Browser::new();
    let page = open(&browser, &link, "alice").await;
    let said = browser.submit(&page, &[("decision", "deny")]).await;
    assert!(said.body.contains("Not connected"), "{}", said.body);
    assert_eq!(world.session(&world.alice, &session).await.body["status"], "cancelled");
    assert_eq!(browser.visit(&link).await.status, 410);
    // A form of somebody else's is no answer.
    let (link, session) = question(&world.ask(&world.alice, json!({})).await);
    open(&browser, &link, "alice").await;
    let forged = browser.post(&link, &[("decision", "allow"), ("csrf", "x")]).await;
    assert_eq!(forged.status, 403, "{}", forged.body);
    assert_eq!(world.session(&world.alice, &session).await.body["status"], "pending");
    // And the agent can take its question back, or be too late.
    let token = world.workload_token("agent", &world.alice).await;
    let request = || {
        http()
            .delete(world.app.url("/api/vault/session"))
            .query(&[("uri", session.as_str())])
    };
    assert_eq!(send(request().bearer_auth(&token)).await.status, 204);
    assert_eq!(send(request().bearer_auth(&token)).await.status, 404);
    assert_eq!(browser.visit(&link).await.status, 410);
    // Nobody answers in time.
    let (link, session) = question(&world.ask(&world.alice, json!({})).await);
    world.app.advance(601);
    assert_eq!(browser.visit(&link).await.status, 410);
    assert_eq!(world.session(&world.alice, &session).await.body["status"], "cancelled");
}

/// Who has several accounts keeps the one that they had: nobody gets another one because it can be used and theirs cannot.
#[tokio::test(flavor = "multi_thread")]
async fn no_account_takes_the_place_of_another() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    whole_way(&link, "alice").await;
    let first = world.ask(&world.alice, json!({})).await;
    world.app.advance(1);
    // The same person here, with another account there.
    let (link, _) = question(&world.ask(&world.alice, json!({ "force": true })).await);
    whole_way_with(&link, "alice", "bob").await;
    let still = world.ask(&world.alice, json!({})).await;
    assert_eq!(still.body["connection_id"], first.body["connection_id"], "the oldest one");
    let other = world.ask(&world.alice, json!({ "account": "bob" })).await;
    assert_eq!(other.status, 200, "{}", other.body);
    assert_ne!(other.body["connection_id"], first.body["connection_id"]);
    let by_id = world.ask(&world.alice, json!({ "account": first.body["connection_id"] })).await;
    assert_eq!(by_id.body["connection_id"], first.body["connection_id"]);
    question(&world.ask(&world.alice, json!({ "account": "nobody" })).await);
    // Access with the first account ends there.
    let mut tx = world.provider.app.store.begin().await.unwrap();
    let now = world.provider.app.now();
    tx.withdraw_consent(&world.alice_there.id, world.there.id(), now).await.unwrap();
    tx.commit().await.unwrap();
    world.app.advance(3600);
    world.provider.advance(3600);
    question(&world.ask(&world.alice, json!({})).await);
    question(&world.ask(&world.alice, json!({})).await);
    assert_eq!(world.ask(&world.alice, json!({ "account": "bob" })).await.status, 200);
}

/// A code goes nowhere else than where its person was sent to, although the provider was changed meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_does_not_go_to_another_address() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let other = TestApp::start(Database::Sqlite).await;
    let (link, session) = question(&world.ask(&world.alice, json!({})).await);
    let browser = Browser::new();
    let page = open(&browser, &link, "alice").await;
    let address = say_yes(&browser, &page).await;
    let back = consent(&Browser::new(), &address, "alice").await;
    let there = world.app.app.store.read().await.unwrap().provider("there").await.unwrap().unwrap();
    let settings = ProviderSettings {
        issuer: Some(other.base.clone()),
        ..there.settings.clone()
    };
    let secret = SecretChange::Set(Credential::ClientSecret(SecretString::from("another")));
    change(&world.app.app, there, settings, secret).await.unwrap();
    // The other one would even be named by `iss`.
    let back = back.replace(&encoded(&world.provider.base), &encoded(&other.base));
    let page = browser.visit(&back).await;
    assert!(page.body.contains("Not connected"), "{} {}", page.status, page.body);
    assert_eq!(world.session(&world.alice, &session).await.body["status"], "failed");
    let event = world.events(EventKind::ConnectionRefused).await.pop().unwrap();
    assert_eq!(event.detail["reason"], "the provider was changed meanwhile");
}

/// As it stands in a query.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
