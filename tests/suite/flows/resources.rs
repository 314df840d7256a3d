//! Resource indicators (RFC 8707): what a token is for, and that it is worth nothing elsewhere.

use gatehouse::model::client::AccessTokenFormat;
use gatehouse::model::resource::ResourceSettings;
use gatehouse::oauth::{clients, resources};
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use serde_json::json;

use super::registration;
use crate::support::browser::http;
use crate::support::client::TestClient;
use crate::support::client::{VERIFIER, claims, send};
use crate::support::{Browser, TestApp, on_every_database};

const NOTES: &str = "https://notes.example/mcp";
const FILES: &str = "https://files.example";

/// Two resources: notes own the scopes `notes:read` and `notes:write`, files own nothing.
async fn two_resources(app: &TestApp) {
    for name in ["notes:read", "notes:write"] {
        app.define_scope(name, &[]).await;
    }
    register(app, NOTES, |settings| {
        settings.scope = Scope::parse("notes:read notes:write").unwrap();
    })
    .await;
    register(app, FILES, |_| {}).await;
}

async fn register(app: &TestApp, identifier: &str, change: impl FnOnce(&mut ResourceSettings)) {
    let mut settings = ResourceSettings {
        name: format!("The resource {identifier}"),
        ..ResourceSettings::default()
    };
    change(&mut settings);
    resources::register(&app.app, identifier, settings).await.unwrap();
}

/// An agent that may ask for everything.
async fn agent(app: &TestApp) -> TestClient {
    app.client(AuthMethod::None, |new| {
        new.scope = Scope::parse("openid offline_access read write notes:read notes:write").unwrap();
    })
    .await
}

async fn redeem_for(client: &TestClient, code: &str, resources: &[&str]) -> crate::support::client::Answer {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("code_verifier", VERIFIER),
    ];
    fields.extend(resources.iter().map(|resource| ("resource", *resource)));
    client.post("/token", &fields).await
}

async fn refresh_for(client: &TestClient, refresh_token: &str, resources: &[&str]) -> crate::support::client::Answer {
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    fields.extend(resources.iter().map(|resource| ("resource", *resource)));
    client.post("/token", &fields).await
}

on_every_database! {
    async fn a_token_is_for_the_resource_that_was_asked_for(app: TestApp) {
        two_resources(&app).await;
        app.user("alice").await;
        let client = agent(&app).await;
        let code = client.code("alice", &[("scope", "openid notes:read offline_access"), ("resource", NOTES)]).await;
        let tokens = redeem_for(&client, &code, &[NOTES]).await;
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        let token = claims(tokens.text("access_token"));
        assert_eq!(token["aud"], json!([NOTES]));
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401, "it is not for this server");
        let asker = app.confidential_client().await;
        let seen = asker.introspect(tokens.text("access_token")).await;
        assert_eq!((&seen.body["active"], &seen.body["aud"]), (&json!(true), &json!([NOTES])));
        // A refresh without the parameter inherits, and another spelling is the same resource.
        let refreshed = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!(claims(refreshed.text("access_token"))["aud"], json!([NOTES]));
        let again = refresh_for(&client, refreshed.text("refresh_token"), &["HTTPS://notes.example:443/mcp/"]).await;
        assert_eq!(claims(again.text("access_token"))["aud"], json!([NOTES]), "as it is registered, byte by byte");
    }

    async fn what_is_unknown_or_was_not_granted_is_an_invalid_target(app: TestApp) {
        two_resources(&app).await;
        app.user("alice").await;
        let client = agent(&app).await;
        for resource in ["https://elsewhere.example", "notes", "https://notes.example/mcp#x", "https://notes.example/other"] {
            let page = client.authorize(&Browser::new(), "alice", &[("scope", "notes:read"), ("resource", resource)]).await;
            assert_eq!(page.answer("error").as_deref(), Some("invalid_target"), "{resource}");
            assert_eq!(page.answer("iss").as_deref(), Some(app.base.as_str()));
        }
        let code = client.code("alice", &[("scope", "notes:read offline_access"), ("resource", NOTES)]).await;
        let refused = redeem_for(&client, &code, &[FILES]).await;
        assert_eq!((refused.status, refused.error()), (400, "invalid_target"));
        let tokens = redeem_for(&client, &code, &[]).await;
        assert_eq!(tokens.status, 200, "the refusal did not consume the code: {}", tokens.body);
        let refused = refresh_for(&client, tokens.text("refresh_token"), &[FILES]).await;
        assert_eq!(refused.error(), "invalid_target");
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.status, 200, "nor the refresh token");
    }

    async fn several_resources_and_a_part_of_them(app: TestApp) {
        two_resources(&app).await;
        app.user("alice").await;
        let client = agent(&app).await;
        let both = [("scope", "notes:read read offline_access"), ("resource", NOTES), ("resource", "https://files.example/")];
        let tokens = redeem_for(&client, &client.code("alice", &both).await, &[]).await;
        assert_eq!(claims(tokens.text("access_token"))["aud"], json!([NOTES, FILES]));
        let narrowed = refresh_for(&client, tokens.text("refresh_token"), &[FILES]).await;
        let token = claims(narrowed.text("access_token"));
        assert_eq!((&token["aud"], &token["scope"]), (&json!([FILES]), &json!("read offline_access")), "what is the other's own stays there");
        assert_eq!(narrowed.text("scope"), "read offline_access");
        let wide = client.refresh(narrowed.text("refresh_token")).await;
        assert_eq!(claims(wide.text("access_token"))["aud"], json!([NOTES, FILES]), "narrowing one token does not narrow the grant");
    }

    async fn scopes_of_other_resources_are_not_granted(app: TestApp) {
        two_resources(&app).await;
        app.user("alice").await;
        let client = agent(&app).await;
        let tokens = client.tokens("alice", &[("scope", "notes:read read"), ("resource", FILES)]).await;
        assert_eq!(tokens.text("scope"), "read");
        let page = client.authorize(&Browser::new(), "alice", &[("scope", "notes:read"), ("resource", FILES)]).await;
        assert_eq!(page.answer("error").as_deref(), Some("invalid_scope"));
    }

    async fn without_the_parameter_scopes_say_what_a_token_is_for(app: TestApp) {
        two_resources(&app).await;
        app.user("alice").await;
        let client = agent(&app).await;
        let tokens = client.tokens("alice", &[("scope", "notes:read")]).await;
        assert_eq!(claims(tokens.text("access_token"))["aud"], json!([NOTES]));
        let tokens = client.tokens("alice", &[("scope", "openid notes:read")]).await;
        assert_eq!(claims(tokens.text("access_token"))["aud"], json!([NOTES, app.base]));
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 200);
        let tokens = client.tokens("alice", &[("scope", "openid read")]).await;
        assert_eq!(claims(tokens.text("access_token"))["aud"], json!([app.base]));
        let settled = app.client(AuthMethod::None, |new| {
            new.scope = Scope::parse("read").unwrap();
            new.default_resource = Some(FILES.to_owned());
        }).await;
        let tokens = settled.tokens("alice", &[("scope", "read")]).await;
        assert_eq!(claims(tokens.text("access_token"))["aud"], json!([FILES]), "the client's own default");
    }

    async fn who_registers_for_a_scope_of_a_resource_may_ask_for_its_others(app: TestApp) {
        two_resources(&app).await;
        for (name, roles) in [("elsewhere", &[][..]), ("notes:manage", &["keeper"])] {
            app.define_scope(name, roles).await;
        }
        register(&app, "https://more.example", |settings| settings.scope = Scope::parse("notes:write notes:manage").unwrap()).await;
        for (asked, expected) in [
            ("notes:read", "notes:read notes:write"),
            ("openid notes:read", "notes:read notes:write openid"),
            ("openid elsewhere", "elsewhere openid"),
            // What needs a role is not for such clients, whatever it belongs to.
            ("notes:write", "notes:read notes:write"),
        ] {
            let mut body = registration::agent();
            body["scope"] = json!(asked);
            let answer = registration::registered(&app, &body).await;
            let mut scope: Vec<&str> = answer.text("scope").split(' ').collect();
            scope.sort_unstable();
            assert_eq!(scope.join(" "), expected, "{asked}");
        }
    }

    async fn form_life_and_clients_are_the_resources_to_say(app: TestApp) {
        app.user("alice").await;
        let client = agent(&app).await;
        let id = client.id().to_owned();
        register(&app, NOTES, |settings| {
            settings.access_token_format = Some(AccessTokenFormat::Opaque);
            settings.access_token_lifetime = Some(120);
            settings.clients = Some(vec![id]);
        }).await;
        let tokens = client.tokens("alice", &[("scope", "read"), ("resource", NOTES)]).await;
        assert!(tokens.text("access_token").starts_with("gha_"), "{}", tokens.text("access_token"));
        assert_eq!(tokens.body["expires_in"], 120);
        let other = agent(&app).await;
        let page = other.authorize(&Browser::new(), "alice", &[("scope", "read"), ("resource", NOTES)]).await;
        assert_eq!(page.answer("error").as_deref(), Some("invalid_target"));
        app.advance(121);
        assert_eq!(app.confidential_client().await.introspect(tokens.text("access_token")).await.body["active"], false);
    }

    async fn what_is_no_longer_registered_cannot_be_refreshed(app: TestApp) {
        two_resources(&app).await;
        app.user("alice").await;
        let client = agent(&app).await;
        let tokens = client.tokens("alice", &[("scope", "read offline_access"), ("resource", FILES)]).await;
        let catalog = app.app.store.read().await.unwrap().resources().await.unwrap();
        resources::delete(&app.app, catalog.find(FILES).unwrap()).await.unwrap();
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.error(), "invalid_target");
        register(&app, FILES, |_| {}).await;
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.status, 200, "and it was not consumed");
    }

    async fn a_service_gets_tokens_for_a_resource(app: TestApp) {
        two_resources(&app).await;
        let client = app.confidential_client().await;
        let fields = [("grant_type", "client_credentials"), ("scope", "read"), ("resource", FILES)];
        let answer = client.post("/token", &fields).await;
        assert_eq!(claims(answer.text("access_token"))["aud"], json!([FILES]));
        let answer = client.post("/token", &[("grant_type", "client_credentials"), ("resource", "https://elsewhere.example")]).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_target"));
    }

    async fn the_administration_takes_no_token_for_a_resource(app: TestApp) {
        two_resources(&app).await;
        let client = app.confidential_client().await;
        let mut settings = client.client.settings.clone();
        settings.scope = Scope::parse("admin:read read").unwrap();
        clients::change(&app.app, client.client.clone(), settings).await.unwrap();
        let token = |resource| {
            let client = client.clone();
            async move {
                let fields = [("grant_type", "client_credentials"), ("scope", "admin:read read"), ("resource", resource)];
                client.post("/token", &fields).await.text("access_token").to_owned()
            }
        };
        let ours = token(app.base.as_str()).await;
        let theirs = token(FILES).await;
        let ask = |token: String| send(http().get(app.url("/api/admin/v1/scopes")).bearer_auth(token));
        assert_eq!(ask(ours).await.status, 200);
        assert_eq!(ask(theirs).await.status, 401);
    }

    async fn what_administers_is_sent_to_no_resource(app: TestApp) {
        two_resources(&app).await;
        let client = app.confidential_client().await;
        let mut settings = client.client.settings.clone();
        settings.scope = Scope::parse("admin:write notes:read read").unwrap();
        clients::change(&app.app, client.client.clone(), settings).await.unwrap();
        let issued = async |more: &[(&str, &str)]| {
            let answer = client.post("/token", &[&[("grant_type", "client_credentials")], more].concat()).await;
            claims(answer.text("access_token"))
        };
        let all = issued(&[]).await;
        assert_eq!((&all["aud"], &all["scope"]), (&json!([app.base]), &json!("admin:write read")));
        let both = issued(&[("resource", NOTES), ("resource", app.base.as_str())]).await;
        assert_eq!((&both["aud"], &both["scope"]), (&json!([NOTES, app.base]), &json!("notes:read read")));
    }

    async fn too_many_resources_cannot_be_meant(app: TestApp) {
        app.user("alice").await;
        let mut scope = String::from("openid");
        for number in 0..11 {
            let name = format!("own{number}");
            app.define_scope(&name, &[]).await;
            register(&app, &format!("https://r{number}.example"), |settings| settings.scope = Scope::parse(&name).unwrap()).await;
            scope = format!("{scope} {name}");
        }
        let client = app.client(AuthMethod::None, |new| new.scope = Scope::parse(&scope).unwrap()).await;
        let page = client.authorize(&Browser::new(), "alice", &[("scope", &scope)]).await;
        assert_eq!(page.answer("error").as_deref(), Some("invalid_target"));
    }

    async fn a_client_that_nobody_vouches_for_is_asked_about_each_time(app: TestApp) {
        app.user("alice").await;
        app.define_scope("read", &[]).await;
        register(&app, FILES, |settings| settings.access_token_lifetime = Some(86_400)).await;
        let body = json!({ "redirect_uris": ["https://app.example/callback"], "token_endpoint_auth_method": "none" });
        let registered = send(http().post(app.url("/register")).json(&body)).await;
        let id = registered.text("client_id").to_owned();
        let client = app.app.store.read().await.unwrap().client(&id).await.unwrap().unwrap();
        let client = TestClient::new(&app, client, None);
        let browser = Browser::new();
        let asked = [("scope", "read"), ("resource", FILES)];
        let first = client.authorize(&browser, "alice", &asked).await;
        let tokens = client.redeem(&first.answer("code").unwrap()).await;
        assert_eq!(tokens.body["expires_in"], 3600, "a resource gives such a client no longer life");
        let again = browser.visit(&client.authorize_url(&asked)).await;
        assert!(again.body.contains("name=\"decision\""), "{}", again.body);
        let silent = browser.visit(&client.authorize_url(&[&asked[..], &[("prompt", "none")]].concat())).await;
        assert!(silent.location().is_none() && silent.body.contains("the person has to give consent"), "{}", silent.body);
    }

    async fn an_answer_goes_where_the_page_said(app: TestApp) {
        app.user("alice").await;
        let client = app.client(AuthMethod::None, |new| new.scope = Scope::parse("read").unwrap()).await;
        let browser = Browser::new();
        let page = browser.visit(&client.authorize_url(&[("scope", "read"), ("redirect_uri", "")])).await;
        let page = browser.sign_in(&page, "alice", "alice").await;
        assert!(page.body.contains("app.example"), "{}", page.body);
        let mut settings = client.client.settings.clone();
        settings.redirect_uris = vec!["https://thief.example/callback".to_owned()];
        clients::change(&app.app, client.client.clone(), settings).await.unwrap();
        let page = browser.decide(&page, "allow").await;
        assert_eq!(page.answer("code"), None);
        assert!(page.body.contains("name=\"decision\"") && page.body.contains("thief.example"), "asked again: {}", page.body);
    }

    async fn consent_is_for_the_resource_too(app: TestApp) {
        two_resources(&app).await;
        app.user("alice").await;
        let client = agent(&app).await;
        let browser = Browser::new();
        let page = client.authorize(&browser, "alice", &[("scope", "read"), ("resource", FILES)]).await;
        assert!(page.answer("code").is_some());
        let again = browser.visit(&client.authorize_url(&[("scope", "read"), ("resource", FILES)])).await;
        assert!(again.answer("code").is_some(), "remembered: {}", again.body);
        let elsewhere = browser.visit(&client.authorize_url(&[("scope", "read"), ("resource", NOTES)])).await;
        assert!(elsewhere.body.contains("name=\"decision\""), "the same scope at another resource is another question");
        assert!(elsewhere.body.contains(NOTES) && elsewhere.body.contains("The resource https://notes.example/mcp"));
    }

    async fn asking_for_more_keeps_what_was_granted(app: TestApp) {
        two_resources(&app).await;
        app.user("alice").await;
        let client = agent(&app).await;
        let browser = Browser::new();
        let first = client.authorize(&browser, "alice", &[("scope", "notes:read offline_access"), ("resource", NOTES)]).await;
        assert_eq!(client.redeem(&first.answer("code").unwrap()).await.text("scope"), "notes:read offline_access");
        // A resource server said insufficient_scope, scope="notes:write": the client asks for that alone.
        let page = browser.visit(&client.authorize_url(&[("scope", "notes:write"), ("resource", NOTES)])).await;
        assert_eq!(page.body.matches("class=\"new\"").count(), 1, "only what is new is marked: {}", page.body);
        let second = browser.decide(&page, "allow").await;
        let tokens = client.redeem(&second.answer("code").unwrap()).await;
        assert_eq!(tokens.text("scope"), "notes:write notes:read offline_access");
        // Who asks for less gets less, and is not asked.
        let less = browser.visit(&client.authorize_url(&[("scope", "notes:read"), ("resource", NOTES)])).await;
        assert_eq!(client.redeem(&less.answer("code").unwrap()).await.text("scope"), "notes:read");
        // At another resource nothing is kept.
        let other = browser.visit(&client.authorize_url(&[("scope", "read"), ("resource", FILES)])).await;
        let other = browser.decide(&other, "allow").await;
        assert_eq!(client.redeem(&other.answer("code").unwrap()).await.text("scope"), "read");
    }

    async fn include_granted_scopes_keeps_them_without_a_resource(app: TestApp) {
        app.user("alice").await;
        let client = agent(&app).await;
        let browser = Browser::new();
        let first = client.authorize(&browser, "alice", &[("scope", "read")]).await;
        client.redeem(&first.answer("code").unwrap()).await;
        let page = browser.visit(&client.authorize_url(&[("scope", "write"), ("include_granted_scopes", "true")])).await;
        let page = browser.decide(&page, "allow").await;
        assert_eq!(client.redeem(&page.answer("code").unwrap()).await.text("scope"), "write read");
        let plain = browser.visit(&client.authorize_url(&[("scope", "write")])).await;
        assert_eq!(client.redeem(&plain.answer("code").unwrap()).await.text("scope"), "write");
    }

    async fn a_resource_can_pass_its_metadata_on(app: TestApp) {
        two_resources(&app).await;
        let at = |resource: &str| app.url(&format!("/.well-known/oauth-protected-resource?resource={resource}"));
        let answer = send(http().get(at("https%3A%2F%2Fnotes.example%2Fmcp"))).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, json!({
            "resource": NOTES,
            "resource_name": "The resource https://notes.example/mcp",
            "authorization_servers": [app.base],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["notes:read", "notes:write"],
        }));
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let unknown = send(http().get(at("https%3A%2F%2Felsewhere.example"))).await;
        assert_eq!((unknown.status, unknown.header("access-control-allow-origin")), (404, "*"));
        assert_eq!(send(http().get(app.url("/.well-known/oauth-protected-resource"))).await.status, 400);
    }
}
