//! What agents do while people are asked, and what they get besides tokens.

use gatehouse::federation::providers::{Credential, register};
use gatehouse::federation::workloads::{self, NewWorkload};
use gatehouse::model::event::EventKind;
use gatehouse::model::provider::{ProviderKind, ProviderSettings};
use gatehouse::model::workload::WorkloadSettings;
use gatehouse::protocol::scope::Scope;
use secrecy::SecretString;
use serde_json::json;

use super::{question, whole_way, world};
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{Database, TestApp};

/// Who waits for a person is told when they are done, on whatever node.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_when_the_person_is_done() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let (link, session) = question(&world.ask(&world.alice, json!({})).await);
    let token = world.workload_token("agent", &world.alice).await;
    let wait = async |seconds: &str| {
        let request = http().get(world.app.url("/api/vault/session"));
        let request = request.query(&[("uri", session.as_str()), ("wait", seconds)]);
        send(request.bearer_auth(&token)).await
    };
    assert_eq!(wait("1").await.body["status"], "pending");
    let (waited, page) = tokio::join!(wait("60"), whole_way(&link, "alice"));
    assert!(page.body.contains("Done"), "{}", page.body);
    assert_eq!(waited.body["status"], "completed");
    assert_eq!(wait("x").await.status, 400);
    assert!(world.app.app.waiting.is_empty());
    world.app.app.waiting.close();
    let (_, session) = question(&world.ask(&world.bob, json!({})).await);
    let token = world.workload_token("agent", &world.bob).await;
    let request = http().get(world.app.url("/api/vault/session")).bearer_auth(token);
    let answer = send(request.query(&[("uri", session.as_str()), ("wait", "60")])).await;
    assert_eq!(answer.status, 503, "another node answers: {}", answer.body);
}

/// API keys are for agents that may have them, and for nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_gets_the_api_key_that_it_may_have() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let settings = ProviderSettings {
        name: "Weather".to_owned(),
        kind: ProviderKind::ApiKey,
        ..ProviderSettings::default()
    };
    let key = Credential::ApiKey(SecretString::from("k-123"));
    register(&world.app.app, "weather", settings, Some(key)).await.unwrap();
    let ask = async |agent: &str, path: &str, provider: &str| {
        let token = world.workload_token(agent, &world.alice).await;
        let request = http().post(world.app.url(path)).bearer_auth(token);
        send(request.json(&json!({ "provider": provider }))).await
    };
    assert_eq!(ask("agent", "/api/vault/api-key", "weather").await.status, 403);
    assert_eq!(ask("agent", "/api/vault/api-key", "there").await.status, 403);
    let settings = WorkloadSettings {
        ceilings: [("weather".to_owned(), Scope::default())].into(),
        may_name_users: true,
        ..WorkloadSettings::default()
    };
    let new = NewWorkload {
        name: "forecaster".to_owned(),
        client_id: world.owner.id().to_owned(),
        settings,
    };
    workloads::create(&world.app.app, new).await.unwrap();
    let answer = ask("forecaster", "/api/vault/api-key", "weather").await;
    assert_eq!(answer.text("api_key"), "k-123");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(ask("forecaster", "/api/vault/token", "weather").await.status, 403);
    assert_eq!(world.events(EventKind::ApiKeyGiven).await.len(), 1);
    let request = http().post(world.app.url("/api/vault/api-key")).bearer_auth("x");
    assert_eq!(send(request.json(&json!({ "provider": "weather" }))).await.status, 401);
}
