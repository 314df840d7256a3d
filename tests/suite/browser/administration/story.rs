//! From the first start of a server to the first token, and to its end.

use gatehouse::identity::admin_token;

use super::super::server;
use super::sign_in;
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{Chrome, TestApp};

const PASSWORD: &str = "correct horse battery";

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_start_to_the_end_of_a_token() {
    let (app, chrome) = (server().await, Chrome::start().await);
    let token = set_up(&chrome, &app).await;
    sign_in(&chrome, &app, &token).await;
    chrome.see("Nothing relies on this server yet").await;
    chrome.inspect().await;
    make_alice(&chrome).await;
    let secret = register(&chrome).await;
    let access_token = try_out(&chrome, &secret).await;
    assert_eq!(userinfo(&app, &access_token).await, 200, "it is a real one");

    // In a second tab the grant is there, with the person and the application, and is revoked.
    chrome.open_tab().await;
    chrome.open(&app.url("/admin/clients")).await;
    chrome.press("Photo Album").await;
    chrome.press("Consents and grants").await;
    chrome.open(&app.url("/admin/users")).await;
    chrome.press("alice").await;
    let at = chrome.url().await;
    chrome.open(&format!("{at}/access")).await;
    chrome.see("Photo Album").await;
    chrome.inspect().await;
    chrome.open(&app.url("/admin/grants")).await;
    chrome.see("Photo Album").await;
    chrome.follow_first("Revoke …").await;
    chrome.see("Photo Album loses every token of this grant at once.").await;
    chrome.inspect().await;
    chrome.press("Revoke the grant").await;
    chrome.see("Revoked.").await;
    chrome.inspect().await;
    chrome.close_tab().await;

    assert_eq!(userinfo(&app, &access_token).await, 401);
    chrome.press("Introspect the access token").await;
    chrome.see("\"active\": false").await;
    chrome.press("Ask userinfo").await;
    chrome.see("invalid_token").await;
    chrome.press("Refresh").await;
    chrome.see("invalid_grant").await;
    chrome.inspect().await;

    // All of it stands in the audit log.
    chrome.press("Audit log").await;
    chrome.see("Grant revoked").await;
    chrome.inspect().await;
    chrome.press("Sign out").await;
    chrome.see("You are signed out.").await;
    chrome.open(&app.url("/admin/grants")).await;
    chrome.see("Admin token").await;
}

/// The set-up with the code that stands on the console; the admin token.
async fn set_up(chrome: &Chrome, app: &TestApp) -> String {
    chrome
        .open(&app.url(&format!("/setup?code={}", admin_token::setup_code(&app.app))))
        .await;
    chrome.press("Create the admin token").await;
    chrome.see("Your admin token").await;
    chrome.value("Admin token").await
}

async fn make_alice(chrome: &Chrome) {
    chrome.press("Users").await;
    chrome.see("Nobody has an account yet.").await;
    chrome.press("Make an account").await;
    chrome.fill("User name", "alice").await;
    chrome.fill("email", "alice@example.com").await;
    chrome.fill("name", "Alice Adams").await;
    chrome.fill("password", "short").await;
    chrome.press("Make the account").await;
    chrome.see("Error: ").await;
    chrome.inspect().await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Make the account").await;
    chrome.see("Created.").await;
}

/// Registers a web application; its secret, which is shown this once.
async fn register(chrome: &Chrome) -> String {
    chrome.press("Clients").await;
    chrome.press("Register a client").await;
    chrome.follow("Web application").await;
    chrome.fill("Name", "Photo Album").await;
    chrome
        .fill("Redirect URIs, one per line", "https://photos.example.com/callback")
        .await;
    chrome.press("Register").await;
    chrome.see("Put the secret where it belongs now").await;
    chrome.inspect().await;
    let secret = chrome.value("Client secret").await;
    assert!(secret.len() >= 32, "{secret}");
    secret
}

/// Plays the part of the application; the access token that it ends up with.
async fn try_out(chrome: &Chrome, secret: &str) -> String {
    chrome.press("Try it in the playground").await;
    chrome.see("One thing is missing").await;
    chrome.inspect().await;
    chrome.press("Add the redirect URI").await;
    chrome.see("The redirect URI was added.").await;
    chrome.tick("offline_access").await;
    chrome.press("Make the request").await;
    chrome.see("code_challenge_method").await;
    chrome.inspect().await;
    chrome.press("Start: send the browser there").await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", PASSWORD).await;
    chrome.press("Sign in").await;
    chrome.see("Allow Photo Album").await;
    chrome.press("Allow").await;
    chrome.see("The answer").await;
    assert_eq!(chrome.text().await.matches("As it should be").count(), 2, "state and iss");
    chrome.inspect().await;
    chrome.fill("Client secret", "wrong").await;
    chrome.press("Redeem the code").await;
    chrome.see("invalid_client").await;
    chrome.back().await;
    chrome.fill("Client secret", secret).await;
    chrome.press("Redeem the code").await;
    chrome.see("Verified with a key of this server").await;
    chrome.see("As in the request").await;
    chrome.see("\"client_id\"").await;
    assert!(!chrome.text().await.contains(secret), "it is masked");
    chrome.inspect().await;
    chrome.press("Ask userinfo").await;
    chrome.see("\"name\": \"Alice Adams\"").await;
    chrome.press("Introspect the access token").await;
    chrome.see("\"active\": true").await;
    let before = shown_token(chrome).await;
    chrome.press("Refresh").await;
    chrome.see("grant_type=refresh_token").await;
    chrome.see("Verified with a key of this server").await;
    chrome.inspect().await;
    let after = shown_token(chrome).await;
    assert_ne!(before, after);
    after
}

/// The access token of the page, which is folded.
async fn shown_token(chrome: &Chrome) -> String {
    let script = "const label = [...document.querySelectorAll('figcaption')].find((it) => it.textContent === 'Access token as it travels');
        return label.parentElement.querySelector('code').textContent;";
    let token = chrome.script(script).await;
    token.as_str().expect("a token").to_owned()
}

async fn userinfo(app: &TestApp, access_token: &str) -> u16 {
    send(http().get(app.url("/userinfo")).bearer_auth(access_token)).await.status
}
