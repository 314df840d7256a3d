//! Announcing a redirect: who may, and what is possible.

use gatehouse::identity::admin_token;
use secrecy::SecretString;
use serde_json::json;

use super::{Program, RETURN_URI, come_back, place};
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{Browser, Database, TestApp, on_every_database};

const ADMIN_TOKEN: &str = "an admin token that the operator chose";

on_every_database! {
    async fn a_program_gets_what_it_needs(app: TestApp) {
        let program = Program::of(&app).await;
        let created = program.announce(json!({ "provider": "google" })).await;
        assert_eq!(created.status, 201, "{}", created.body);
        let state = created.text("state");
        assert!(state.starts_with("gh_state_") && state.len() == 85, "{state}");
        assert_eq!(created.text("redirect_uri"), app.url("/callback"));
        assert_eq!(created.body["expires_in"], 600);
        assert_eq!(created.text("callback_uri"), created.header("location"));
        let pending = send(http().get(created.text("callback_uri")).basic_auth(program.client.id(), program.client.secret.as_ref())).await;
        assert_eq!((pending.status, pending.text("status")), (202, "pending"));
        assert_eq!(pending.text("state"), state);
        assert!(created.text("events_uri").ends_with("/events"));
        assert_ne!(program.state(json!({})).await, state);
    }

    async fn a_state_of_its_own_can_be_used_once(app: TestApp) {
        let program = Program::of(&app).await;
        // With everything that a path has to take, and as another client's.
        for own in ["a/b+c=d e%41?f#g.h~i_j-k1234567", "eyJzdGF0ZSI6IjEyMzQ1Njc4OTAxMjM0NTYifQ=="] {
            let created = program.announce(json!({ "state": own })).await;
            assert_eq!(created.text("state"), own);
            let again = program.announce(json!({ "state": own })).await;
            assert_eq!((again.status, again.error()), (400, "invalid_request"));
            let others = Program::named(&app, "Another").await.announce(json!({ "state": own })).await;
            assert_eq!(others.status, 400);
            come_back(&app, &Browser::new(), own, "the-code").await;
            let answer = send(http().get(created.text("callback_uri")).basic_auth(program.client.id(), program.client.secret.as_ref())).await;
            assert_eq!(answer.text("auth_code"), "the-code");
        }
    }

    async fn its_time_is_over_when_it_said(app: TestApp) {
        let program = Program::of(&app).await;
        let state = program.state(json!({ "expires_in": 30 })).await;
        app.advance(29);
        assert_eq!(program.collect(&state).await.status, 202);
        app.advance(1);
        assert_eq!(program.collect(&state).await.status, 404);
        assert_eq!(come_back(&app, &Browser::new(), &state, "late").await.status, 410);
        assert_eq!(program.collect(&state).await.status, 404);
        gatehouse::jobs::sweep(&app.app, std::time::Duration::ZERO).await.unwrap();
        let mut connection = app.app.store.read().await.unwrap();
        assert_eq!(connection.count_callbacks(0).await.unwrap(), 0, "the sweep takes it away");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    let long = "x".repeat(600);
    for (wanted, told) in [
        (json!({ "state": "too short" }), "state is too short"),
        (json!({ "state": long }), "more than 512"),
        (json!({ "state": "a state with a line\nbreak in it" }), "printable ASCII"),
        (
            json!({ "state": "gh_state_0123456789abcdef0123456789abcdef" }),
            "made by this server",
        ),
        (json!({ "expires_in": 601 }), "from 10 to 600"),
        (json!({ "expires_in": 0 }), "from 10 to 600"),
        (json!({ "provider": "x".repeat(65) }), "more than 64"),
        (json!({ "provider": "a\nb" }), "control characters"),
        (json!({ "issuer": "not a URL" }), "issuer is not a URL"),
        (json!({ "user_id": "nobody" }), "user_id is not the id"),
        (
            json!({ "code_challenge": "short", "code_challenge_method": "S256" }),
            "code_challenge",
        ),
        (
            json!({ "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" }),
            "must be S256",
        ),
        (json!({ "code_challenge_method": "S256" }), "without code_challenge"),
        (json!({ "lifetime": 60 }), "unknown field"),
        (json!({ "state": 7 }), "the body is not as it must be"),
        (json!([]), "not a JSON object"),
    ] {
        let answer = program.announce(wanted.clone()).await;
        assert_eq!(
            (answer.status, answer.error()),
            (400, "invalid_request"),
            "{wanted} {}",
            answer.body
        );
        assert!(answer.text("error_description").contains(told), "{wanted} {}", answer.body);
    }
    let twice = program
        .request(reqwest::Method::POST, "/api/callbacks")
        .header("content-type", "application/json")
        .body(r#"{"expires_in":60,"expires_in":600}"#);
    assert_eq!(send(twice).await.status, 400);
    let form = program.request(reqwest::Method::POST, "/api/callbacks").form(&[("provider", "x")]);
    assert_eq!(send(form).await.status, 415);
}

/// People are sent there without being asked, so it must be a page that an operator registered, to the letter.
#[tokio::test(flavor = "multi_thread")]
async fn people_return_to_registered_pages_only() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    for uri in [
        "https://app.example/callback/",
        "https://app.example/callback?x=1",
        "https://app.example/Callback",
        "https://APP.example/callback",
        "https://app.example:443/callback",
        "https://app.example/callback#",
        "https://app.example@evil.example/callback",
        "https://evil.example/",
        "//app.example/callback",
        "javascript:alert(1)",
        "",
    ] {
        let answer = program.announce(json!({ "return_uri": uri })).await;
        assert_eq!(answer.status, 400, "{uri} {}", answer.body);
        assert!(answer.text("error_description").starts_with("return_uri"), "{}", answer.body);
    }
    let state = program.state(json!({ "return_uri": RETURN_URI })).await;
    let browser = Browser::new();
    let page = come_back(&app, &browser, &state, "the-code").await;
    assert_eq!(page.location().as_deref(), Some(RETURN_URI), "nothing is added to it");
    // What is refused leads nowhere.
    let again = come_back(&app, &browser, &state, "another").await;
    assert_eq!((again.status.as_u16(), again.location()), (410, None));
}

/// Every way for a program to say who it is, and everybody who may not.
#[tokio::test(flavor = "multi_thread")]
async fn programs_say_who_they_are() {
    let app = TestApp::start(Database::Sqlite).await;
    admin_token::bootstrap(&app.app, &SecretString::from(ADMIN_TOKEN)).await.unwrap();
    app.user("alice").await;
    let program = Program::of(&app).await;
    let announce = || http().post(app.url("/api/callbacks")).json(&json!({}));

    let nobody = send(announce()).await;
    assert_eq!((nobody.status, nobody.error()), (401, "invalid_client"));
    assert!(nobody.header("www-authenticate").contains("Basic realm=") && nobody.header("www-authenticate").contains("Bearer realm="));

    let token = program
        .client
        .post("/token", &[("grant_type", "client_credentials"), ("scope", "relay")])
        .await;
    let token = token.text("access_token");
    let by_token = send(announce().bearer_auth(token)).await;
    assert_eq!(by_token.status, 201, "{}", by_token.body);
    let collected = send(http().get(by_token.text("callback_uri")).bearer_auth(token)).await;
    assert_eq!(collected.status, 202);
    assert_eq!(
        program.collect(by_token.text("state")).await.status,
        202,
        "the same client by its secret"
    );

    let by_admin = send(announce().header("X-Admin-Token", ADMIN_TOKEN)).await;
    assert_eq!(by_admin.status, 201);
    assert_eq!(
        program.collect(by_admin.text("state")).await.status,
        404,
        "it belongs to the operator"
    );
    let by_operator = send(
        http()
            .get(app.url(&place(by_token.text("state"))))
            .header("X-Admin-Token", ADMIN_TOKEN),
    )
    .await;
    assert_eq!(by_operator.status, 404, "and the operator collects for nobody else");

    let wrong_admin = send(announce().header("X-Admin-Token", "not the admin token at all")).await;
    assert_eq!(wrong_admin.status, 401);
    let wrong_secret = send(announce().basic_auth(program.client.id(), Some("wrong"))).await;
    assert_eq!((wrong_secret.status, wrong_secret.error()), (401, "invalid_client"));
    let wrong_token = send(announce().bearer_auth("gha_wrong")).await;
    assert_eq!((wrong_token.status, wrong_token.error()), (401, "invalid_token"));
    let twice = send(
        announce()
            .basic_auth(program.client.id(), program.client.secret.as_ref())
            .header("authorization", "Bearer x"),
    )
    .await;
    assert_eq!(twice.status, 401);

    // Known, but without the scope: another client, a token without it, a public client, a token of a person.
    let other = app.confidential_client().await;
    let without = send(announce().basic_auth(other.id(), other.secret.as_ref())).await;
    assert_eq!((without.status, without.error()), (403, "insufficient_scope"));
    assert!(without.header("www-authenticate").contains("scope=\"relay\""));
    let narrow = program
        .client
        .post("/token", &[("grant_type", "client_credentials"), ("scope", "read")])
        .await;
    assert_eq!(send(announce().bearer_auth(narrow.text("access_token"))).await.status, 403);
    let of_person = program.client.tokens("alice", &[("scope", "openid read relay")]).await;
    assert_eq!(of_person.text("scope"), "openid read", "no person can hand the relay on");
    assert_eq!(send(announce().bearer_auth(of_person.text("access_token"))).await.status, 403);
    let public = app.public_client().await;
    assert_eq!(send(announce().basic_auth(public.id(), Some(""))).await.status, 403);

    // What the client may do now counts.
    let mut client = program.client.client.clone();
    client.scope = gatehouse::protocol::scope::Scope::parse("openid read").unwrap();
    let mut tx = app.app.store.begin().await.unwrap();
    assert!(tx.update_client(&client).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(send(announce().bearer_auth(token)).await.status, 403);
    assert_eq!(program.announce(json!({})).await.status, 403);
}

/// Nobody gets the scope of the relay without an operator.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_register_themselves_get_no_relay() {
    let app = TestApp::start(Database::Sqlite).await;
    let wanted = json!({
        "client_name": "Self-made",
        "redirect_uris": ["https://app.example/callback"],
        "grant_types": ["client_credentials"],
        "scope": "openid relay",
    });
    let registered = send(http().post(app.url("/register")).json(&wanted)).await;
    let scope = registered.body["scope"].as_str().unwrap_or_default();
    assert!(!scope.contains("relay"), "{}", registered.body);
    let metadata = send(http().get(app.url("/.well-known/openid-configuration"))).await;
    assert!(!metadata.body["scopes_supported"].to_string().contains("relay"));
}
