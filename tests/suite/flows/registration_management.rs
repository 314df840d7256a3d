//! A client looks after its own registration (RFC 7592).

use gatehouse::model::client::{AccessTokenFormat, ConsentPolicy};
use gatehouse::model::event::{Actor, EventKind};
use gatehouse::oauth::clients::{self, ClientError};
use reqwest::Method;
use serde_json::{Value, json};

use super::registration::{agent, client_of, events, registered, row, set};
use crate::support::browser::http;
use crate::support::client::{Answer, send};
use crate::support::{Browser, TestApp, on_every_database};

/// A request about the registration of this answer, with its token.
async fn manage(answer: &Answer, method: Method, body: Option<&Value>) -> Answer {
    let request = http().request(method, answer.text("registration_client_uri"));
    let request = request.bearer_auth(answer.text("registration_access_token"));
    send(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

/// What was registered, as a client sends it back.
fn update(answer: &Answer, changes: Value) -> Value {
    let mut body = answer.body.clone();
    for name in [
        "client_id_issued_at",
        "client_secret_expires_at",
        "registration_access_token",
        "registration_client_uri",
    ] {
        body.as_object_mut().unwrap().remove(name);
    }
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Whether a person who allowed it before is asked again.
async fn is_asked(client: &crate::support::client::TestClient, browser: &Browser) -> bool {
    let page = browser.visit(&client.authorize_url(&[("scope", "openid")])).await;
    page.body.contains("name=\"decision\"")
}

on_every_database! {
    async fn a_registration_is_read_replaced_and_removed(app: TestApp) {
        app.define_scope("read", &[]).await;
        app.user("alice").await;
        let answer = registered(&app, &agent()).await;
        let shown = manage(&answer, Method::GET, None).await;
        assert_eq!((shown.status, &shown.body), (200, &answer.body), "the same as it was, token and all");
        assert_eq!((shown.header("cache-control"), shown.header("access-control-allow-origin")), ("no-store", "*"));

        let replaced = manage(&answer, Method::PUT, Some(&json!({
            "client_id": answer.text("client_id"), "client_name": "Better agent", "redirect_uris": ["http://127.0.0.1:6274/callback"],
            "token_endpoint_auth_method": "none", "software_version": "2", "tos_uri": "https://app.example/terms", "scope": "openid read admin:write",
        }))).await;
        assert_eq!(replaced.status, 200, "{}", replaced.body);
        assert_eq!((replaced.text("client_name"), replaced.text("scope"), replaced.text("tos_uri")), ("Better agent", "openid read", "https://app.example/terms"));
        assert_eq!(replaced.body["grant_types"], json!(["authorization_code"]), "what is left out has its default again");
        assert_eq!(replaced.text("registration_access_token"), answer.text("registration_access_token"));
        assert_eq!(replaced.body["client_id_issued_at"], answer.body["client_id_issued_at"]);
        assert_eq!(manage(&answer, Method::GET, None).await.body, replaced.body);
        let changed = events(&app, EventKind::ClientChanged).await;
        assert_eq!((changed.len(), &changed[0].actor), (1, &Actor::Client(answer.text("client_id").to_owned())));

        let client = client_of(&app, &answer).await;
        let tokens = client.tokens("alice", &[("scope", "openid read")]).await;
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 200);
        assert_eq!(manage(&answer, Method::DELETE, None).await.status, 204);
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);
        assert_eq!(client.redeem("ghc_x").await.error(), "invalid_client");
        assert_eq!(manage(&answer, Method::GET, None).await.status, 401);
        assert_eq!(manage(&answer, Method::DELETE, None).await.status, 401);
        let deleted = events(&app, EventKind::ClientDeleted).await;
        assert_eq!(deleted[0].actor, Actor::Client(answer.text("client_id").to_owned()));
        let grants = app.app.store.read().await.unwrap().use_of_client(client.id()).await.unwrap();
        assert!(!grants.is_any());
    }

    async fn an_update_says_which_client_it_is_about_and_knows_its_secret(app: TestApp) {
        let answer = registered(&app, &json!({ "redirect_uris": ["https://app.example/callback"] })).await;
        for (changes, field) in [
            (json!({ "client_id": "other" }), "client_id"),
            (json!({ "client_id": null }), "client_id"),
            (json!({ "client_secret": "wrong" }), "client_secret"),
            (json!({ "client_name": 7 }), "client_name"),
            (json!({ "redirect_uris": [] }), "redirect_uris"),
        ] {
            let refused = manage(&answer, Method::PUT, Some(&update(&answer, changes))).await;
            assert_eq!(refused.status, 400, "{field}");
            assert!(refused.text("error_description").starts_with(field), "{}", refused.body);
        }
        let same = manage(&answer, Method::PUT, Some(&update(&answer, json!({})))).await;
        assert_eq!(same.status, 200, "{}", same.body);
        assert!(same.body.get("client_secret").is_none(), "it is not stored, so it is not shown again");
        assert_eq!(row(&app, answer.text("client_id")).await.unwrap().version, 1);
        let request = http().put(answer.text("registration_client_uri")).bearer_auth(answer.text("registration_access_token"));
        assert_eq!(send(request.form(&[("client_id", "x")])).await.status, 400);
    }

    async fn whoever_stole_the_token_cannot_use_what_people_allowed(app: TestApp) {
        app.user("alice").await;
        let answer = registered(&app, &json!({
            "redirect_uris": ["https://app.example/callback"], "grant_types": ["authorization_code", "refresh_token"],
        })).await;
        let client = client_of(&app, &answer).await;
        let browser = Browser::new();
        let page = client.authorize(&browser, "alice", &[("scope", "openid")]).await;
        let tokens = client.redeem(&page.answer("code").unwrap()).await;
        assert!(is_asked(&client, &browser).await);
        let renamed = manage(&answer, Method::PUT, Some(&update(&answer, json!({ "client_name": "New name" })))).await;
        assert_eq!(renamed.status, 200, "{}", renamed.body);
        assert!(is_asked(&client, &browser).await);

        let widened = json!({ "redirect_uris": ["https://app.example/callback", "https://evil.example/callback"] });
        assert_eq!(manage(&answer, Method::PUT, Some(&update(&answer, widened.clone()))).await.status, 200);
        assert!(is_asked(&client, &browser).await);
        let tokens = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!(tokens.status, 200, "what the client itself has stays: {}", tokens.body);

        client.authorize(&browser, "alice", &[("scope", "openid"), ("prompt", "consent")]).await;
        assert!(is_asked(&client, &browser).await);
        let public = json!({ "token_endpoint_auth_method": "none", "redirect_uris": widened["redirect_uris"], "client_secret": null });
        assert_eq!(manage(&answer, Method::PUT, Some(&update(&answer, public.clone()))).await.status, 200);
        assert!(is_asked(&client, &browser).await);
        let mut public_client = client.clone();
        public_client.secret = None;
        assert_eq!(public_client.refresh(tokens.text("refresh_token")).await.error(), "invalid_grant", "a stolen refresh token stays useless");

        let confidential = json!({ "redirect_uris": widened["redirect_uris"], "client_secret": null });
        let again = manage(&answer, Method::PUT, Some(&update(&answer, confidential))).await;
        assert_eq!(again.status, 200, "{}", again.body);
        assert_ne!(again.text("client_secret"), answer.text("client_secret"));
        assert_eq!(again.body["client_secret_expires_at"], 0);
        assert_eq!(client.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await.error(), "invalid_client");
        let mut with_new = client.clone();
        with_new.secret = Some(again.text("client_secret").to_owned());
        assert_eq!(with_new.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await.error(), "invalid_grant");
    }

    async fn what_an_operator_decides_stays(app: TestApp) {
        app.define_scope("staff", &["staff"]).await;
        let answer = registered(&app, &agent()).await;
        let client = row(&app, answer.text("client_id")).await.unwrap();
        let mut settings = client.settings.clone();
        settings.consent_policy = ConsentPolicy::Skip;
        let refused = clients::change(&app.app, client.clone(), settings.clone()).await.unwrap_err();
        assert!(matches!(refused, ClientError::Invalid(invalid) if invalid.field == "consent_policy"));
        settings.consent_policy = ConsentPolicy::Always;
        settings.access_token_format = AccessTokenFormat::Opaque;
        settings.access_token_lifetime = Some(60);
        settings.scope = gatehouse::protocol::scope::Scope::parse("openid staff").unwrap();
        clients::change(&app.app, client, settings).await.unwrap();
        let replaced = manage(&answer, Method::PUT, Some(&update(&answer, json!({ "scope": "openid staff admin:read", "access_token_format": "jwt" })))).await;
        assert_eq!((replaced.status, replaced.text("scope")), (200, "openid staff"));
        let client = row(&app, answer.text("client_id")).await.unwrap();
        assert_eq!((client.consent_policy, client.access_token_format, client.access_token_lifetime), (ConsentPolicy::Always, AccessTokenFormat::Opaque, Some(60)));
        assert!(client.requires_pkce && !client.may_introspect);

        let mut settings = client.settings.clone();
        settings.is_disabled = true;
        clients::change(&app.app, client, settings).await.unwrap();
        for (method, body) in [(Method::GET, None), (Method::PUT, Some(update(&answer, json!({})))), (Method::DELETE, None)] {
            let refused = manage(&answer, method, body.as_ref()).await;
            assert_eq!((refused.status, refused.error()), (403, "access_denied"));
        }
        assert!(row(&app, answer.text("client_id")).await.unwrap().is_disabled);
    }

    async fn unknown_clients_and_wrong_tokens_are_told_alike(app: TestApp) {
        let (mine, other) = (registered(&app, &agent()).await, registered(&app, &agent()).await);
        let by_operator = app.public_client().await;
        let ask = async |id: &str, token: &str| {
            let request = http().get(app.url(&format!("/register/{id}")));
            send(if token.is_empty() { request } else { request.bearer_auth(token) }).await
        };
        let token = mine.text("registration_access_token");
        let unknown = ask("unknown", token).await;
        assert_eq!((unknown.status, unknown.error()), (401, "invalid_token"));
        for id in [other.text("client_id"), by_operator.id(), "%00", "x".repeat(2000).as_str()] {
            let wrong = ask(id, token).await;
            assert!(matches!(wrong.status, 401 | 404), "{id}: {}", wrong.status);
            if wrong.status == 401 {
                assert_eq!(wrong.body, unknown.body, "{id}");
            }
        }
        assert_eq!(ask(mine.text("client_id"), "").await.status, 401);
        assert_eq!(ask(mine.text("client_id"), &format!("{token}x")).await.body, unknown.body);
        assert_eq!(ask(mine.text("client_id"), token).await.status, 200);
        let put = http().put(app.url("/register/unknown")).bearer_auth("x").json(&json!({}));
        assert_eq!(send(put).await.body, unknown.body);
    }

    async fn changes_are_limited_and_registration_that_is_off_lets_clients_look_and_leave(app: TestApp) {
        let answer = registered(&app, &agent()).await;
        for number in 0..20 {
            let changed = manage(&answer, Method::PUT, Some(&update(&answer, json!({ "client_name": format!("Name {number}") })))).await;
            assert_eq!(changed.status, 200, "{}", changed.body);
        }
        let refused = manage(&answer, Method::PUT, Some(&update(&answer, json!({})))).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "600"));
        app.advance(600);
        set(&app, "registration", "off").await;
        let refused = manage(&answer, Method::PUT, Some(&update(&answer, json!({})))).await;
        assert_eq!((refused.status, refused.error()), (403, "access_denied"));
        assert_eq!(manage(&answer, Method::GET, None).await.text("client_name"), "Name 19");
        assert_eq!(manage(&answer, Method::DELETE, None).await.status, 204);
    }
}
