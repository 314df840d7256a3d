//! A new signing key, asked for by somebody who signed in a while ago.

use gatehouse::protocol::client_authentication::AuthMethod;

use super::{admin_token, sign_in};
use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::{jose_header, send};
use crate::support::{Chrome, Database, TestApp};

/// How long a new key is published before it signs, and a little more, in seconds.
const PUBLISHED: u64 = 16 * 60;

#[tokio::test(flavor = "multi_thread")]
async fn the_new_key_signs_soon_and_the_old_one_still_verifies() {
    let options = Options {
        settings: vec![("access_token_lifetime", "2h".to_owned())],
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    app.user("alice").await;
    let client = app.client(AuthMethod::None, |_| {}).await;
    let token = admin_token(&app).await;
    let chrome = Chrome::start().await;
    let old = client.tokens("alice", &[]).await.text("access_token").to_owned();
    let published = kids(&app).await;
    sign_in(&chrome, &app, &token).await;
    app.advance(901);

    chrome.press("Signing keys").await;
    chrome.press("Rotate").await;
    chrome.see("First prove that it is you").await;
    chrome.inspect().await;
    chrome.press("Continue").await;
    chrome.fill("Admin token", "guess").await;
    chrome.press("Continue").await;
    chrome.see("This is not the admin token.").await;
    chrome.inspect().await;
    chrome.fill("Admin token", &token).await;
    chrome.press("Continue").await;
    chrome.see("Thank you. Now do it once more.").await;
    chrome.inspect().await;
    chrome.press("Rotate").await;
    chrome.see("Rotated: the new key is published now").await;
    chrome.see("Published, signs soon").await;
    chrome.inspect().await;

    let now = kids(&app).await;
    let new: Vec<&String> = now.iter().filter(|kid| !published.contains(kid)).collect();
    assert_eq!((new.len(), now.len()), (1, published.len() + 1), "{now:?}");
    assert_eq!(kid(client.tokens("alice", &[]).await.text("access_token")), kid(&old), "not yet");
    app.advance(PUBLISHED);
    let fresh = client.tokens("alice", &[]).await;
    assert_eq!(kid(fresh.text("access_token")), *new[0]);
    assert_eq!(client.userinfo(fresh.text("access_token")).await.status, 200);
    assert_eq!(client.userinfo(&old).await.status, 200, "the old key verifies");
    assert!(kids(&app).await.contains(&kid(&old)));
    chrome.open(&app.url("/admin/signing-keys")).await;
    chrome.see("Verifies only").await;
    chrome.inspect().await;

    // Somebody has a copy of it: everything that it signed is worth nothing.
    chrome.open(&app.url(&format!("/admin/signing-keys/{}/retire", kid(&old)))).await;
    chrome.press("Continue").await;
    chrome.fill("Admin token", &token).await;
    chrome.press("Continue").await;
    chrome.see("Retire this key?").await;
    chrome.tick("Somebody has a copy of it").await;
    chrome.inspect().await;
    chrome.press("Retire the key").await;
    chrome.see("Retired: ").await;
    assert!(!kids(&app).await.contains(&kid(&old)));
    assert_eq!(client.userinfo(&old).await.status, 401);
    assert_eq!(client.userinfo(fresh.text("access_token")).await.status, 200);
}

async fn kids(app: &TestApp) -> Vec<String> {
    let jwks = send(http().get(app.url("/jwks"))).await;
    let keys = jwks.body["keys"].as_array().expect("keys");
    keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

fn kid(token: &str) -> String {
    jose_header(token)["kid"].as_str().expect("a kid").to_owned()
}
