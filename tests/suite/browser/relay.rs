//! The pages of the callback relay and of flows of agents.

use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use serde_json::{Value, json};

use super::server_with;
use crate::support::browser::http;
use crate::support::client::{TestClient, send};
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Chrome, TestApp};

/// A name that has to break somewhere.
const NAME: &str = "Photographiealbumverwaltungsgesellschaft-Photographiealbumverwaltungsgesellschaft";

async fn program(app: &TestApp) -> TestClient {
    app.client(AuthMethod::ClientSecretBasic, |new| {
        NAME.clone_into(&mut new.name);
        new.scope = Scope::parse("openid read relay").unwrap();
        new.grant_types.push(GrantType::ClientCredentials);
    })
    .await
}

async fn announce(app: &TestApp, program: &TestClient, wanted: Value) -> String {
    let request = http()
        .post(app.url("/api/callbacks"))
        .basic_auth(program.id(), program.secret.as_ref());
    send(request.json(&wanted)).await.text("state").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_relay() {
    let app = server_with(vec![]).await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    let program = program(&app).await;
    let chrome = Chrome::start().await;

    let state = announce(&app, &program, json!({})).await;
    let done = app.url(&format!("/callback?code=the-code&state={state}"));
    chrome.open(&done).await;
    chrome.see("Done. You can close this page").await;
    chrome.see("Photographiealbumverwaltungsgesellschaft").await;
    chrome.inspect().await;
    chrome.open(&done).await;
    chrome.see("This was done before").await;
    chrome.inspect().await;

    for (error, title) in [("access_denied", "Access was not given"), ("server_error", "That did not work")] {
        let state = announce(&app, &program, json!({})).await;
        chrome.open(&app.url(&format!("/callback?error={error}&state={state}"))).await;
        chrome.see(title).await;
        chrome.inspect().await;
    }

    chrome.open(&app.url("/callback?code=x&state=nobody-waits-for-this")).await;
    chrome.see("This has expired").await;
    chrome.inspect().await;
    chrome.open(&app.url("/callback")).await;
    chrome.see("This answer cannot be used").await;
    chrome.inspect().await;

    // Bound to a person: the sign-in comes first; for somebody else there is a way to go on.
    let state = announce(&app, &program, json!({ "user_id": alice.id })).await;
    chrome.open(&app.url(&format!("/callback?code=the-code&state={state}"))).await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.see("Done. You can close this page").await;
    let state = announce(&app, &program, json!({ "user_id": bob.id })).await;
    chrome.open(&app.url(&format!("/callback?code=the-code&state={state}"))).await;
    chrome.see("Somebody else started this").await;
    chrome.inspect().await;
    chrome.press("Use another account").await;
    chrome.fill("Username", "bob").await;
    chrome.fill("Password", "bob").await;
    chrome.press("Sign in").await;
    chrome.see("Done. You can close this page").await;
}

/// The program has a page: people get there from the redirect, and after a sign-in in between.
#[tokio::test(flavor = "multi_thread")]
async fn people_return_to_the_program() {
    let app = server_with(vec![]).await;
    let alice = app.user("alice").await;
    let shop = Elsewhere::start().await;
    let mut page = Served::json(&Value::Null).with("content-type", "text/html");
    page.body = b"<!doctype html><title>Shop</title><h1>Welcome back</h1>".to_vec();
    shop.serve("/back", page);
    let return_uri = shop.url("/back");
    let program = app
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.redirect_uris = vec![return_uri.clone()];
            new.scope = Scope::parse("openid relay").unwrap();
            new.grant_types.push(GrantType::ClientCredentials);
        })
        .await;
    let chrome = Chrome::start().await;
    let state = announce(&app, &program, json!({ "return_uri": return_uri })).await;
    chrome.open(&app.url(&format!("/callback?code=the-code&state={state}"))).await;
    chrome.see("Welcome back").await;
    let state = announce(&app, &program, json!({ "return_uri": return_uri, "user_id": alice.id })).await;
    chrome.open(&app.url(&format!("/callback?code=the-code&state={state}"))).await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.see("Welcome back").await;
    let referrers = shop
        .requests()
        .iter()
        .filter(|request| request.starts_with("GET /back ") && request.to_lowercase().contains("referer:"))
        .count();
    assert_eq!(referrers, 0, "{:?}", shop.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_flows() {
    let vault = Elsewhere::start().await;
    vault.serve("/complete", Served::json(&json!({})));
    let app = server_with(vec![("completion_url", vault.url("/complete"))]).await;
    app.user("alice").await;
    let program = program(&app).await;
    let token = program.tokens("alice", &[("scope", "openid read")]).await;
    let bind = async |session: &str| {
        let request = http()
            .post(app.url("/userIdentifier/token"))
            .basic_auth(program.id(), program.secret.as_ref());
        let body = json!({ "user_token": token.text("access_token"), "session_id": session });
        assert_eq!(send(request.json(&body)).await.status, 200);
    };
    bind("urn:first").await;
    bind("urn:second").await;
    let chrome = Chrome::start().await;
    chrome.open(&app.url("/oauth2/callback?session_id=urn:first")).await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.see("Done. You can close this page").await;
    chrome.inspect().await;
    chrome.open(&app.url("/oauth2/callback?session_id=urn:first")).await;
    chrome.see("This has expired").await;
    chrome.inspect().await;
    vault.serve("/complete", Served::json(&json!({})).status(500));
    chrome.open(&app.url("/oauth2/callback?session_id=urn:second")).await;
    chrome.see("That did not work").await;
    chrome.inspect().await;
}
