//! `/signing-keys`

use futures_util::future::join_all;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::token_request::GrantType;
use serde_json::{Value, json};

use super::{Caller, Shown, operator, problem};
use crate::support::client::{TestClient, jose_header};
use crate::support::{TestApp, on_every_database};

async fn service(app: &TestApp) -> TestClient {
    app.client(AuthMethod::ClientSecretBasic, |new| {
        new.grant_types = vec![GrantType::ClientCredentials];
        new.may_introspect = true;
        new.redirect_uris.clear();
    })
    .await
}

async fn token(client: &TestClient) -> String {
    client
        .post("/token", &[("grant_type", "client_credentials")])
        .await
        .text("access_token")
        .to_owned()
}

fn kid(token: &str) -> String {
    jose_header(token)["kid"].as_str().unwrap().to_owned()
}

async fn published(app: &TestApp) -> Vec<String> {
    let jwks = Caller::new(app, Shown::Nothing).send(reqwest::Method::GET, "/jwks", None).await;
    jwks.body["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

async fn keys(operator: &Caller, algorithm: &str) -> Vec<Value> {
    let (items, _) = operator.page("/signing-keys", "", None).await;
    items.into_iter().filter(|key| key["algorithm"] == algorithm).collect()
}

on_every_database! {
    async fn a_rotated_key_signs_when_everybody_can_know_it(app: TestApp) {
        let operator = operator(&app).await;
        let client = service(&app).await;
        let before = token(&client).await;
        let old = keys(&operator, "RS256").await.remove(0);
        assert_eq!((&old["kid"], &old["state"], &old["public_jwk"]["kty"]), (&json!(kid(&before)), &json!("active"), &json!("RSA")));
        for private in ["\"d\"", "\"p\"", "\"q\"", "sealed", "private"] {
            assert!(!old.to_string().contains(private), "{old}");
        }
        app.advance(1);
        let shown = operator.get(&format!("/signing-keys/{}", kid(&before))).await;
        assert_eq!((shown.status, shown.text("state")), (200, "active"));
        assert_eq!(problem(&operator.get("/signing-keys/none").await), (404, "not-found", ""));
        let rotated = operator.post("/signing-keys/rotate", &json!({ "algorithm": "RS256" })).await;
        assert_eq!((rotated.status, rotated.text("state"), &rotated.body["replaced"]), (201, "next", &json!([kid(&before)])));
        assert!(published(&app).await.contains(&rotated.text("kid").to_owned()), "this node publishes it at once");
        assert_eq!(kid(&token(&client).await), kid(&before));
        app.advance(900);
        let after = token(&client).await;
        assert_eq!(kid(&after), rotated.text("kid"));
        assert_eq!(client.introspect(&before).await.body["active"], true);
        let states: Vec<Value> = keys(&operator, "RS256").await.iter().map(|key| key["state"].clone()).collect();
        assert_eq!(states, ["retired", "active"]);
        assert_eq!(keys(&operator, "ES256").await.len(), 1, "the others stay as they are");
        assert_eq!(operator.all("/signing-keys", "limit=1", "kid").await.len(), 4);
    }

    async fn a_key_in_wrong_hands_leaves_at_once(app: TestApp) {
        let operator = operator(&app).await;
        let client = service(&app).await;
        let before = token(&client).await;
        let path = format!("/signing-keys/{}/retire", kid(&before));
        let refused = operator.post(&path, &json!({ "immediately": true })).await;
        assert_eq!(problem(&refused), (409, "conflict", ""), "it is the only one");
        // One that only begins to sign later does not take its place now.
        let rotated = operator.post("/signing-keys/rotate", &json!({ "algorithm": "RS256" })).await;
        assert_eq!(problem(&operator.post(&path, &json!({})).await).0, 409);
        let next = format!("/signing-keys/{}/retire", rotated.text("kid"));
        assert_eq!(problem(&operator.post(&next, &json!({})).await).0, 409, "the old one has an end already");
        let rotated = operator.post("/signing-keys/rotate", &json!({ "algorithm": "RS256", "immediately": true })).await;
        assert_eq!(rotated.text("state"), "active");
        assert_eq!(kid(&token(&client).await), rotated.text("kid"));
        assert_eq!(client.introspect(&before).await.body["active"], true, "rotation alone leaves its tokens good");

        assert_eq!(operator.post(&path, &json!({ "immediately": true })).await.status, 204);
        assert_eq!(client.introspect(&before).await.body["active"], false);
        assert!(!published(&app).await.contains(&kid(&before)));
        assert!(keys(&operator, "RS256").await.iter().all(|key| key["kid"] != kid(&before)));
        assert_eq!(problem(&operator.post(&path, &json!({ "immediately": true })).await), (404, "not-found", ""));
        assert_eq!(operator.post(&next, &json!({})).await.status, 204, "the one that never signed may go, too");
        let last = format!("/signing-keys/{}/retire", rotated.text("kid"));
        assert_eq!(problem(&operator.post(&last, &json!({})).await).0, 409);
        assert_eq!(client.introspect(&token(&client).await).await.body["active"], true);
    }

    async fn a_key_that_is_retired_verifies_until_its_last_token_has_expired(app: TestApp) {
        let operator = operator(&app).await;
        let client = service(&app).await;
        let before = token(&client).await;
        app.advance(1);
        operator.post("/signing-keys/rotate", &json!({ "algorithm": "RS256", "immediately": true })).await;
        let path = format!("/signing-keys/{}/retire", kid(&before));
        assert_eq!(operator.post(&path, &json!({})).await.status, 204);
        assert_eq!(operator.post(&path, &json!({})).await.status, 204, "twice is fine");
        assert_eq!(client.introspect(&before).await.body["active"], true);
        assert_eq!(keys(&operator, "RS256").await[0]["state"], "retired");
        app.advance(86_400 + 300);
        assert!(!published(&app).await.contains(&kid(&before)));
    }

    async fn two_who_retire_at_once_leave_one(app: TestApp) {
        let operator = operator(&app).await;
        let answers = join_all((0..4).map(|_| {
            let operator = &operator;
            async move { operator.post("/signing-keys/rotate", &json!({ "algorithm": "EdDSA", "immediately": true })).await.status }
        })).await;
        assert_eq!(answers, [201; 4]);
        let all = keys(&operator, "EdDSA").await;
        assert_eq!(all.len(), 5);
        assert_eq!(all.iter().filter(|key| key["state"] == "active").count(), 1, "{all:?}");
        let answers = join_all(all.iter().map(|key| {
            let (operator, path) = (&operator, format!("/signing-keys/{}/retire", key["kid"].as_str().unwrap()));
            async move { operator.post(&path, &json!({ "immediately": true })).await.status }
        })).await;
        assert_eq!(answers.iter().filter(|status| **status == 409).count(), 1, "{answers:?}");
        let left = keys(&operator, "EdDSA").await;
        assert_eq!((left.len(), &left[0]["state"]), (1, &json!("active")));
    }

    async fn mistakes_with_keys(app: TestApp) {
        let operator = operator(&app).await;
        for body in [json!({}), json!({ "algorithm": "HS256" }), json!({ "algorithm": "RS256", "now": true }), json!({ "algorithm": "RS256", "immediately": "yes" })] {
            assert_eq!(problem(&operator.post("/signing-keys/rotate", &body).await).0, 422, "{body}");
        }
        assert_eq!(problem(&operator.post("/signing-keys/none/retire", &json!({})).await), (404, "not-found", ""));
        assert_eq!(problem(&operator.post("/signing-keys/none/retire", &json!({ "now": true })).await).0, 422);
        assert_eq!(problem(&operator.get("/signing-keys?algorithm=RS256").await), (400, "unknown-parameter", "algorithm"));
        assert_eq!(operator.all("/signing-keys", "", "kid").await.len(), 3, "nothing was done");
    }
}
