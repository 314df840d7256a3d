//! `/providers`

use gatehouse::model::event::EventFilter;
use gatehouse::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};

use super::{operator, problem};
use crate::providers::connect;
use crate::support::assertion::ClientKey;
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Database, TestApp, on_every_database};

const SECRET: &str = "the-secret-of-our-client-at-the-provider";

fn google() -> Value {
    json!({ "id": "google", "name": "Google", "preset": "google", "client_id": "our-client", "client_secret": SECRET })
}

/// Kinds of the events about providers, by name, and all that they say.
async fn events(app: &TestApp) -> (Vec<&'static str>, String) {
    let mut connection = app.app.store.read().await.unwrap();
    let mut events = connection.events(&EventFilter::default(), None, 1000).await.unwrap();
    events.retain(|event| event.kind.as_str().starts_with("provider."));
    events.sort_by_key(|event| event.kind.as_str());
    let said: Vec<String> = events.iter().map(|event| event.to_json().to_string()).collect();
    (events.iter().map(|event| event.kind.as_str()).collect(), said.join("\n"))
}

on_every_database! {
    async fn the_life_of_a_provider(app: TestApp) {
        let operator = operator(&app).await;
        let made = operator.post("/providers", &google()).await;
        assert_eq!((made.status, made.header("etag"), made.text("id")), (201, "\"1\"", "google"), "{}", made.body);
        assert_eq!(made.header("location"), app.url("/api/admin/v1/providers/google"));
        assert_eq!(made.text("callback_url"), app.url("/connect/callback/google"));
        assert_eq!(made.body["has_secret"], true);
        assert_eq!(problem(&operator.post("/providers", &google()).await), (409, "conflict", "id"));
        assert_eq!(operator.get("/providers/google").await.body, made.body);

        let at = "/providers/google";
        assert_eq!(problem(&operator.patch(at, &json!({ "name": "G" })).await), (428, "version-required", ""));
        let patched = operator.having_seen("\"1\"").patch(at, &json!({ "name": "G", "scope": "a b" })).await;
        assert_eq!((patched.status, patched.text("name"), patched.text("scope"), patched.header("etag")), (200, "G", "a b", "\"2\""));
        assert_eq!(patched.body["has_secret"], true, "what is not named stays");
        let same = operator.patch(at, &json!({ "name": "G" })).await;
        assert_eq!((same.status, same.header("etag")), (200, "\"2\""));
        let late = operator.having_seen("\"1\"").patch(at, &json!({ "client_secret": "another" })).await;
        assert_eq!(problem(&late), (412, "changed-meanwhile", ""));
        let replaced = operator.having_seen("\"2\"").patch(at, &json!({ "client_secret": "another" })).await;
        assert_eq!((replaced.status, replaced.header("etag")), (200, "\"3\""));
        let removed = operator.having_seen("\"3\"").patch(at, &json!({ "client_secret": null })).await;
        assert_eq!((removed.status, &removed.body["has_secret"]), (200, &json!(false)));
        for (change, field) in [
            (json!({ "name": "" }), "name"),
            (json!({ "preset": "other" }), "preset"),
            (json!({ "client_id": "" }), "client_id"),
            (json!({ "issuer": "https://a.example" }), "issuer"),
            (json!({ "parameters": { "host": "x" } }), "parameters"),
            (json!({ "authorization_parameters": { "state": "x" } }), "authorization_parameters"),
            (json!({ "id": "other" }), "id"),
            (json!({ "callback_url": "https://evil.example" }), "callback_url"),
            (json!({ "client_secret": 1 }), "client_secret"),
            (json!({ "client_secret": "" }), "client_secret"),
            (json!({ "client_secret": "with a line break\n" }), "client_secret"),
            (json!({ "api_key": "x" }), "api_key"),
            (json!({ "private_key": "x" }), "private_key"),
            (json!({ "client_secret": "x", "api_key": "y" }), "api_key"),
        ] {
            let refused = operator.having_seen("*").patch(at, &change).await;
            assert_eq!((problem(&refused).0, problem(&refused).2), (422, field), "{change} {}", refused.body);
        }
        for id in ["", "Google", "a/b", "..", "presets"] {
            let mut new = google();
            new["id"] = json!(id);
            assert_eq!(problem(&operator.post("/providers", &new).await), (422, "invalid-field", "id"), "{id}");
        }
        assert_eq!(operator.all("/providers", "limit=1", "id").await, ["google"]);
        connect(&app, "c1", "google").await;
        let refused = operator.delete(at).await;
        assert_eq!(problem(&refused), (409, "conflict", ""));
        assert!(refused.text("detail").contains("1 connection") && refused.text("detail").contains("force=true"));
        assert_eq!(problem(&operator.delete(&format!("{at}?force=yes")).await).0, 400);
        assert_eq!(operator.delete(&format!("{at}?force=true")).await.status, 204);
        assert_eq!(problem(&operator.get(at).await), (404, "not-found", ""));

        let (kinds, said) = events(&app).await;
        let changed = "provider.changed";
        assert_eq!(kinds, [changed, changed, changed, "provider.created", "provider.deleted"]);
        assert!(!said.contains(SECRET) && !said.contains("another") && said.contains("\"connections\":1"), "{said}");
        let log = operator.get("/events?limit=200").await;
        assert!(!log.body.to_string().contains(SECRET));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_not_sent_where_they_were_not_meant_to_go() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = operator(&app).await.having_seen("*");
    let new = json!({
        "id": "git", "name": "Git", "preset": "gitlab", "client_id": "our-client", "client_secret": SECRET,
        "parameters": { "base_url": "https://git.example" },
    });
    let made = operator.post("/providers", &new).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let at = "/providers/git";
    let evil = json!({ "parameters": { "base_url": "https://evil.example" } });
    assert_eq!(problem(&operator.patch(at, &evil).await), (422, "invalid-field", "client_secret"));
    let by_hand = json!({
        "preset": "oauth2", "parameters": { "base_url": null },
        "endpoints": { "authorization_endpoint": "https://git.example/a", "token_endpoint": "https://evil.example/t" },
    });
    assert_eq!(
        problem(&operator.patch(at, &by_hand).await),
        (422, "invalid-field", "client_secret")
    );
    let without = operator
        .patch(
            at,
            &json!({ "parameters": { "base_url": "https://b.example" }, "client_secret": null }),
        )
        .await;
    assert_eq!((without.status, &without.body["has_secret"]), (200, &json!(false)));
    let with = json!({ "parameters": { "base_url": "https://c.example" }, "client_secret": "new" });
    assert_eq!(operator.patch(at, &with).await.body["has_secret"], true);
    // A secret does not become a key, nor the other way round.
    let key = ClientKey::new(SigningAlgorithm::Es256);
    let mut private = key.jwk.clone();
    private["d"] = key.private_jwk()["d"].clone();
    let secret = private["d"].as_str().unwrap().to_owned();
    let changed = operator.patch(at, &json!({ "client_auth": "private_key_jwt" })).await;
    assert_eq!(problem(&changed), (422, "invalid-field", "private_key"));
    for wrong in [
        json!({}),
        key.jwk.clone(),
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "EC", "crv": "P-256", "x": key.jwk["x"], "y": key.jwk["y"], "d": "A".repeat(43) }),
        json!({ "kty": "EC", "crv": "P-256", "d": "AA" }),
    ] {
        let refused = operator
            .patch(at, &json!({ "client_auth": "private_key_jwt", "private_key": wrong }))
            .await;
        assert_eq!(problem(&refused), (422, "invalid-field", "private_key"), "{}", refused.body);
    }
    let changed = operator.patch(at, &json!({ "private_key": private })).await;
    assert_eq!(
        (changed.status, changed.text("client_auth")),
        (200, "private_key_jwt"),
        "{}",
        changed.body
    );
    assert!(!changed.body.to_string().contains(&secret));
    let refused = operator.patch(at, &json!({ "client_secret": "x" })).await;
    assert_eq!(problem(&refused), (422, "invalid-field", "client_secret"));

    let key = json!({ "id": "weather", "name": "Weather", "kind": "api_key", "api_key": SECRET });
    let made = operator.post("/providers", &key).await;
    assert_eq!((made.status, &made.body["has_secret"]), (201, &json!(true)), "{}", made.body);
    assert!(!made.body.to_string().contains(SECRET));
    let checked = operator.post("/providers/weather/check", &json!({})).await;
    assert_eq!(
        (&checked.body["is_usable"], &checked.body["found"]),
        (&json!(true), &Value::Null),
        "{}",
        checked.body
    );
    assert!(!events(&app).await.1.contains(&secret));
    // Without a key of its own the keys of this server sign.
    let without = operator.patch(at, &json!({ "private_key": null })).await;
    assert_eq!(
        (without.status, &without.body["has_secret"]),
        (200, &json!(false)),
        "{}",
        without.body
    );
    let checked = operator.post("/providers/git/check", &json!({})).await;
    assert!(!checked.body["problems"].to_string().contains("private_key"), "{}", checked.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_provider() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = operator(&app).await;
    let elsewhere = Elsewhere::start().await;
    let new = json!({ "id": "corp", "name": "Corp", "preset": "oidc", "client_id": "our-client", "issuer": elsewhere.url("/realm") });
    assert_eq!(operator.post("/providers", &new).await.status, 201);
    let at = "/providers/corp/check";
    let checked = operator.post(at, &json!({})).await;
    assert_eq!(
        (checked.status, &checked.body["is_usable"], &checked.body["found"]),
        (200, &json!(false), &Value::Null)
    );
    let problems = checked.body["problems"].to_string();
    assert!(
        problems.contains("status 404") && problems.contains("the secret is missing"),
        "{problems}"
    );
    let metadata = json!({
        "issuer": elsewhere.url("/realm"),
        "authorization_endpoint": elsewhere.url("/authorize"),
        "token_endpoint": elsewhere.url("/token"),
    });
    elsewhere.serve("/realm/.well-known/openid-configuration", Served::json(&metadata));
    let patched = operator
        .having_seen("*")
        .patch("/providers/corp", &json!({ "client_secret": SECRET }))
        .await;
    assert_eq!(patched.status, 200);
    // That it failed a moment ago is no reason not to look.
    let checked = operator.post(at, &json!({})).await;
    assert_eq!(
        (&checked.body["is_usable"], &checked.body["problems"]),
        (&json!(true), &json!([])),
        "{}",
        checked.body
    );
    assert_eq!(checked.text("callback_url"), app.url("/connect/callback/corp"));
    assert_eq!(checked.body["found"]["token_endpoint"], elsewhere.url("/token"));
    assert_eq!(checked.body["found"]["client_auth"], "client_secret_basic");
    assert!(!checked.body.to_string().contains(SECRET));
    operator
        .having_seen("*")
        .patch("/providers/corp", &json!({ "is_disabled": true }))
        .await;
    let checked = operator.post(at, &json!({})).await;
    assert!(checked.body["problems"].to_string().contains("disabled"));
    assert_eq!(
        problem(&operator.post("/providers/none/check", &json!({})).await),
        (404, "not-found", "")
    );
    assert_eq!(problem(&operator.post(at, &json!({ "x": 1 })).await), (422, "invalid-field", "x"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_presets() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = operator(&app).await;
    let presets = operator.get("/providers/presets").await;
    assert_eq!(presets.status, 200);
    let items = presets.body["items"].as_array().unwrap();
    let find = |name: &str| items.iter().find(|item| item["preset"] == name).expect(name);
    assert_eq!(items.len(), 19);
    assert_eq!(find("google")["parameters"], json!([]));
    let tenant = &find("microsoft")["parameters"][0];
    assert_eq!(
        (&tenant["name"], &tenant["default"], &tenant["is_required"]),
        (&json!("tenant"), &json!("common"), &json!(true))
    );
    assert!(find("okta")["parameters"][1]["pattern"].as_str().unwrap().starts_with('^'));
    assert_eq!(
        (&find("oidc")["needs_issuer"], &find("oauth2")["needs_endpoints"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(find("gitlab")["is_discovered"], true);
}
