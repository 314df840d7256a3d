//! `/access-keys` of the admin API, and `gatehouse access-key`.

use serde_json::json;

use super::{on_every_database_with_agentcore, owner};
use crate::api::{operator, problem};
use crate::support::TestApp;
use crate::support::process::Sandbox;

const PATH: &str = "/access-keys";

on_every_database_with_agentcore! {
    async fn the_life_of_an_access_key(app: TestApp) {
        let operator = operator(&app).await;
        let owner = owner(&app).await;
        let made = operator.post(PATH, &json!({ "client_id": owner.id(), "name": " production ", "may_administer": true })).await;
        assert_eq!((made.status, made.header("etag"), made.text("name")), (201, "\"1\"", "production"), "{}", made.body);
        let (id, secret) = (made.text("id").to_owned(), made.text("secret").to_owned());
        assert!(id.len() == 20 && id.starts_with("GHAK") && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()), "{id}");
        assert!(secret.starts_with("ghsk_") && secret.len() == 48, "the length of a secret");
        assert!(made.header("location").ends_with(&format!("/api/admin/v1/access-keys/{id}")));
        let shown = operator.get(&format!("{PATH}/{id}")).await;
        assert_eq!((shown.status, &shown.body["may_administer"], &shown.body["disabled"]), (200, &json!(true), &json!(false)));
        assert!(!shown.body.to_string().contains(&secret));
        // Nothing in the database or the log gives the secret away.
        let mut reader = app.app.store.read().await.unwrap();
        let stored = reader.access_key(&id).await.unwrap().unwrap();
        assert!(!stored.sealed_secret.contains(&secret));
        drop(reader);
        assert!(!operator.get("/events").await.body.to_string().contains(&secret));

        let other = app.confidential_client().await;
        for (body, field) in [
            (json!({ "client_id": "nobody", "name": "x" }), "client_id"),
            // Without the scope it could do nothing.
            (json!({ "client_id": other.id(), "name": "x" }), "client_id"),
            (json!({ "client_id": owner.id(), "name": " " }), "name"),
            (json!({ "client_id": owner.id(), "name": "x".repeat(201) }), "name"),
            (json!({ "client_id": owner.id(), "name": "x", "secret": "mine" }), "secret"),
        ] {
            let refused = operator.post(PATH, &body).await;
            let (status, kind, at) = problem(&refused);
            assert_eq!((status, kind), (422, "invalid-field"), "{body}");
            assert!(at == field || at == ".", "{at} instead of {field}");
        }
        let second = operator.post(PATH, &json!({ "client_id": owner.id(), "name": "second" })).await;
        assert_eq!((second.status, &second.body["may_administer"]), (201, &json!(false)));
        let mut ids = vec![id.clone(), second.text("id").to_owned()];
        ids.sort();
        assert_eq!(operator.all(PATH, "limit=1", "id").await, ids);
        assert_eq!(operator.all(PATH, &format!("client_id={}", owner.id()), "id").await, ids);
        assert_eq!(operator.all(PATH, &format!("client_id={}", other.id()), "id").await, Vec::<String>::new());

        let path = format!("{PATH}/{id}");
        assert_eq!(problem(&operator.patch(&path, &json!({ "disabled": true })).await), (428, "version-required", ""));
        let disabled = operator.having_seen("\"1\"").patch(&path, &json!({ "disabled": true })).await;
        assert_eq!((disabled.status, &disabled.body["disabled"], disabled.header("etag")), (200, &json!(true), "\"2\""));
        assert_eq!(operator.having_seen("\"1\"").patch(&path, &json!({ "disabled": true })).await.header("etag"), "\"2\"", "asking twice is asking once");
        assert_eq!(problem(&operator.having_seen("\"1\"").patch(&path, &json!({ "name": "y" })).await), (412, "changed-meanwhile", ""));
        for wrong in [json!({ "may_administer": false }), json!({ "client_id": "x" }), json!({ "disabled": 1 }), json!({ "name": "" })] {
            assert_eq!(problem(&operator.having_seen("*").patch(&path, &wrong).await).0, 422, "{wrong}");
        }
        assert_eq!(operator.delete(&path).await.status, 204);
        assert_eq!(problem(&operator.delete(&path).await), (404, "not-found", ""));
        assert_eq!(operator.get(&path).await.status, 404);
        for (kind, count) in [("access_key.created", 2), ("access_key.changed", 1), ("access_key.deleted", 1)] {
            let events = operator.get(&format!("/events?kind={kind}")).await;
            let events = events.body["items"].as_array().unwrap().clone();
            assert_eq!(events.len(), count, "{kind}");
            assert!(events.iter().all(|event| event["client_id"] == owner.id() && event["actor"] == "admin_token"), "{events:?}");
        }
    }
}

#[test]
fn keys_are_made_and_taken_away_at_the_command_line() {
    let sandbox = Sandbox::new();
    let add = ["client", "add", "Agents", "--kind", "service", "--id", "agents", "--scope", "vault"];
    sandbox.run(&add).done();
    let printed = sandbox
        .run(&["access-key", "add", "agents", "--name", "ci", "--may-administer"])
        .done();
    let id = printed
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("AWS_ACCESS_KEY_ID="))
        .expect("an id")
        .to_owned();
    assert!(
        printed
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("AWS_SECRET_ACCESS_KEY=ghsk_")),
        "{printed}"
    );
    let json = sandbox.run(&["access-key", "add", "agents", "--json"]).json();
    assert_eq!((&json["client_id"], &json["may_administer"]), (&json!("agents"), &json!(false)));
    assert!(json["secret"].as_str().is_some_and(|secret| secret.starts_with("ghsk_")));
    let list = sandbox.run(&["access-key", "list"]).done();
    assert!(
        list.contains(&id) && list.contains("administer") && list.contains("ci") && !list.contains("ghsk_"),
        "{list}"
    );
    assert_eq!(
        sandbox
            .run(&["access-key", "list", "--client", "agents", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(sandbox.run(&["access-key", "disable", &id]).done().contains("is disabled"));
    assert!(sandbox.run(&["access-key", "list"]).done().contains("disabled"));
    sandbox.run(&["access-key", "enable", &id]).done();
    sandbox.run(&["access-key", "remove", &id]).done();
    assert!(
        sandbox
            .run(&["access-key", "remove", &id])
            .refused()
            .contains("there is no access key")
    );
    assert!(
        sandbox
            .run(&["access-key", "add", "nobody"])
            .refused()
            .contains("there is no client nobody")
    );
}
