//! `/initial-access-tokens`

use serde_json::json;

use super::{operator, problem};
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{TestApp, on_every_database};

const PATH: &str = "/initial-access-tokens";

on_every_database! {
    async fn the_life_of_a_token(app: TestApp) {
        let operator = operator(&app).await;
        let made = operator.post(PATH, &json!({ "name": " CI ", "expires_in": 3600, "uses": 2 })).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let token = made.text("token").to_owned();
        assert!(token.starts_with("ghi_") && token.len() > 40);
        assert_eq!((made.text("name"), &made.body["uses_left"], &made.body["expires_at"]), ("CI", &json!(2), &json!(app.app.now() + 3600)));
        app.advance(1);
        let usual = operator.post(PATH, &json!({ "name": "Usual" })).await;
        assert_eq!((&usual.body["uses_left"], &usual.body["expires_at"]), (&json!(null), &json!(app.app.now() + 7 * 86_400)));
        for (body, field) in [
            (json!({ "name": "" }), "name"),
            (json!({ "name": "x", "expires_in": 59 }), "expires_in"),
            (json!({ "name": "x", "expires_in": 31_536_001 }), "expires_in"),
            (json!({ "name": "x", "uses": 0 }), "uses"),
            (json!({ "name": "x", "uses": "many" }), "uses"),
            (json!({ "expires_in": 60 }), "."),
            (json!({ "name": "x", "token": "mine" }), "token"),
        ] {
            let refused = operator.post(PATH, &body).await;
            let (status, kind, at) = problem(&refused);
            assert_eq!((status, kind), (422, "invalid-field"), "{body}");
            assert!(at == field || field == ".", "{at} instead of {field}");
        }
        let changed = operator.with("content-type", "application/json");
        let settings = operator.get("/settings").await;
        let patch = changed.having_seen(settings.header("etag")).patch("/settings", &json!({ "registration": "token" })).await;
        assert_eq!(patch.status, 200, "{}", patch.body);
        let body = json!({ "redirect_uris": ["https://app.example/cb"] });
        let register = async || send(http().post(app.url("/register")).bearer_auth(&token).json(&body)).await;
        let registered = register().await;
        assert_eq!(registered.status, 201, "{}", registered.body);
        let listed = operator.get(PATH).await;
        assert_eq!(operator.all(PATH, "limit=1", "name").await, ["Usual", "CI"], "the newest first");
        assert_eq!(listed.body["items"][1]["uses_left"], 1);
        assert!(!listed.body.to_string().contains(&token) && listed.body["items"][0].get("token").is_none());
        let id = made.text("id").to_owned();
        assert_eq!(operator.delete(&format!("{PATH}/{id}")).await.status, 204);
        assert_eq!(problem(&operator.delete(&format!("{PATH}/{id}")).await), (404, "not-found", ""));
        assert_eq!(register().await.status, 401);
        let client = operator.get(&format!("/clients/{}", registered.text("client_id"))).await;
        assert_eq!((client.status, client.text("origin")), (200, "registration"));
        let event = operator.get("/events?kind=client.created").await;
        assert_eq!(event.body["items"][0]["target"], id);
        app.advance(7 * 86_400);
        assert_eq!(operator.all(PATH, "limit=1", "name").await, Vec::<String>::new());
    }

    async fn clients_are_listed_by_who_made_them_known(app: TestApp) {
        let operator = operator(&app).await;
        for name in ["B", "A"] {
            let made = operator.post("/clients", &json!({ "client_id": name, "client_name": name, "redirect_uris": ["https://app.example/"] })).await;
            assert_eq!((made.status, made.text("origin")), (201, "operator"));
        }
        let mut ids = Vec::new();
        for number in 0..5 {
            // Some of the same second, some not.
            app.advance(number % 2);
            let body = json!({ "client_name": format!("Self {number}"), "redirect_uris": ["https://app.example/"] });
            let answer = send(http().post(app.url("/register")).json(&body)).await;
            ids.push((app.app.now(), answer.text("client_id").to_owned()));
        }
        ids.sort();
        let ids: Vec<String> = ids.into_iter().rev().map(|(_, id)| id).collect();
        assert_eq!(operator.all("/clients", "origin=operator&limit=1", "client_id").await.len(), 2);
        let newest_first = operator.all("/clients", "origin=registration&limit=2", "client_id").await;
        assert_eq!(newest_first, ids);
        assert_eq!(operator.all("/clients", "origin=registration&q=self%203", "client_name").await, ["Self 3"]);
        assert_eq!(operator.all("/clients", "origin=document", "client_id").await, Vec::<String>::new());
        assert_eq!(operator.all("/clients", "limit=3", "client_id").await.len(), 7);
        let (_, next) = operator.page("/clients", "origin=registration&limit=2", None).await;
        let other = operator.get(&format!("/clients?cursor={}", next.unwrap())).await;
        assert_eq!(problem(&other), (400, "invalid-parameter", "cursor"));
        for wrong in ["origin=", "origin=Operator", "origin=operator&origin=document"] {
            assert_eq!(problem(&operator.get(&format!("/clients?{wrong}")).await), (400, "invalid-parameter", "origin"));
        }
    }
}
