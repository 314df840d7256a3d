//! Every kind of secret text that this server hands out, at every place where one is taken: each opens what it is for, and nothing
//! else (token substitution). The table below says which; everything that is not in it must be refused.

use std::collections::BTreeSet;

use gatehouse::identity::admin_token;
use gatehouse::model::client::{AccessTokenFormat, ConsentPolicy};
use gatehouse::model::resource::ResourceSettings;
use gatehouse::oauth::initial_access_tokens::{self, NewToken};
use gatehouse::oauth::resources;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::flows::registration::{agent, set};
use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, VERIFIER, send};
use crate::support::{Browser, Database, TestApp};
use crate::vault::flow;

const API: &str = "https://api.example/";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// What opens what. A code is used up by the place that takes it, so each place gets one of its own.
const OPENS: &[(&str, &[&str])] = &[
    ("code", &["token: code"]),
    ("refresh token", &["token: refresh_token", "introspect"]),
    (
        "access token",
        &["userinfo", "userinfo by form", "introspect", "user_token", "bind"],
    ),
    ("opaque access token", &["userinfo", "userinfo by form", "introspect"]),
    // It was issued to this very client for this very person, and says so.
    ("access token for a resource", &["introspect", "user_token"]),
    ("access token of a client", &["introspect", "relay", "workload-token"]),
    ("access token with admin:write", &["introspect", "admin API"]),
    ("ID token", &["id_token_hint", "user_token", "bind", "exchange"]),
    ("workload token", &["vault"]),
    ("interaction", &["interaction"]),
    ("session cookie", &["session"]),
    ("admin cookie", &["admin"]),
    ("browser cookie", &[]),
    ("device cookie", &[]),
    ("form token", &[]),
    ("registration access token", &["registration"]),
    ("initial access token", &["register"]),
    ("admin token", &["admin API", "admin API by header", "relay by header"]),
    ("client secret", &["client secret"]),
];

struct World {
    vault: flow::World,
    /// Which has every scope for itself
    program: TestClient,
    public: TestClient,
    opaque: TestClient,
    registration: Answer,
}

impl World {
    fn app(&self) -> &TestApp {
        &self.vault.app
    }

    async fn start() -> Self {
        let vault = flow::world(TestApp::start(Database::Sqlite).await).await;
        let app = &vault.app;
        let settings = ResourceSettings {
            name: "An API".to_owned(),
            ..ResourceSettings::default()
        };
        resources::register(&app.app, API, settings).await.expect("a resource");
        let program = app
            .client(AuthMethod::ClientSecretBasic, |new| {
                new.grant_types.extend([GrantType::ClientCredentials, GrantType::TokenExchange]);
                new.scope = Scope::parse("openid profile offline_access read relay vault admin:write").unwrap();
                new.may_introspect = true;
                new.consent_policy = ConsentPolicy::Skip;
            })
            .await;
        let opaque = app
            .client(AuthMethod::None, |new| new.access_token_format = AccessTokenFormat::Opaque)
            .await;
        let registration = crate::flows::registration::registered(app, &agent()).await;
        set(app, "registration", "token").await;
        let public = app.public_client().await;
        Self {
            vault,
            program,
            public,
            opaque,
            registration,
        }
    }

    async fn own(&self, scope: &str) -> String {
        let fields = [("grant_type", "client_credentials"), ("scope", scope)];
        let answer = self.program.post("/token", &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.text("access_token").to_owned()
    }

    /// Something of this kind, fresh.
    async fn make(&self, kind: &str) -> String {
        let app = self.app();
        let tokens =
            async |client: &TestClient, changes: &[(&str, &str)], name: &str| client.tokens("alice", changes).await.text(name).to_owned();
        let cookie = async |name: &str| {
            let browser = Browser::new();
            let page = browser.visit(&app.url("/login")).await;
            let csrf = page.field("csrf");
            browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
            if name == "csrf" { csrf } else { browser.cookies()[name].clone() }
        };
        match kind {
            "code" => self.program.code("alice", &[("scope", "openid offline_access")]).await,
            "refresh token" => tokens(&self.program, &[("scope", "openid offline_access")], "refresh_token").await,
            "access token" => tokens(&self.program, &[("scope", "openid")], "access_token").await,
            "opaque access token" => tokens(&self.opaque, &[("scope", "openid")], "access_token").await,
            "access token for a resource" => tokens(&self.program, &[("scope", "read"), ("resource", API)], "access_token").await,
            "access token of a client" => self.own("read relay vault").await,
            "access token with admin:write" => self.own("admin:write").await,
            "ID token" => tokens(&self.program, &[("scope", "openid")], "id_token").await,
            "workload token" => self.vault.workload_token("agent", &self.vault.alice).await,
            "interaction" => Browser::new()
                .get(&self.public.authorize_url(&[]))
                .await
                .answer("interaction")
                .unwrap(),
            "session cookie" => cookie("gatehouse_session").await,
            "browser cookie" => cookie("gatehouse_browser").await,
            "device cookie" => cookie("gatehouse_device").await,
            "form token" => cookie("csrf").await,
            "admin cookie" => {
                let browser = Browser::new();
                let page = browser.visit(&app.url("/admin/sign-in")).await;
                let token = self.make_admin_token().await;
                browser.submit(&page, &[("admin_token", &token)]).await;
                browser.cookies()["gatehouse_admin"].clone()
            }
            "registration access token" => self.registration.text("registration_access_token").to_owned(),
            "initial access token" => {
                let new = NewToken {
                    name: "CI".to_owned(),
                    expires_in: 3600,
                    uses: None,
                };
                let (_, secret) = initial_access_tokens::create(&app.app, new).await.unwrap();
                secret.expose_secret().to_owned()
            }
            "admin token" => self.make_admin_token().await,
            "client secret" => self.program.secret.clone().unwrap(),
            other => panic!("{other}"),
        }
    }

    async fn make_admin_token(&self) -> String {
        let token = admin_token::reset(&self.app().app).await.expect("a token");
        token.expose_secret().to_owned()
    }

    /// Shows a text at a place; whether it opened something.
    async fn opens(&self, place: &str, text: &str) -> bool {
        let app = self.app();
        let get = |path: &str| http().get(app.url(path));
        let post = |path: &str| http().post(app.url(path));
        let (id, secret) = (self.program.id(), self.program.secret.as_ref());
        let status = async |request: reqwest::RequestBuilder| send(request).await.status;
        let page = async |cookie: &str, path: &str| {
            let browser = Browser::new();
            browser.set_cookie(cookie, text);
            browser.get(&app.url(path)).await.status.as_u16()
        };
        match place {
            "userinfo" => status(get("/userinfo").bearer_auth(text)).await == 200,
            "userinfo by form" => status(post("/userinfo").form(&[("access_token", text)])).await == 200,
            "introspect" => self.program.introspect(text).await.body["active"] == true,
            "token: code" => {
                let fields = [
                    ("grant_type", "authorization_code"),
                    ("code", text),
                    ("redirect_uri", &self.program.redirect_uri),
                    ("code_verifier", VERIFIER),
                ];
                self.program.post("/token", &fields).await.status == 200
            }
            "token: refresh_token" => self.program.refresh(text).await.status == 200,
            "exchange" => {
                let fields = [
                    ("grant_type", EXCHANGE),
                    ("subject_token", text),
                    ("subject_token_type", ID_TOKEN),
                    ("actor_token", text),
                    ("actor_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                    ("audience", "there"),
                ];
                // The subject is fine then, and the agent is not: the same text cannot be both.
                let answer = self.program.post("/token", &fields).await;
                answer.status == 200 || answer.error() == "consent_required"
            }
            "id_token_hint" => {
                let page = Browser::new().get(&self.program.authorize_url(&[("id_token_hint", text)])).await;
                page.answer("error").is_none()
            }
            "user_token" => {
                let body = json!({ "workload": "agent-of-program", "user_token": text });
                status(post("/api/vault/workload-token").basic_auth(id, secret).json(&body)).await == 200
            }
            "bind" => {
                let body = json!({ "user_token": text });
                status(post("/userIdentifier/token").basic_auth(id, secret).json(&body)).await == 200
            }
            "relay" => status(post("/api/callbacks").bearer_auth(text).json(&json!({}))).await == 201,
            "relay by header" => status(post("/api/callbacks").header("x-admin-token", text).json(&json!({}))).await == 201,
            "workload-token" => {
                let body = json!({ "workload": "agent-of-program" });
                status(post("/api/vault/workload-token").bearer_auth(text).json(&body)).await == 200
            }
            "vault" => {
                let answer = send(post("/api/vault/token").bearer_auth(text).json(&json!({ "provider": "there" }))).await;
                matches!(answer.status, 200 | 202)
            }
            "register" => status(post("/register").bearer_auth(text).json(&agent())).await == 201,
            "registration" => {
                let uri = self.registration.text("registration_client_uri");
                status(http().get(uri).bearer_auth(text)).await == 200
            }
            "admin API" => status(get("/api/admin/v1/users").bearer_auth(text)).await == 200,
            "admin API by header" => status(get("/api/admin/v1/users").header("x-admin-token", text)).await == 200,
            "session" => page("gatehouse_session", "/account").await == 200,
            "admin" => page("gatehouse_admin", "/admin").await == 200,
            "interaction" => {
                let browser = Browser::new();
                browser.visit(&app.url("/login")).await;
                let url = app.url(&format!("/login?interaction={}", urlencode(text)));
                browser.get(&url).await.status != 400
            }
            "client secret" => {
                let form = [("grant_type", "client_credentials"), ("scope", "read")];
                status(post("/token").basic_auth(id, Some(text)).form(&form)).await == 200
            }
            other => panic!("{other}"),
        }
    }
}

fn urlencode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_token_opens_what_it_is_for_and_nothing_else() {
    let world = World::start().await;
    crate::vault::workload(&world.app().app, "agent-of-program", world.program.id()).await;
    let mut places: BTreeSet<&str> = OPENS.iter().flat_map(|(_, places)| *places).copied().collect();
    // It takes two different tokens; the tests of the vault have the good case.
    assert!(places.remove("exchange"));
    // Flows lead nowhere on this server; the tests of the relay have the good case.
    assert!(places.remove("bind"));
    let mut wrong = Vec::new();
    for place in places {
        // Those that are right first: whoever guesses is made to wait.
        let is_right = |opened: &[&str]| opened.contains(&place);
        let mut kinds: Vec<_> = OPENS.iter().collect();
        kinds.sort_by_key(|(_, opened)| !is_right(opened));
        for (kind, opened) in kinds {
            let text = world.make(kind).await;
            let does = world.opens(place, &text).await;
            if does != is_right(opened) {
                wrong.push(format!("{kind} at {place}: {does}"));
            }
        }
    }
    for kind in OPENS.iter().map(|(kind, _)| kind) {
        let text = world.make(kind).await;
        assert!(!world.opens("exchange", &text).await && !world.opens("bind", &text).await, "{kind}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What another server signed is nothing here, though it calls itself by the same names and its tokens look the same.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_another_server_are_nothing_here() {
    let (here, there) = (TestApp::start(Database::Sqlite).await, TestApp::start(Database::Sqlite).await);
    for app in [&here, &there] {
        app.user("alice").await;
    }
    let (client, other) = (here.confidential_client().await, there.confidential_client().await);
    let scope = [("scope", "openid offline_access")];
    let tokens = other.tokens("alice", &scope).await;
    let code = other.code("alice", &scope).await;
    for name in ["access_token", "refresh_token", "id_token"] {
        let token = tokens.text(name);
        assert_eq!(client.introspect(token).await.body, json!({ "active": false }), "{name}");
        assert_eq!(client.userinfo(token).await.status, 401, "{name}");
        assert_eq!(client.refresh(token).await.error(), "invalid_grant", "{name}");
    }
    assert_eq!(client.redeem(&code).await.error(), "invalid_grant");
    let hint = Browser::new()
        .get(&client.authorize_url(&[("id_token_hint", tokens.text("id_token"))]))
        .await;
    assert_eq!(hint.answer("error").as_deref(), Some("invalid_request"));
}

/// The ID token of one client is no hint of another, and its access token is no token of another's users (RFC 9700 §4.6).
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_one_client_speak_for_nobody_at_another() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let (mine, other) = (app.confidential_client().await, app.confidential_client().await);
    let tokens = other.tokens("alice", &[("scope", "openid")]).await;
    let hint = Browser::new()
        .get(&mine.authorize_url(&[("id_token_hint", tokens.text("id_token"))]))
        .await;
    assert_eq!(hint.answer("error").as_deref(), Some("invalid_request"));
    let seen = crate::support::client::claims(tokens.text("access_token"));
    assert_eq!(seen["client_id"], other.id(), "a resource server can see whose it is");
    let id_token = crate::support::client::claims(tokens.text("id_token"));
    assert_eq!((&id_token["aud"], &id_token["azp"]), (&json!(other.id()), &json!(other.id())));
    assert!(id_token["at_hash"].is_string(), "and the client which access token came with it");
}
