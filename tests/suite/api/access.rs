//! Who may use the admin API, and what it never says.

use gatehouse::identity::operator as operators;
use gatehouse::identity::session::Origin;
use gatehouse::model::consent::Consent;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use reqwest::Method;
use serde_json::json;

use super::{Caller, SESSION, Shown, operator, problem, session_cookie};
use crate::support::client::TestClient;
use crate::support::{TestApp, on_every_database};

/// A client that may have tokens of its own with the scopes of the administration.
pub async fn automation(app: &TestApp) -> TestClient {
    app.client(AuthMethod::ClientSecretBasic, |new| {
        new.grant_types.push(GrantType::ClientCredentials);
        new.scope = Scope::parse("openid offline_access admin:read admin:write").expect("a scope");
    })
    .await
}

/// A token that it gets for itself.
pub async fn own_token(client: &TestClient, scope: &str) -> String {
    let answer = client
        .post("/token", &[("grant_type", "client_credentials"), ("scope", scope)])
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.text("access_token").to_owned()
}

/// A request that changes something, and would be let through if nobody said no.
async fn write(caller: &Caller) -> crate::support::client::Answer {
    caller.put("/scopes/written", &json!({ "description": "written" })).await
}

on_every_database! {
    async fn the_admin_token_may_everything(app: TestApp) {
        let operator = operator(&app).await;
        let Shown::AdminToken(token) = operator.shown.clone() else { panic!("a token") };
        assert_eq!(operator.get("/scopes").await.status, 200);
        assert_eq!(write(&operator).await.status, 201);
        let bearer = Caller::new(&app, Shown::Bearer(token.clone()));
        assert_eq!(bearer.get("/scopes").await.status, 200);
        assert_eq!(write(&bearer).await.status, 200);
        let nobody = Caller::new(&app, Shown::Nothing);
        let refused = nobody.get("/scopes").await;
        assert_eq!(problem(&refused), (401, "credentials-missing", ""));
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
        let wrong = Caller::new(&app, Shown::AdminToken("wrong".to_owned()));
        assert_eq!(problem(&wrong.get("/scopes").await), (401, "credentials-wrong", ""));
        // At a browser, in a session of its own.
        let operators::Outcome::Done(new) = operators::sign_in(&app.app, &token, &Origin::default(), None).await.unwrap() else {
            panic!("signed in")
        };
        let at_browser = Caller::new(&app, Shown::Cookie("gatehouse_admin", new.cookie));
        assert_eq!(write(&at_browser.with("sec-fetch-site", "same-origin")).await.status, 200);
        assert_eq!(problem(&write(&at_browser.with("sec-fetch-site", "cross-site")).await), (403, "cross-site", ""));
        // The cookie of the one is not the cookie of the other.
        let Shown::Cookie(_, cookie) = at_browser.shown.clone() else { panic!("a cookie") };
        assert_eq!(Caller::new(&app, Shown::Cookie(SESSION, cookie)).get("/scopes").await.status, 401);
    }

    async fn people_may_by_their_role(app: TestApp) {
        let mut admin = app.user_with("ada", |new| new.roles = vec!["admin".to_owned()]).await;
        app.user_with("otto", |new| new.roles = vec!["auditor".to_owned()]).await;
        app.user("uma").await;
        let caller = async |name: &str| Caller::new(&app, Shown::Cookie(SESSION, session_cookie(&app, name).await));
        let (ada, otto, uma) = (caller("ada").await, caller("otto").await, caller("uma").await);
        assert_eq!(ada.get("/users").await.status, 200);
        assert_eq!(write(&ada).await.status, 201);
        assert_eq!(otto.get("/users").await.status, 200);
        assert_eq!(problem(&write(&otto).await), (403, "read-only", ""));
        assert_eq!(problem(&uma.get("/users").await), (403, "not-an-administrator", ""));
        assert_eq!(problem(&write(&uma).await), (403, "not-an-administrator", ""));
        let forged = Caller::new(&app, Shown::Cookie("gatehouse_admin", session_cookie(&app, "uma").await));
        assert_eq!(problem(&forged.get("/users").await), (401, "credentials-missing", ""));

        for (name, value) in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("sec-fetch-site", "none"), ("origin", "https://evil.example"), ("origin", "null")] {
            assert_eq!(problem(&write(&ada.with(name, value)).await), (403, "cross-site", ""), "{name}: {value}");
            assert_eq!(ada.with(name, value).get("/users").await.status, 200, "looking is harmless");
        }
        let origin = app.base.clone();
        assert_eq!(write(&ada.with("origin", origin)).await.status, 200);

        admin.settings.roles.clear();
        app.update_user(&admin).await;
        assert_eq!(problem(&ada.get("/users").await), (403, "not-an-administrator", ""), "a role that is taken away is gone at once");
    }

    async fn programs_may_by_the_scope_of_their_own_token(app: TestApp) {
        let operator = operator(&app).await;
        app.user_with("ada", |new| new.roles = vec!["admin".to_owned()]).await;
        let client = automation(&app).await;
        let reader = Caller::new(&app, Shown::Bearer(own_token(&client, "admin:read").await));
        let writer = Caller::new(&app, Shown::Bearer(own_token(&client, "admin:write").await));
        assert_eq!(reader.get("/users").await.status, 200);
        assert_eq!(problem(&write(&reader).await), (403, "read-only", ""));
        assert_eq!(writer.get("/users").await.status, 200);
        assert_eq!(write(&writer).await.status, 201);

        // What a person hands on opens nothing, whoever the person is and whatever the scope says.
        let page = client.authorize(&crate::support::Browser::new(), "ada", &[("scope", "openid admin:read admin:write")]).await;
        let tokens = client.redeem(&page.answer("code").unwrap()).await;
        let handed_on = Caller::new(&app, Shown::Bearer(tokens.text("access_token").to_owned()));
        assert_eq!(problem(&handed_on.get("/users").await), (403, "not-an-administrator", ""));
        assert_eq!(problem(&write(&handed_on).await), (403, "not-an-administrator", ""));
        let id_token = Caller::new(&app, Shown::Bearer(tokens.text("id_token").to_owned()));
        assert_eq!(problem(&id_token.get("/users").await), (401, "credentials-wrong", ""));

        let record = operator.get(&format!("/clients/{}", client.id())).await;
        let disabled = operator.having_seen(record.header("etag")).patch(&format!("/clients/{}", client.id()), &json!({ "disabled": true })).await;
        assert_eq!(disabled.status, 200);
        assert_eq!(problem(&writer.get("/users").await), (401, "credentials-wrong", ""));
    }

    async fn wrong_admin_tokens_are_slowed_down(app: TestApp) {
        let operator = operator(&app).await;
        app.user_with("ada", |new| new.roles = vec!["admin".to_owned()]).await;
        let ada = Caller::new(&app, Shown::Cookie(SESSION, session_cookie(&app, "ada").await));
        for number in 0..10 {
            let wrong = Caller::new(&app, Shown::AdminToken(format!("guess {number}")));
            assert_eq!(problem(&wrong.get("/users").await), (401, "credentials-wrong", ""), "{number}");
        }
        let wrong = Caller::new(&app, Shown::Bearer("one more guess".to_owned()));
        let mut waited = 0;
        // A token that an operator chose might be guessed: right and wrong get the same answer.
        let mut tx = app.app.store.begin().await.unwrap();
        let chosen = "a token that the operator chose";
        let digest = gatehouse::base::encoding::base64url(&app.app.secrets.admin_token.mac(&[chosen.as_bytes()]));
        tx.put_setting(gatehouse::store::Setting::AdminTokenHash, &digest, app.app.now()).await.unwrap();
        tx.commit().await.unwrap();
        let chosen = Caller::new(&app, Shown::AdminToken(chosen.to_owned()));
        for caller in [&wrong, &chosen] {
            let answer = caller.get("/users").await;
            assert_eq!(problem(&answer), (429, "too-many-failures", ""), "right and wrong get the same answer");
            waited = answer.header("retry-after").parse::<u64>().unwrap();
            assert!((1..=900).contains(&waited));
        }
        assert_eq!(ada.get("/users").await.status, 200, "who shows no admin token does not wait");
        app.advance(waited);
        assert_eq!(chosen.get("/users").await.status, 200);
        assert_eq!(problem(&operator.get("/users").await).0, 401, "that one was replaced");
    }

    async fn no_answer_has_a_secret(app: TestApp) {
        let operator = operator(&app).await;
        let Shown::AdminToken(token) = operator.shown.clone() else { panic!("a token") };
        let alice = app.user("alice").await;
        let client = app.confidential_client().await;
        let tokens = client.tokens("alice", &[("scope", "openid offline_access")]).await;
        client.code("alice", &[]).await;
        let cookie = session_cookie(&app, "alice").await;
        let now = app.app.now();
        let mut tx = app.app.store.begin().await.unwrap();
        tx.put_consent(&Consent { user_id: alice.id.clone(), client_id: client.id().to_owned(), scope: Scope::default(), claims: Vec::new(), resource: Vec::new(), created_at: now, updated_at: now }).await.unwrap();
        tx.commit().await.unwrap();
        let mut connection = app.app.store.read().await.unwrap();
        let mut secrets = vec![
            token, cookie, client.secret.clone().unwrap(), client.client.secret_hash.clone().unwrap(), alice.password_hash.clone().unwrap(),
            tokens.text("access_token").to_owned(), tokens.text("refresh_token").to_owned(), "the nonce".to_owned(), "$argon2".to_owned(),
            "secret_hash".to_owned(), "code_hash".to_owned(), "sealed".to_owned(),
        ];
        secrets.extend(connection.signing_keys().await.unwrap().into_iter().map(|key| key.sealed_private_key));
        let with = gatehouse::store::GrantsWith { user_id: None, client_id: None, is_active: None };
        let grants = connection.grants_nearby(with, "z", now, 50).await.unwrap().grants;
        secrets.extend(grants.iter().flat_map(|grant| [Some(grant.code_hash.clone()), grant.code_challenge.as_ref().map(|challenge| challenge.as_str().to_owned())]).flatten());
        secrets.extend(connection.sessions_before(None, "z", now, 50).await.unwrap().into_iter().map(|session| session.secret_hash));
        drop(connection);
        let mut paths = vec![format!("/users/{}", alice.id), format!("/clients/{}", client.id()), format!("/grants/{}", grants[0].id)];
        paths.extend(["/users", "/clients", "/scopes", "/consents", "/grants", "/sessions", "/signing-keys", "/settings", "/events", "/stats"].map(str::to_owned));
        for path in paths {
            let answer = operator.get(&path).await;
            assert_eq!(answer.status, 200, "{path}");
            let text = answer.body.to_string();
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{path} has {secret}: {text}");
            }
        }
    }

    async fn the_conventions_hold_everywhere(app: TestApp) {
        let operator = operator(&app).await;
        let not_json = operator.with("content-type", "text/plain").send(Method::POST, "/api/admin/v1/users", None).await;
        assert_eq!(problem(&not_json), (415, "not-json", ""));
        let broken = crate::support::client::send(
            crate::support::browser::http().post(app.url("/api/admin/v1/users")).header("content-type", "application/json").body("{").header("x-admin-token", match &operator.shown { Shown::AdminToken(token) => token.clone(), _ => String::new() }),
        ).await;
        assert_eq!(problem(&broken), (400, "malformed-json", ""));
        for (body, key) in [
            (r#"{"username": "eve", "username": "mallory"}"#, "username"),
            (r#"{"username": "eve", "extra_claims": [{"a": 1, "b": {"\u0061": 1, "a": 2}}]}"#, "a"),
        ] {
            let Shown::AdminToken(token) = &operator.shown else { panic!("a token") };
            let request = crate::support::browser::http().post(app.url("/api/admin/v1/users")).header("content-type", "application/json");
            let answer = crate::support::client::send(request.header("x-admin-token", token).body(body)).await;
            assert_eq!(problem(&answer), (400, "malformed-json", ""), "{body}");
            assert!(answer.text("detail").contains(&format!("the key \"{key}\" is there twice")), "{}", answer.body);
        }
        for query in ["q=%00", "q=%ff", "%00=a", "limit=%c3"] {
            let answer = operator.get(&format!("/users?{query}")).await;
            assert_eq!(problem(&answer), (400, "bad-request", ""), "{query}");
            assert_eq!(answer.text("title"), "The request cannot be understood", "{query}");
            assert_eq!(problem(&operator.get(&format!("/users/x?{query}")).await), (400, "bad-request", ""), "{query}");
        }
        for query in ["limit=0", "cursor=x", "disabled=maybe", "q=a&q=b", "disabled="] {
            let answer = operator.get(&format!("/users?{query}")).await;
            assert_eq!((problem(&answer).1, answer.text("title")), ("invalid-parameter", "A parameter is not possible"), "{query}");
        }
        let huge = operator.post("/users", &json!({ "username": "x".repeat(300_000) })).await;
        assert_eq!(problem(&huge), (413, "too-large", ""));
        let method = operator.send(Method::PUT, "/api/admin/v1/users", Some(&json!({}))).await;
        assert_eq!(problem(&method), (405, "method-not-allowed", ""));
        assert_eq!(method.header("allow"), "GET, HEAD, POST");
        for path in ["/users/x", "/clients/x", "/scopes/x", "/grants/x", "/sessions/x"] {
            let answer = operator.get(&format!("{path}?fields=all")).await;
            assert_eq!(problem(&answer), (400, "unknown-parameter", "fields"), "{path}");
        }
        let answer = operator.get("/users").await;
        assert_eq!((answer.header("cache-control"), answer.header("access-control-allow-origin")), ("no-store", ""));
        let preflight = operator.send(Method::OPTIONS, "/api/admin/v1/users", None).await;
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (405, ""));
    }
}
