//! Clients that register themselves (RFC 7591): who may, what they get, how much of it, and what goes away again.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use gatehouse::admin::settings;
use gatehouse::base::encoding::base64url;
use gatehouse::jobs;
use gatehouse::model::client::{Client, ClientOrigin, ConsentPolicy};
use gatehouse::model::consent::Consent;
use gatehouse::model::event::{Actor, EventFilter, EventKind};
use gatehouse::oauth::clients;
use gatehouse::oauth::initial_access_tokens::{self, NewToken};
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, send};
use crate::support::{Browser, Database, TestApp, on_every_database};

/// What an agent on somebody's device sends, with the empty fields that some libraries put in.
pub fn agent() -> Value {
    json!({
        "client_name": "Agent", "redirect_uris": ["http://127.0.0.1:6274/callback"], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "scope": "openid offline_access read",
        "client_uri": "", "logo_uri": null, "contacts": [],
    })
}

pub async fn register(app: &TestApp, body: &Value) -> Answer {
    send(http().post(app.url("/register")).json(body)).await
}

async fn register_with(app: &TestApp, token: &str, body: &Value) -> Answer {
    send(http().post(app.url("/register")).bearer_auth(token).json(body)).await
}

/// As [`register`], which has to succeed.
pub async fn registered(app: &TestApp, body: &Value) -> Answer {
    let answer = register(app, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer
}

/// The client of an answer, as its developer uses it.
pub async fn client_of(app: &TestApp, answer: &Answer) -> TestClient {
    let secret = answer.body["client_secret"].as_str().map(str::to_owned);
    TestClient::new(app, row(app, answer.text("client_id")).await.expect("it is there"), secret)
}

pub async fn row(app: &TestApp, id: &str) -> Option<Client> {
    app.app.store.read().await.unwrap().client(id).await.unwrap()
}

pub async fn set(app: &TestApp, key: &str, value: &str) {
    let changes = BTreeMap::from([(key.to_owned(), Some(value.to_owned()))]);
    settings::change(&app.app, &changes, None).await.unwrap();
}

async fn token(app: &TestApp, expires_in: i64, uses: Option<i64>) -> String {
    let new = NewToken {
        name: "CI".to_owned(),
        expires_in,
        uses,
    };
    let (_, secret) = initial_access_tokens::create(&app.app, new).await.unwrap();
    secret.expose_secret().to_owned()
}

async fn allow(app: &TestApp, user_id: &str, client_id: &str) {
    let now = app.app.now();
    let mut tx = app.app.store.begin().await.unwrap();
    tx.put_consent(&Consent {
        user_id: user_id.to_owned(),
        client_id: client_id.to_owned(),
        scope: Scope::parse("openid").unwrap(),
        claims: Vec::new(),
        resource: Vec::new(),
        created_at: now,
        updated_at: now,
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

pub async fn events(app: &TestApp, kind: EventKind) -> Vec<gatehouse::model::event::Event> {
    let filter = EventFilter {
        kind: Some(kind),
        ..EventFilter::default()
    };
    app.app.store.read().await.unwrap().events(&filter, None, 100).await.unwrap()
}

/// Whether nothing in it is `null` or empty.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty() && items.iter().all(says_something),
        Value::Object(fields) => fields.values().all(says_something),
        _ => true,
    }
}

on_every_database! {
    async fn a_public_client_registers_and_lets_somebody_sign_in(app: TestApp) {
        app.define_scope("read", &[]).await;
        app.user("alice").await;
        let metadata = send(http().get(app.url("/.well-known/oauth-authorization-server"))).await;
        assert_eq!(metadata.body["registration_endpoint"], app.url("/register"));
        let answer = registered(&app, &agent()).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(says_something(&answer.body), "{}", answer.body);
        assert_eq!(answer.body["client_id_issued_at"], app.app.now());
        assert!(answer.body.get("client_secret").is_none() && answer.body.get("client_secret_expires_at").is_none());
        assert!(answer.text("registration_access_token").starts_with("ghm_"));
        assert_eq!(answer.text("registration_client_uri"), app.url(&format!("/register/{}", answer.text("client_id"))));
        for (name, value) in [
            ("client_name", json!("Agent")),
            ("redirect_uris", json!(["http://127.0.0.1:6274/callback"])),
            ("token_endpoint_auth_method", json!("none")),
            ("grant_types", json!(["authorization_code", "refresh_token"])),
            ("response_types", json!(["code"])),
            ("application_type", json!("web")),
            ("scope", json!("openid offline_access read")),
        ] {
            assert_eq!(answer.body[name], value, "{name}");
        }
        assert!(!answer.body.as_object().unwrap().contains_key("client_uri"));

        let client = client_of(&app, &answer).await;
        let browser = Browser::new();
        let page = browser.visit(&client.authorize_url(&[("scope", "openid offline_access read"), ("redirect_uri", "http://127.0.0.1:41000/callback")])).await;
        let page = browser.sign_in(&page, "alice", "alice").await;
        assert!(page.body.contains("Agent") && page.body.contains("registered itself"), "people are asked: {}", page.body);
        let code = browser.decide(&page, "allow").await.answer("code").unwrap();
        let redeemed = client.post("/token", &[
            ("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", "http://127.0.0.1:41000/callback"),
            ("code_verifier", crate::support::client::VERIFIER),
        ]).await;
        assert_eq!(redeemed.status, 200, "{}", redeemed.body);
        assert_eq!(redeemed.body["expires_in"], 3600);
        let refreshed = client.refresh(redeemed.text("refresh_token")).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.body);
        assert_eq!(client.userinfo(refreshed.text("access_token")).await.status, 200);

        let without_pkce = browser.visit(&client.authorize_url(&[("code_challenge", ""), ("code_challenge_method", "")])).await;
        assert_eq!(without_pkce.answer("error").as_deref(), Some("invalid_request"));

        let created = events(&app, EventKind::ClientCreated).await;
        assert_eq!((created[0].detail["origin"].as_str(), created[0].address.as_deref()), (Some("registration"), Some("127.0.0.1")));
        let row = row(&app, client.id()).await.unwrap();
        assert_eq!((row.origin, row.consent_policy), (ClientOrigin::Registration, ConsentPolicy::Always));
        assert!(row.requires_pkce && !row.may_introspect);
        let event = created[0].to_json().to_string();
        assert!(!event.contains("127.0.0.1:41000") && !event.contains(answer.text("registration_access_token")));
    }

    async fn a_confidential_client_gets_a_secret_and_every_scope_that_is_for_everybody(app: TestApp) {
        app.define_scope("read", &[]).await;
        app.define_scope("staff", &["staff"]).await;
        app.user("alice").await;
        let body = json!({
            "redirect_uris": ["https://app.example/callback"], "application_type": "native", "contacts": ["ops@app.example"],
            "software_id": "id", "software_version": "2.1", "policy_uri": "https://app.example/privacy", "client_name#ja": "アプリ",
            "grant_types": ["authorization_code", "client_credentials", "refresh_token", "implicit"],
        });
        let answer = registered(&app, &body).await;
        assert!(answer.text("client_secret").len() > 40);
        assert_eq!(answer.body["client_secret_expires_at"], 0);
        assert_eq!(answer.text("token_endpoint_auth_method"), "client_secret_basic");
        assert_eq!(answer.body["grant_types"], json!(["authorization_code", "refresh_token"]));
        assert_eq!((answer.text("application_type"), answer.text("software_version")), ("native", "2.1"));
        assert_eq!((&answer.body["contacts"], answer.text("policy_uri")), (&json!(["ops@app.example"]), "https://app.example/privacy"));
        let scope = Scope::parse(answer.text("scope")).unwrap();
        assert!(["openid", "offline_access", "profile", "read"].iter().all(|name| scope.contains(name)), "{scope}");
        assert!(["admin:read", "admin:write", "staff"].iter().all(|name| !scope.contains(name)), "{scope}");
        let client = client_of(&app, &answer).await;
        assert_eq!(client.tokens("alice", &[("scope", "openid read")]).await.status, 200);
        let own = client.post("/token", &[("grant_type", "client_credentials")]).await;
        assert_eq!(own.error(), "unauthorized_client");
        let introspected = client.introspect("x").await;
        assert!(introspected.status != 200 || introspected.body["active"] == false);

        set(&app, "registration_scope", "staff").await;
        set(&app, "registration_access_token_lifetime", "5m").await;
        let answer = registered(&app, &json!({ "redirect_uris": ["https://app.example/callback"], "scope": "openid read staff admin:write" })).await;
        assert_eq!(answer.text("scope"), "openid staff");
        let tokens = client_of(&app, &answer).await.tokens("alice", &[("scope", "openid")]).await;
        assert_eq!(tokens.body["expires_in"], 300);
        set(&app, "access_token_lifetime", "1m").await;
        let tokens = client_of(&app, &answer).await.tokens("alice", &[("scope", "openid")]).await;
        assert_eq!(tokens.body["expires_in"], 60, "never longer than those of others");
    }

    async fn who_may_register_is_the_operators_choice(app: TestApp) {
        set(&app, "registration", "off").await;
        let refused = register(&app, &agent()).await;
        assert_eq!((refused.status, refused.error()), (403, "access_denied"));
        let metadata = send(http().get(app.url("/.well-known/openid-configuration"))).await;
        assert!(metadata.body.get("registration_endpoint").is_none());

        set(&app, "registration", "token").await;
        let metadata = send(http().get(app.url("/.well-known/openid-configuration"))).await;
        assert_eq!(metadata.body["registration_endpoint"], app.url("/register"));
        let refused = register(&app, &agent()).await;
        assert_eq!(refused.status, 401);
        assert!(refused.header("www-authenticate").starts_with("Bearer realm=") && !refused.header("www-authenticate").contains("error"));
        let right = token(&app, 3600, None).await;
        let short = token(&app, 60, None).await;
        let other_form = right.replacen("ghi_", "ghx_", 1);
        for wrong in ["x", "ghi_x", other_form.as_str()] {
            let refused = register_with(&app, wrong, &agent()).await;
            assert_eq!((refused.status, refused.error()), (401, "invalid_token"));
            assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
        }
        for _ in 0..25 {
            let answer = register_with(&app, &right, &agent()).await;
            assert_eq!(answer.status, 201, "a token is not counted by address: {}", answer.body);
        }
        app.advance(60);
        assert_eq!(register_with(&app, &short, &agent()).await.status, 401, "it has expired");
        let listed = app.app.store.read().await.unwrap().initial_access_tokens("z", app.app.now(), 10).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert!(initial_access_tokens::delete(&app.app, &listed[0].id).await.unwrap());
        assert!(!initial_access_tokens::delete(&app.app, &listed[0].id).await.unwrap());
        assert_eq!(register_with(&app, &right, &agent()).await.status, 401);
        let created = events(&app, EventKind::ClientCreated).await;
        assert_eq!(created[0].target.as_deref(), Some(listed[0].id.as_str()));
        assert!(!events(&app, EventKind::RegistrationRefused).await.is_empty());
        assert_eq!(events(&app, EventKind::InitialTokenDeleted).await.len(), 1);
    }

    async fn the_uses_of_a_token_are_counted_however_many_come_at_once(app: TestApp) {
        set(&app, "registration", "token").await;
        let token = token(&app, 3600, Some(5)).await;
        let body = agent();
        let answers = join_all((0..20).map(|_| register_with(&app, &token, &body))).await;
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(401)), (5, 15), "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
        let left = app.app.store.read().await.unwrap().initial_access_tokens("z", app.app.now(), 10).await.unwrap();
        assert_eq!(left[0].uses_left, Some(0));
        assert_eq!(app.app.store.read().await.unwrap().clients_of_origin(ClientOrigin::Registration, "", None, 50).await.unwrap().len(), 5);
    }

    async fn wrong_tokens_are_slowed_down_and_right_ones_are_not(app: TestApp) {
        set(&app, "registration", "token").await;
        let right = token(&app, 86_400, None).await;
        for _ in 0..10 {
            assert_eq!(register_with(&app, "ghi_wrong", &agent()).await.status, 401);
        }
        let refused = register_with(&app, "ghi_wrong", &agent()).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "60"));
        let answer = register_with(&app, &right, &agent()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let uri = answer.text("registration_client_uri").to_owned();
        assert_eq!(send(http().get(&uri).bearer_auth("ghm_wrong")).await.status, 429);
        assert_eq!(send(http().get(&uri).bearer_auth(answer.text("registration_access_token"))).await.status, 200);
        assert_eq!(events(&app, EventKind::RegistrationRefused).await.len(), 1, "once a minute");
    }

    async fn a_registration_takes_the_place_of_those_that_nobody_used(app: TestApp) {
        let used = registered(&app, &agent()).await;
        allow(&app, "somebody", used.text("client_id")).await;
        let first = registered(&app, &agent()).await;
        let other = registered(&app, &json!({ "client_name": "Other", "redirect_uris": ["http://127.0.0.1/"] })).await;
        let off = registered(&app, &agent()).await;
        let mut disabled = row(&app, off.text("client_id")).await.unwrap().settings;
        disabled.is_disabled = true;
        clients::change(&app.app, row(&app, off.text("client_id")).await.unwrap(), disabled).await.unwrap();
        app.advance(599);
        let second = registered(&app, &agent()).await;
        assert!(row(&app, first.text("client_id")).await.is_some(), "a flow may be under way");
        app.advance(2);
        let third = registered(&app, &agent()).await;
        assert!(row(&app, first.text("client_id")).await.is_none());
        for kept in [&used, &other, &off, &second, &third] {
            assert!(row(&app, kept.text("client_id")).await.is_some());
        }
        let deleted = events(&app, EventKind::ClientDeleted).await;
        assert_eq!((deleted.len(), &deleted[0].actor), (1, &Actor::System));
        assert_eq!(deleted[0].client_id.as_deref(), Some(first.text("client_id")));
    }

    async fn a_person_keeps_a_number_of_registrations_that_look_the_same(app: TestApp) {
        let mut ids = Vec::new();
        for number in 0..23 {
            let answer = registered(&app, &agent()).await;
            ids.push(answer.text("client_id").to_owned());
            allow(&app, "alice", ids.last().unwrap()).await;
            if number == 0 {
                allow(&app, "bob", &ids[0]).await;
            }
            app.advance(60);
        }
        let last = registered(&app, &agent()).await;
        for (number, id) in ids.iter().enumerate() {
            let is_kept = number == 0 || number >= 3;
            assert_eq!(row(&app, id).await.is_some(), is_kept, "{number}: bob's only one, and alice's last 20");
        }
        assert!(row(&app, last.text("client_id")).await.is_some());
    }

    async fn registrations_that_nobody_uses_are_reaped(app: TestApp) {
        app.user("alice").await;
        let unused = registered(&app, &agent()).await;
        let allowed = registered(&app, &agent()).await;
        allow(&app, "somebody", allowed.text("client_id")).await;
        let off = registered(&app, &agent()).await;
        let mut disabled = row(&app, off.text("client_id")).await.unwrap().settings;
        disabled.is_disabled = true;
        clients::change(&app.app, row(&app, off.text("client_id")).await.unwrap(), disabled).await.unwrap();
        // What an operator lets act for itself leaves no grant when it does.
        let acting = registered(&app, &json!({ "redirect_uris": ["https://app.example/callback"] })).await;
        let mut settings = row(&app, acting.text("client_id")).await.unwrap().settings;
        settings.grant_types.push(GrantType::ClientCredentials);
        clients::change(&app.app, row(&app, acting.text("client_id")).await.unwrap(), settings).await.unwrap();
        let granted = registered(&app, &agent()).await;
        let client = client_of(&app, &granted).await;
        let tokens = client.tokens("alice", &[("scope", "openid offline_access")]).await;
        let by_operator = app.public_client().await;
        let there = async |answer: &Answer| row(&app, answer.text("client_id")).await.is_some();
        let reap = async || {
            jobs::sweep(&app.app, Duration::ZERO).await.unwrap();
            jobs::reap(&app.app, Duration::ZERO).await.unwrap()
        };
        app.advance(86_399);
        assert_eq!(reap().await, 0);
        app.advance(1);
        assert_eq!(reap().await, 1);
        assert!(!there(&unused).await && there(&allowed).await && there(&granted).await);
        app.advance(20 * 86_400);
        let tokens = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!(tokens.status, 200);
        app.advance(10 * 86_400);
        assert_eq!(reap().await, 1);
        assert!(!there(&allowed).await && there(&granted).await);
        app.advance(21 * 86_400);
        assert_eq!(reap().await, 1, "its grant has ended");
        assert!(!there(&granted).await && there(&off).await && there(&acting).await);
        assert!(row(&app, by_operator.id()).await.is_some());
        let deleted = events(&app, EventKind::ClientDeleted).await;
        assert_eq!(deleted.len(), 3);
        assert!(deleted.iter().all(|event| event.actor == Actor::System));
    }

    async fn what_is_wrong_is_said_with_the_codes_of_the_rfc(app: TestApp) {
        for (body, code) in [
            (json!({}), "invalid_redirect_uri"),
            (json!({ "redirect_uris": ["http://app.example/"] }), "invalid_redirect_uri"),
            (json!({ "redirect_uris": ["https://app.example/"], "grant_types": ["client_credentials"] }), "invalid_client_metadata"),
            (json!({ "redirect_uris": ["https://app.example/"], "grant_types": ["refresh_token"] }), "invalid_client_metadata"),
            (json!({ "redirect_uris": ["https://app.example/"], "scope": "admin:write" }), "invalid_client_metadata"),
            (json!({ "redirect_uris": ["https://app.example/"], "client_name": "a\u{202e}b" }), "invalid_client_metadata"),
            (json!({ "redirect_uris": ["https://app.example/"], "logo_uri": "javascript:x" }), "invalid_client_metadata"),
            (json!({ "redirect_uris": ["https://app.example/"], "jwks_uri": "http://app.example/" }), "invalid_client_metadata"),
            (json!({ "redirect_uris": ["https://app.example/"], "id_token_signed_response_alg": "none" }), "invalid_client_metadata"),
            (json!({ "redirect_uris": ["https://app.example/"], "software_statement": "e30.e30.c2ln" }), "unapproved_software_statement"),
            (json!([]), "invalid_client_metadata"),
        ] {
            let refused = register(&app, &body).await;
            assert_eq!((refused.status, refused.error()), (400, code), "{body}: {}", refused.body);
            assert_eq!(refused.header("access-control-allow-origin"), "*");
        }
        let form = send(http().post(app.url("/register")).form(&[("redirect_uris", "https://app.example/")])).await;
        assert_eq!((form.status, form.error()), (400, "invalid_request"));
        let large = http().post(app.url("/register")).header("content-type", "application/json").body("x".repeat(70_000));
        assert_eq!(send(large).await.status, 413);
        assert_eq!(app.app.store.read().await.unwrap().count_clients().await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_of_one_network_and_of_all_are_limited() {
    let app = TestApp::with_settings(Database::Sqlite, &[("trusted_proxies", "127.0.0.1")]).await;
    let from = async |address: &str| {
        let request = http().post(app.url("/register")).header("x-forwarded-for", address);
        send(request.json(&agent())).await
    };
    for number in 0..20 {
        assert_eq!(from(&format!("2001:db8::{number}")).await.status, 201, "one network");
    }
    let refused = from("2001:db8::ffff").await;
    assert_eq!(
        (refused.status, refused.error(), refused.header("retry-after")),
        (429, "temporarily_unavailable", "600")
    );
    assert_eq!(refused.header("access-control-allow-origin"), "*");
    assert_eq!(from("192.0.2.1").await.status, 201, "another network");
    app.advance(600);
    assert_eq!(from("2001:db8::1").await.status, 201);
    let refused = events(&app, EventKind::RegistrationRefused).await;
    assert_eq!((refused.len(), refused[0].detail["reason"].as_str()), (1, Some("too many")));
    // Those of 978 other networks, by the counter alone.
    let window = app.app.now() / 3600;
    let parts: [&[u8]; 3] = [b"registrations", b"", &window.to_be_bytes()];
    let counter = base64url(&app.app.secrets.throttle.mac(&parts));
    let mut tx = app.app.store.begin().await.unwrap();
    for _ in 0..978 {
        tx.count_attempt(&counter, app.app.now(), app.app.now() + 3000).await.unwrap();
    }
    tx.commit().await.unwrap();
    let refused = from("192.0.2.7").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "3000"));
    app.advance(3000);
    assert_eq!(from("192.0.2.7").await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_follows_the_issuer_unless_it_is_set() {
    let app = TestApp::with_settings(Database::Sqlite, &[("issuer", "https://login.example.com")]).await;
    assert_eq!(
        send(http().post(format!("http://127.0.0.1:{}/register", port(&app))).json(&agent()))
            .await
            .status,
        401
    );
    let pairs = [("issuer", "https://login.example.com"), ("registration", "open")];
    let app = TestApp::with_settings(Database::Sqlite, &pairs).await;
    let answer = send(http().post(format!("http://127.0.0.1:{}/register", port(&app))).json(&agent())).await;
    assert_eq!(answer.status, 201);
    assert!(
        answer
            .text("registration_client_uri")
            .starts_with("https://login.example.com/register/")
    );
}

fn port(app: &TestApp) -> u16 {
    app.app.config.listen.port()
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_of_any_origin_may_register() {
    let app = TestApp::start(Database::Sqlite).await;
    for (path, methods) in [("/register", "POST"), ("/register/x", "GET, PUT, DELETE")] {
        let preflight = http()
            .request(Method::OPTIONS, app.url(path))
            .header("origin", "https://inspector.example");
        let answer = send(preflight.header("access-control-request-method", "POST")).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, "*"), "{path}");
        assert_eq!(answer.header("access-control-allow-methods"), methods);
        let headers = answer.header("access-control-allow-headers");
        assert!(headers.contains("Authorization") && headers.contains("Content-Type"));
    }
    assert_eq!(registered(&app, &agent()).await.header("access-control-allow-origin"), "*");
}
