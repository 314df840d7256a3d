//! `/workloads`

use gatehouse::model::event::{EventFilter, EventKind};
use serde_json::{Value, json};

use super::{fields, operator, problem};
use crate::support::{TestApp, on_every_database};

async fn events(app: &TestApp) -> Vec<(EventKind, Option<String>, Option<String>, Value)> {
    let mut connection = app.app.store.read().await.unwrap();
    let all = connection.events(&EventFilter::default(), None, 1000).await.unwrap();
    let kinds = [EventKind::WorkloadCreated, EventKind::WorkloadChanged, EventKind::WorkloadDeleted];
    all.into_iter()
        .rev()
        .filter(|event| kinds.contains(&event.kind))
        .map(|event| (event.kind, event.target, event.client_id, event.detail.into()))
        .collect()
}

on_every_database! {
    async fn the_life_of_a_workload(app: TestApp) {
        let operator = operator(&app).await;
        let client = app.confidential_client().await;
        let body = json!({
            "name": "mail-agent", "client_id": client.id(), "display_name": " Mail ", "return_uris": ["https://app.example/done"],
            "ceilings": { "google": "read send", "files": "" }
        });
        let made = operator.post("/workloads", &body).await;
        assert_eq!((made.status, made.header("etag"), made.text("display_name")), (201, "\"1\"", "Mail"), "{}", made.body);
        assert!(made.header("location").ends_with("/api/admin/v1/workloads/mail%2Dagent"), "{}", made.header("location"));
        assert_eq!(problem(&operator.post("/workloads", &body).await), (409, "conflict", "name"));
        let shown = operator.get("/workloads/mail-agent").await;
        assert_eq!((shown.status, &shown.body), (200, &made.body));
        assert_eq!((&shown.body["disabled"], &shown.body["may_name_users"]), (&json!(false), &json!(false)));

        // Events are in the order of time.
        app.advance(1);
        let patch = json!({ "ceilings": { "files": null, "google": "read" }, "may_name_users": true });
        assert_eq!(problem(&operator.patch("/workloads/mail-agent", &patch).await), (428, "version-required", ""));
        let patched = operator.having_seen("\"1\"").patch("/workloads/mail-agent", &patch).await;
        assert_eq!((patched.status, &patched.body["ceilings"]), (200, &json!({ "google": "read" })), "{}", patched.body);
        assert_eq!(operator.having_seen("\"1\"").patch("/workloads/mail-agent", &patch).await.header("etag"), "\"2\"", "asking twice is asking once");
        let late = operator.having_seen("\"1\"").patch("/workloads/mail-agent", &json!({ "disabled": true })).await;
        assert_eq!(problem(&late), (412, "changed-meanwhile", ""));
        for (change, field) in [
            (json!({ "return_uris": ["javascript:alert(1)"] }), "return_uris"),
            (json!({ "return_uris": ["https://app.example/#x"] }), "return_uris"),
            (json!({ "return_uris": vec!["https://app.example/"; 51] }), "return_uris"),
            (json!({ "return_uris": (0..40).map(|n| format!("https://app.example/{n}{}", "x".repeat(2000))).collect::<Vec<_>>() }), "return_uris"),
            (json!({ "display_name": "x".repeat(101) }), "display_name"),
            (json!({ "display_name": "a\u{202e}b" }), "display_name"),
            (json!({ "ceilings": { "a b": "read" } }), "ceilings"),
            (json!({ "ceilings": { "": "read" } }), "ceilings"),
            (json!({ "ceilings": { "google": "\"" } }), "ceilings.google"),
            (json!({ "client_id": "another" }), "client_id"),
            (json!({ "name": "another" }), "name"),
        ] {
            let refused = operator.having_seen("*").patch("/workloads/mail-agent", &change).await;
            assert_eq!((problem(&refused).0, problem(&refused).2), (422, field), "{}", refused.body);
        }
        for (change, field) in [
            (json!({ "name": "ab" }), "name"),
            (json!({ "name": "x".repeat(256) }), "name"),
            (json!({ "name": "a b c" }), "name"),
            (json!({ "name": "agént" }), "name"),
            (json!({ "name": null }), "name"),
            (json!({ "client_id": "unknown" }), "client_id"),
            (json!({ "else": 1 }), "else"),
        ] {
            let mut wrong = body.clone();
            wrong["name"] = json!("another");
            wrong.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let refused = operator.post("/workloads", &wrong).await;
            assert_eq!((problem(&refused).0, problem(&refused).2), (422, field), "{}", refused.body);
        }
        app.advance(1);
        assert_eq!(problem(&operator.having_seen("\"1\"").delete("/workloads/mail-agent").await), (412, "changed-meanwhile", ""));
        assert_eq!(operator.delete("/workloads/mail-agent").await.status, 204);
        assert_eq!(problem(&operator.get("/workloads/mail-agent").await), (404, "not-found", ""));

        let events = events(&app).await;
        let kinds: Vec<EventKind> = events.iter().map(|event| event.0).collect();
        assert_eq!(kinds, [EventKind::WorkloadCreated, EventKind::WorkloadChanged, EventKind::WorkloadDeleted]);
        assert!(events.iter().all(|event| event.1.as_deref() == Some("mail-agent") && event.2.as_deref() == Some(client.id())));
        assert_eq!((&events[1].3["before"]["may_name_users"], &events[1].3["after"]["may_name_users"]), (&json!(false), &json!(true)));
        assert_eq!(events[2].3["connections"], 0);
    }

    async fn pages_of_workloads(app: TestApp) {
        let operator = operator(&app).await;
        let (client, other) = (app.confidential_client().await, app.confidential_client().await);
        for (name, owner) in [("agent-c", &client), ("Agent-b", &other), ("agent-a", &client)] {
            let made = operator.post("/workloads", &json!({ "name": name, "client_id": owner.id() })).await;
            assert_eq!(made.status, 201, "{}", made.body);
        }
        let all = operator.all("/workloads", "limit=200", "name").await;
        assert_eq!(operator.all("/workloads", "limit=1", "name").await, all);
        let mut sorted = all.clone();
        sorted.sort();
        assert_eq!(sorted, ["Agent-b", "agent-a", "agent-c"]);
        assert_eq!(operator.all("/workloads", &format!("limit=1&client_id={}", client.id()), "name").await, ["agent-a", "agent-c"]);
        let (first, _) = operator.page("/workloads", "limit=2", None).await;
        assert_eq!(fields(&first, "name"), all[..2]);
    }
}
