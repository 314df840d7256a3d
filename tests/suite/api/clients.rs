//! `/clients`

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Caller, fields, operator, problem};
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{TestApp, on_every_database};

fn example() -> Value {
    json!({ "client_id": "app", "client_name": "App", "redirect_uris": ["https://app.example/callback"] })
}

/// What the token endpoint says to a secret.
async fn with_secret(app: &TestApp, client_id: &str, secret: &str) -> u16 {
    let request = http().post(app.url("/token")).basic_auth(client_id, Some(secret));
    send(request.form(&[("grant_type", "client_credentials")])).await.status
}

async fn service(operator: &Caller) -> String {
    let made = operator
        .post(
            "/clients",
            &json!({ "client_id": "job", "client_name": "Job", "kind": "service", "scope": "openid" }),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.text("client_secret").to_owned()
}

on_every_database! {
    async fn the_life_of_a_client(app: TestApp) {
        let operator = operator(&app).await;
        let made = operator.post("/clients", &example()).await;
        assert_eq!((made.status, made.header("etag"), made.text("kind")), (201, "\"1\"", "web"));
        assert_eq!(made.header("location"), app.url("/api/admin/v1/clients/app"));
        let secret = made.text("client_secret").to_owned();
        let shown = operator.get("/clients/app").await;
        assert!(shown.body.get("client_secret").is_none() && !shown.body.to_string().contains(&secret));
        assert_eq!(problem(&operator.post("/clients", &example()).await), (409, "conflict", "client_id"));
        assert_eq!(problem(&operator.put("/clients/app", &json!({ "client_name": "B", "redirect_uris": ["https://b.example/"] })).await).0, 428);
        let patched = operator.having_seen("\"1\"").patch("/clients/app", &json!({ "client_name": "Other" })).await;
        assert_eq!((patched.status, patched.text("client_name"), &patched.body["redirect_uris"]), (200, "Other", &made.body["redirect_uris"]));
        let same = operator.patch("/clients/app", &json!({ "client_name": "Other" })).await;
        assert_eq!((same.status, same.header("etag")), (200, "\"2\""));
        for (body, field) in [
            (json!({ "client_name": "" }), "client_name"),
            (json!({ "redirect_uris": ["http://app.example/"] }), "redirect_uris"),
            (json!({ "grant_types": [] }), "grant_types"),
            (json!({ "access_token_lifetime": 1 }), "access_token_lifetime"),
            (json!({ "consent_policy": "sometimes" }), "consent_policy"),
        ] {
            assert_eq!(problem(&operator.having_seen("*").patch("/clients/app", &body).await), (422, "invalid-field", field));
        }
        let unknown = operator.having_seen("*").patch("/clients/app", &json!({ "colour": "red" })).await;
        assert_eq!(problem(&unknown).0, 422);
        assert!(unknown.text("detail").contains("colour"));
        assert_eq!(operator.having_seen("\"2\"").delete("/clients/app").await.status, 204);
        assert_eq!(problem(&operator.get("/clients/app").await), (404, "not-found", ""));
        assert_eq!(problem(&operator.having_seen("*").put("/clients/app", &example()).await).0, 412, "it is not there to be replaced");
        let put = operator.put("/clients/app", &example()).await;
        assert_eq!(put.status, 201);
        assert_ne!(put.text("client_secret"), secret);
    }

    async fn both_secrets_work_while_they_overlap(app: TestApp) {
        let operator = operator(&app).await;
        let first = service(&operator).await;
        let replaced = operator.post("/clients/job/secret", &json!({ "overlap": 600 })).await;
        assert_eq!((replaced.status, &replaced.body["previous_secret_expires_at"]), (200, &json!(app.app.now() + 600)));
        let second = replaced.text("client_secret").to_owned();
        app.advance(599);
        for secret in [&first, &second] {
            assert_eq!(with_secret(&app, "job", secret).await, 200);
        }
        app.advance(1);
        assert_eq!(with_secret(&app, "job", &first).await, 401);
        assert_eq!(with_secret(&app, "job", &second).await, 200);
        assert_eq!(operator.get("/clients/job").await.body["previous_secret_expires_at"], Value::Null);

        let third = operator.post("/clients/job/secret", &json!({ "overlap": 600 })).await.text("client_secret").to_owned();
        let fourth = operator.post("/clients/job/secret", &json!({ "overlap": 0 })).await.text("client_secret").to_owned();
        for dead in [&first, &second, &third] {
            assert_eq!(with_secret(&app, "job", dead).await, 401, "without an overlap everything before it is dead");
        }
        assert_eq!(with_secret(&app, "job", &fourth).await, 200);
        for overlap in [json!(-1), json!(2_592_001), json!("long")] {
            assert_eq!(problem(&operator.post("/clients/job/secret", &json!({ "overlap": overlap })).await), (422, "invalid-field", "overlap"));
        }
        assert_eq!(problem(&operator.having_seen("\"1\"").post("/clients/job/secret", &json!({})).await).0, 412);
        assert_eq!(with_secret(&app, "job", &fourth).await, 200);
    }

    async fn nothing_of_the_first_is_lost_to_the_second(app: TestApp) {
        let operator = operator(&app).await;
        operator.post("/clients", &example()).await;
        // Both have read it; each replaces all of it.
        let mut alices = example();
        alices["redirect_uris"] = json!(["https://app.example/callback", "https://alice.example/"]);
        let mut bobs = example();
        bobs["client_name"] = json!("Bob's");
        let seen = operator.having_seen("\"1\"");
        assert_eq!(seen.put("/clients/app", &alices).await.status, 200);
        assert_eq!(problem(&seen.put("/clients/app", &bobs).await), (412, "changed-meanwhile", ""));
        let now = operator.get("/clients/app").await;
        assert_eq!((now.text("client_name"), &now.body["redirect_uris"]), ("App", &alices["redirect_uris"]));

        let seen = operator.having_seen(now.header("etag"));
        let answers = join_all((0..16).map(|number| {
            let seen = &seen;
            async move {
                if number % 4 == 3 {
                    seen.post("/clients/app/secret", &json!({})).await
                } else {
                    seen.patch("/clients/app", &json!({ "client_name": format!("Name {number}") })).await
                }
            }
        })).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 15, "{statuses:?}");
        let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
        let now = operator.get("/clients/app").await;
        assert_eq!((now.text("client_name"), now.header("etag")), (winner.text("client_name"), "\"3\""));
    }

    async fn strange_ids_have_addresses(app: TestApp) {
        let operator = operator(&app).await;
        for (id, encoded) in [
            ("https//app.example/a", "https%2F%2Fapp.example%2Fa"), ("100%", "100%25"), ("a%2Fb", "a%252Fb"), ("a+b", "a%2Bb"), ("q?x=1&y#z", "q%3Fx%3D1%26y%23z"), ("{id}", "%7Bid%7D"),
        ] {
            let mut body = example();
            body["client_id"] = json!(id);
            let made = operator.post("/clients", &body).await;
            assert_eq!(made.status, 201, "{id}: {}", made.body);
            let path = format!("/clients/{encoded}");
            let shown = operator.get(&path).await;
            assert_eq!((shown.status, shown.text("client_id")), (200, id));
            let location = made.header("location").strip_prefix(&app.url("/api/admin/v1")).unwrap().to_owned();
            assert_eq!(operator.get(&location).await.body, shown.body, "{location}");
            assert_eq!(operator.having_seen("\"1\"").patch(&path, &json!({ "client_name": "Strange" })).await.status, 200);
            assert_eq!(operator.delete(&path).await.status, 204);
        }
        for id in ["a b", "", "ü", "a:b", "..", &"x".repeat(201)] {
            let mut body = example();
            body["client_id"] = json!(id);
            assert_eq!(problem(&operator.post("/clients", &body).await), (422, "invalid-field", "client_id"), "{id}");
        }
        assert_eq!(problem(&operator.put("/clients/a%20b", &json!({ "client_name": "A", "redirect_uris": ["https://a.example/"] })).await), (422, "invalid-field", "client_id"));
    }

    async fn pages_of_clients(app: TestApp) {
        let operator = operator(&app).await;
        for (id, name) in [("1", "delta"), ("2", "Alpha"), ("3", "bravo"), ("4", "alpha"), ("5", "Echo")] {
            let mut body = example();
            body["client_id"] = json!(id);
            body["client_name"] = json!(name);
            assert_eq!(operator.post("/clients", &body).await.status, 201);
        }
        let (first, next) = operator.page("/clients", "limit=2", None).await;
        assert_eq!(fields(&first, "client_id"), ["2", "4"]);
        let mut body = example();
        body["client_name"] = json!("Charlie");
        operator.post("/clients", &body).await;
        operator.delete("/clients/4").await;
        operator.delete("/clients/3").await;
        assert_eq!(operator.rest("/clients", "limit=1", next, "client_name").await, ["Charlie", "delta", "Echo"]);
        assert_eq!(operator.all("/clients", "q=HA", "client_id").await, ["2", "app"], "Alpha and Charlie");
        assert_eq!(problem(&operator.get("/clients?name=x").await), (400, "unknown-parameter", "name"));
    }
}
