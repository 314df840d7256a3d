//! Tokens by which agents act: who gets one, and what ends it.

use gatehouse::admin::Expected;
use gatehouse::admin::workloads as admin;
use gatehouse::federation::workloads::{LIFETIME, verify, verify_at};
use gatehouse::model::event::{Actor, Event, EventFilter, EventKind, Outcome};
use gatehouse::model::user::User;
use gatehouse::model::workload::WorkloadSettings;
use gatehouse::oauth::clients;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use serde_json::{Value, json};

use super::workload;
use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, send};
use crate::support::{Database, TestApp, on_every_database};

/// A client that may get tokens for its workloads.
async fn owner(app: &TestApp) -> TestClient {
    app.client(AuthMethod::ClientSecretBasic, |new| {
        new.scope = Scope::parse("openid read vault").unwrap();
        new.grant_types.push(GrantType::ClientCredentials);
    })
    .await
}

async fn ask(client: &TestClient, body: Value) -> Answer {
    let request = http().post(format!("{}/api/vault/workload-token", client.base));
    send(request.basic_auth(client.id(), client.secret.as_ref()).json(&body)).await
}

/// A token for the agent of the tests.
async fn token(client: &TestClient, of: Value) -> String {
    let mut body = json!({ "workload": "mail-agent" });
    body.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
    let answer = ask(client, body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["expires_in"], 900);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.text("workload_access_token").to_owned()
}

async fn change(app: &TestApp, change: impl FnOnce(&mut WorkloadSettings)) {
    let changed = admin::change(&app.app, "mail-agent", &Expected::Any, |mut settings| {
        change(&mut settings);
        Ok(settings)
    });
    changed.await.unwrap();
}

async fn is_dead(app: &TestApp, token: &str) -> bool {
    let is_dead = verify(&app.app, token).await.unwrap().is_none();
    // Both questions say the same.
    assert_eq!(verify_at(&app.app, token, "mail").await.unwrap().is_none(), is_dead);
    is_dead
}

async fn events(app: &TestApp, kind: EventKind) -> Vec<Event> {
    let filter = EventFilter {
        kind: Some(kind),
        ..EventFilter::default()
    };
    let mut connection = app.app.store.read().await.unwrap();
    connection.events_nearby(&filter, None, 1000).await.unwrap().events
}

async fn id_token(client: &TestClient, name: &str) -> String {
    client.tokens(name, &[("scope", "openid read")]).await.text("id_token").to_owned()
}

async fn update(app: &TestApp, user: &User, is_disabled: bool) {
    let mut user = user.clone();
    user.settings.is_disabled = is_disabled;
    app.update_user(&user).await;
}

on_every_database! {
    async fn an_agent_acts_for_itself_and_for_people(app: TestApp) {
        let alice = app.user("alice").await;
        let client = owner(&app).await;
        let agent = workload(&app.app, "mail-agent", client.id()).await;
        let itself = token(&client, json!({})).await;
        assert!(itself.starts_with("ghw_"));
        let verified = verify(&app.app, &itself).await.unwrap().unwrap();
        assert_eq!((&verified.workload, verified.user_id.as_deref()), (&agent, None));
        assert_eq!((verified.issued_at, verified.expires_at), (app.app.now(), app.app.now() + LIFETIME));

        let by_token = token(&client, json!({ "user_token": id_token(&client, "alice").await })).await;
        assert_eq!(verify(&app.app, &by_token).await.unwrap().unwrap().user_id, Some(alice.id.clone()));
        assert!(events(&app, EventKind::WorkloadUserNamed).await.is_empty());

        // Naming a person by their id is a privilege, and leaves a trace each time.
        let denied = ask(&client, json!({ "workload": "mail-agent", "user_id": alice.id })).await;
        assert_eq!((denied.status, denied.error()), (403, "access_denied"), "{}", denied.body);
        // Events are in the order of time.
        app.advance(1);
        change(&app, |settings| settings.may_name_users = true).await;
        let by_id = token(&client, json!({ "user_id": alice.id })).await;
        assert_eq!(verify(&app.app, &by_id).await.unwrap().unwrap().user_id, Some(alice.id.clone()));
        app.advance(1);
        let nobody = ask(&client, json!({ "workload": "mail-agent", "user_id": "nobody" })).await;
        assert_eq!((nobody.status, nobody.error()), (400, "invalid_grant"));
        let named = events(&app, EventKind::WorkloadUserNamed).await;
        let outcomes: Vec<(Outcome, Option<&str>)> = named.iter().rev().map(|event| (event.outcome, event.subject.as_deref())).collect();
        assert_eq!(outcomes, [(Outcome::Failure, None), (Outcome::Success, Some(alice.id.as_str())), (Outcome::Failure, None)]);
        for event in named {
            assert_eq!((event.actor, event.client_id.as_deref(), event.target.as_deref()), (Actor::Client(client.id().to_owned()), Some(client.id()), Some("mail-agent")));
        }

        // Another node knows it, too, and nothing of another secret is taken for it.
        assert!(verify(&app.second_node().await, &by_id).await.unwrap().is_some());
        for at in [4, 20, by_id.len() - 1] {
            let mut changed = by_id.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(is_dead(&app, &String::from_utf8(changed).unwrap()).await, "{at}");
        }
        for wrong in ["", "ghw_", &by_id[4..], &by_id[..by_id.len() - 2], &by_id.replace("ghw_", "gha_"), &format!("{by_id}A")] {
            assert!(is_dead(&app, wrong).await, "{wrong}");
        }
        app.advance(897);
        assert!(!is_dead(&app, &itself).await);
        app.advance(1);
        assert!(is_dead(&app, &itself).await);
    }

    async fn what_ends_a_token(app: TestApp) {
        let alice = app.user("alice").await;
        let client = owner(&app).await;
        workload(&app.app, "mail-agent", client.id()).await;
        let user_token = id_token(&client, "alice").await;
        let of_alice = json!({ "user_token": user_token });
        let (itself, for_alice) = (token(&client, json!({})).await, token(&client, of_alice.clone()).await);

        change(&app, |settings| settings.is_disabled = true).await;
        assert!(is_dead(&app, &itself).await && is_dead(&app, &for_alice).await);
        let refused = ask(&client, json!({ "workload": "mail-agent" })).await;
        assert_eq!((refused.status, refused.error()), (403, "access_denied"));
        change(&app, |settings| settings.is_disabled = false).await;
        assert!(!is_dead(&app, &itself).await && !is_dead(&app, &for_alice).await);

        update(&app, &alice, true).await;
        assert!(!is_dead(&app, &itself).await && is_dead(&app, &for_alice).await, "only the person is disabled");
        update(&app, &alice, false).await;

        // Without the scope, disabled, or with another secret.
        let there = app.app.store.read().await.unwrap().client(client.id()).await.unwrap().unwrap();
        let mut settings = there.settings.clone();
        settings.scope = Scope::parse("openid read").unwrap();
        let without = clients::change(&app.app, there.clone(), settings).await.unwrap();
        assert!(is_dead(&app, &itself).await);
        let again = clients::change(&app.app, without, there.settings.clone()).await.unwrap();
        assert!(!is_dead(&app, &itself).await);
        clients::replace_secret(&app.app, again, 0).await.unwrap();
        assert!(is_dead(&app, &itself).await && is_dead(&app, &for_alice).await, "whoever had the old secret has nothing");

        // Another workload of the same name is another one, even in the same second.
        let other = owner(&app).await;
        workload(&app.app, "second", other.id()).await;
        let answer = ask(&other, json!({ "workload": "second" })).await;
        let old = answer.text("workload_access_token");
        assert!(!is_dead(&app, old).await);
        admin::delete(&app.app, "second", &Expected::Unsaid).await.unwrap();
        assert!(is_dead(&app, old).await);
        workload(&app.app, "second", other.id()).await;
        assert!(is_dead(&app, old).await);
        let answer = ask(&other, json!({ "workload": "second" })).await;
        let new = answer.text("workload_access_token");
        assert!(!is_dead(&app, new).await);
        clients::delete(&app.app, &other.client).await.unwrap();
        assert!(is_dead(&app, new).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_client_of_a_workload_gets_its_tokens() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let (client, stranger) = (owner(&app).await, owner(&app).await);
    let without = app.confidential_client().await;
    workload(&app.app, "mail-agent", client.id()).await;
    let body = json!({ "workload": "mail-agent" });
    let foreign = ask(&stranger, body.clone()).await;
    let unknown = ask(&stranger, json!({ "workload": "no-agent" })).await;
    assert_eq!(
        (foreign.status, &foreign.body["error"], &foreign.body["error_description"]),
        (404, &unknown.body["error"], &unknown.body["error_description"])
    );
    assert_eq!(unknown.status, 404);
    let scopeless = ask(&without, body.clone()).await;
    assert_eq!((scopeless.status, scopeless.error()), (403, "insufficient_scope"));
    assert!(
        scopeless.header("www-authenticate").contains("scope=\"vault\""),
        "{:?}",
        scopeless.headers
    );

    let relay = send(
        http()
            .post(app.url("/api/callbacks"))
            .basic_auth(client.id(), client.secret.as_ref())
            .json(&json!({})),
    )
    .await;
    assert_eq!(relay.status, 403, "each scope lets in to its own");
    let post = || http().post(app.url("/api/vault/workload-token")).json(&body);
    let nobody = send(post()).await;
    assert_eq!((nobody.status, nobody.error()), (401, "invalid_client"), "{}", nobody.body);
    let own = client
        .post("/token", &[("grant_type", "client_credentials"), ("scope", "vault")])
        .await;
    assert_eq!(send(post().bearer_auth(own.text("access_token"))).await.status, 200);
    let others = client
        .post("/token", &[("grant_type", "client_credentials"), ("scope", "read")])
        .await;
    assert_eq!(
        send(post().bearer_auth(others.text("access_token"))).await.status,
        403,
        "not with another scope"
    );
    let of_alice = client.tokens("alice", &[("scope", "openid read")]).await;
    assert_eq!(
        send(post().bearer_auth(of_alice.text("access_token"))).await.status,
        403,
        "nor with a token of a person"
    );
    let issued = ask(&client, body.clone()).await;
    let answer = send(post().bearer_auth(issued.text("workload_access_token"))).await;
    assert_eq!(answer.status, 401, "a token gets no other one");
    for wrong in [
        json!({}),
        json!({ "workload": 1 }),
        json!({ "workload": "mail-agent", "user": "x" }),
        json!({ "workload": "mail-agent", "user_token": "x", "user_id": "y" }),
    ] {
        let answer = ask(&client, wrong).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_request"), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_people_are_verified_and_those_who_guess_slowed_down() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let (client, stranger) = (owner(&app).await, owner(&app).await);
    workload(&app.app, "mail-agent", client.id()).await;
    let good = id_token(&client, "alice").await;
    let foreign = id_token(&stranger, "alice").await;
    let (start, _) = good.rsplit_once('.').unwrap();
    let wrong = [
        foreign,
        format!("{start}."),
        format!("{start}.AAAA"),
        String::new(),
        "alice".to_owned(),
    ];
    let count = wrong.len();
    for token in wrong {
        let answer = ask(&client, json!({ "workload": "mail-agent", "user_token": token })).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_grant"), "{token}: {}", answer.body);
    }
    let refused = events(&app, EventKind::WorkloadTokenRefused).await;
    assert_eq!(refused.len(), count);
    assert!(
        refused
            .iter()
            .all(|event| event.outcome == Outcome::Failure && event.target.as_deref() == Some("mail-agent"))
    );
    for _ in count..100 {
        ask(&client, json!({ "workload": "mail-agent", "user_token": "guess" })).await;
    }
    let slowed = ask(&client, json!({ "workload": "mail-agent", "user_token": "guess" })).await;
    assert_eq!(slowed.status, 429, "{}", slowed.body);
    token(&client, json!({ "user_token": good })).await;
    assert_eq!(events(&app, EventKind::WorkloadTokenRefused).await.len(), 100);
}
