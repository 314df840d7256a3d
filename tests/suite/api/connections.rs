//! `/connections`

use gatehouse::model::event::{Actor, EventKind};
use serde_json::{Value, json};

use super::{Caller, Shown, fields, operator, problem};
use crate::support::{Database, TestApp, on_every_database};
use crate::vault::flow::{question, whole_way, world};
use crate::vault::{connected, given, kept, read, workload};

/// What stands in no answer.
fn no_secrets(shown: &Value) {
    let shown = shown.to_string();
    for secret in [
        "sealed",
        "wrapped",
        "key",
        "access 1",
        "refresh 1",
        "access_token",
        "refresh_token",
        "tenant.example",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

on_every_database! {
    async fn a_connection_is_shown_without_its_tokens(app: TestApp) {
        let operator = operator(&app).await;
        let (agent, connection) = connected(&app).await;
        let path = format!("/connections/{}", connection.id);
        let shown = operator.get(&path).await;
        assert_eq!(shown.status, 200, "{}", shown.body);
        let expected = json!({
            "id": connection.id, "user_id": connection.user_id, "username": "alice",
            "workload": "mail-agent", "workload_label": "mail-agent", "client_id": agent.client_id, "client_name": "Example App",
            "provider": "mail", "provider_name": null, "account": "alice", "account_label": "alice@mail.example",
            "scope": "read send", "resource": [], "needs_consent": false, "token_expires_at": 1_800_003_600, "failures": 0,
            "created_at": connection.created_at, "updated_at": connection.updated_at,
        });
        let mut body = shown.body.clone();
        body.as_object_mut().unwrap().remove("token_expires_at");
        no_secrets(&body);
        assert_eq!(shown.body, expected);
        for sealed in [&connection.tokens.sealed, &connection.tokens.wrapped_key] {
            assert!(!shown.body.to_string().contains(sealed.as_str()));
        }
        let (items, next) = operator.page("/connections", "provider=mail", None).await;
        assert_eq!((items, next), (vec![expected], None));
        for gone in [operator.get("/connections/none").await, operator.delete("/connections/none").await] {
            assert_eq!(problem(&gone), (404, "not-found", ""));
        }
        for (query, kind, field) in [
            ("", "invalid-parameter", "user"),
            ("?limit=3", "invalid-parameter", "user"),
            ("?user=", "invalid-parameter", "user"),
            ("?user_id=x", "unknown-parameter", "user_id"),
            ("?user=x&user=y", "invalid-parameter", "user"),
            ("?user=x&cursor=wrong", "invalid-parameter", "cursor"),
            ("?user=x&limit=0", "invalid-parameter", "limit"),
        ] {
            assert_eq!(problem(&operator.get(&format!("/connections{query}")).await), (400, kind, field), "{query}");
        }
        assert_eq!(problem(&operator.get(&format!("{path}?more=1")).await), (400, "unknown-parameter", "more"));
        assert_eq!(problem(&operator.delete(&format!("{path}?more=1")).await), (400, "unknown-parameter", "more"));
        let nobody = Caller::new(&app, Shown::Nothing);
        assert_eq!(nobody.delete(&path).await.status, 401);
        assert_eq!(nobody.get(&path).await.status, 401);
        assert!(read(&app.app, &connection.id).await.is_some());
    }

    async fn pages_of_connections_with_filters(app: TestApp) {
        let operator = operator(&app).await;
        let (alice, bob) = (app.user("alice").await, app.user("bob").await);
        let client = app.confidential_client().await;
        let (first, second) = (workload(&app.app, "first", client.id()).await, workload(&app.app, "second", client.id()).await);
        let mut all = Vec::new();
        for agent in [&first, &second] {
            for user in [&alice, &bob] {
                for provider in ["mail", "files"] {
                    for account in ["home", "work"] {
                        let mut new = given(&user.id, account, 1);
                        provider.clone_into(&mut new.provider_id);
                        app.advance(1);
                        all.push(kept(&app.app, agent, &new).await);
                    }
                }
            }
        }
        for mask in 1..8 {
            let (user, provider, agent) = (mask & 1 > 0, mask & 2 > 0, mask & 4 > 0);
            let mut query = "limit=200".to_owned();
            let mut add = |is_in: bool, name: &str, value: &str| if is_in { query = format!("{query}&{name}={value}") };
            add(user, "user", &bob.id);
            add(provider, "provider", "files");
            add(agent, "workload", "second");
            let expected: Vec<&str> = all
                .iter()
                .filter(|it| (!user || it.user_id == bob.id) && (!provider || it.provider_id == "files") && (!agent || it.workload == "second"))
                .map(|it| it.id.as_str())
                .collect();
            assert_eq!(operator.all("/connections", &query, "id").await, expected, "{query}");
            for limit in [1, 3] {
                let query = query.replace("limit=200", &format!("limit={limit}"));
                assert_eq!(operator.all("/connections", &query, "id").await, expected, "{query}");
            }
        }
        // What goes meanwhile is neither repeated nor skipped.
        let query = format!("user={}&limit=2", alice.id);
        let (items, next) = operator.page("/connections", &query, None).await;
        let seen = fields(&items, "id");
        assert_eq!(operator.delete(&format!("/connections/{}", seen[1])).await.status, 200);
        let rest = operator.rest("/connections", &query, next.clone(), "id").await;
        assert_eq!((rest.len(), seen.iter().any(|id| rest.contains(id))), (6, false));
        assert_eq!(operator.all("/connections", "user=nobody", "id").await, Vec::<String>::new());
        let elsewhere = operator.get(&format!("/workloads?cursor={}", next.unwrap())).await;
        assert_eq!(problem(&elsewhere), (400, "invalid-parameter", "cursor"));
    }

    async fn deleting_one_revokes_it_at_the_provider(app: TestApp) {
        let world = world(app).await;
        let operator = operator(&world.app).await;
        let (link, _) = question(&world.ask(&world.alice, json!({})).await);
        whole_way(&link, "alice").await;
        let got = world.ask(&world.alice, json!({})).await;
        let path = format!("/connections/{}", got.text("connection_id"));
        let shown = operator.get(&path).await;
        assert_eq!((shown.text("workload_label"), shown.text("provider_name")), ("The Agent", "The Other Place"));
        assert!(!shown.body.to_string().contains(got.text("access_token")));
        assert_eq!(world.there.userinfo(got.text("access_token")).await.status, 200);

        let deleted = operator.delete(&path).await;
        let expected = json!({ "id": got.text("connection_id"), "at_provider": "revoked", "account_page": null });
        assert_eq!((deleted.status, &deleted.body), (200, &expected));
        assert_eq!(world.there.userinfo(got.text("access_token")).await.status, 401);
        question(&world.ask(&world.alice, json!({})).await);
        for gone in [operator.get(&path).await, operator.delete(&path).await] {
            assert_eq!(problem(&gone), (404, "not-found", ""));
        }
        let events = world.events(EventKind::ConnectionRemoved).await;
        assert_eq!((events.len(), &events[0].actor), (1, &Actor::AdminToken));
        assert_eq!((events[0].subject.as_deref(), events[0].target.as_deref()), (Some(world.alice.id.as_str()), Some(got.text("connection_id"))));
    }
}

/// The answer says when the provider was not told yet, or cannot be, and where the person can do it.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_does_not_take_back_is_said() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = operator(&app).await;
    let (agent, first) = connected(&app).await;
    let removed = operator.delete(&format!("/connections/{}", first.id)).await;
    let mut expected = json!({ "id": first.id, "at_provider": "later", "account_page": null });
    assert_eq!((removed.status, removed.body), (200, expected.clone()), "there is no such provider");

    let provider = json!({ "id": "mail", "name": "Music", "preset": "spotify", "client_id": "us", "client_secret": "secret" });
    let made = operator.post("/providers", &provider).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let second = kept(&app.app, &agent, &given(&first.user_id, "alice", 1)).await;
    let removed = operator.delete(&format!("/connections/{}", second.id)).await;
    expected["id"] = json!(second.id);
    expected["at_provider"] = json!("not_revoked");
    expected["account_page"] = json!("https://www.spotify.com/account/apps/");
    assert_eq!((removed.status, removed.body), (200, expected));
}
