//! Every page is accessible in light and dark colours, fits on a phone, and leaves the console quiet.

use gatehouse::identity::admin_token;

use super::{administration, encoded, local_client, photo_album, registers_itself, server, server_with};
use crate::security::markup::EVIL;
use crate::support::Chrome;
use crate::support::application::Application;
use crate::support::elsewhere::{Elsewhere, Served};

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_page() {
    let app = server().await;
    app.user("alice").await;
    let client = photo_album(&app).await;
    let chrome = Chrome::start().await;
    chrome.open(&app.url("/login")).await;
    chrome.see("Sign in").await;
    chrome.inspect().await;
    chrome.open(&client.authorize_url(&[])).await;
    chrome.see("to continue to Photo Album").await;
    chrome.inspect().await;

    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "wrong").await;
    chrome.press("Sign in").await;
    chrome.see("The username or the password is wrong.").await;
    chrome.inspect().await;

    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.see("to use your account?").await;
    chrome.open(&client.authorize_url(&[("prompt", "login")])).await;
    chrome.see("Please enter your password again.").await;
    chrome.inspect().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_page() {
    let (app, application) = (server().await, Application::start().await);
    app.user("alice").await;
    let chrome = Chrome::start().await;
    sign_in(&chrome, &app.url("/login")).await;
    let wide = [("scope", "openid profile email offline_access read write")];
    chrome.open(&photo_album(&app).await.authorize_url(&wide)).await;
    chrome.see("Allow Photo Album to use your account?").await;
    chrome.press("profile shares 14 details").await;
    chrome.see("zoneinfo").await;
    chrome.inspect().await;

    // Long words have to break somewhere.
    let long = app
        .client(gatehouse::protocol::client_authentication::AuthMethod::None, |new| {
            new.name = "Photographiealbumverwaltungsgesellschaft".repeat(3);
            new.redirect_uris = vec![format!("https://{}.example.com/callback", "long".repeat(15))];
        })
        .await;
    chrome.open(&long.authorize_url(&[])).await;
    chrome.see("to use your account?").await;
    chrome.inspect().await;

    let local = local_client(&app, &application).await;
    chrome.open(&local.authorize_url(&[("scope", "read")])).await;
    chrome.see("a program on this very device").await;
    chrome.inspect().await;
    chrome.press("Allow").await;
    chrome.see("Back at the application").await;
    chrome.open(&local.authorize_url(&[("scope", "read write")])).await;
    chrome.see("New").await;
    chrome.inspect().await;
}

/// A client that no operator has looked at: the page says so, and who vouches for it.
#[tokio::test(flavor = "multi_thread")]
async fn consent_page_of_a_client_with_a_document() {
    let (app, elsewhere, application) = (server().await, Elsewhere::start().await, Application::start().await);
    app.user("alice").await;
    let mut client = photo_album(&app).await;
    let chrome = Chrome::start().await;
    sign_in(&chrome, &app.url("/login")).await;
    let far = "https://photos.example.com/callback".to_owned();
    for (path, redirect_uri) in [("/far.json", far), ("/near.json", application.redirect_uri())] {
        client.client.id = elsewhere.url(path);
        let document = serde_json::json!({
            "client_id": client.id(),
            "client_name": "Pocket Assistant",
            "redirect_uris": [redirect_uri],
            "client_uri": "https://photos.example.com/",
            "logo_uri": "https://photos.example.com/logo.png",
        });
        elsewhere.serve(path, Served::json(&document));
        client.redirect_uri = redirect_uri;
        chrome.open(&client.authorize_url(&[])).await;
        chrome.see("Allow Pocket Assistant to use your account?").await;
        chrome.see("Not verified.").await;
        chrome.inspect().await;
        if path == "/far.json" {
            chrome.open(&client.authorize_url(&[("scope", "unheard-of")])).await;
            chrome.see("Never enter the password of your account there.").await;
            chrome.inspect().await;
        }
    }
    chrome.see("Any program on this device could pretend to be this app.").await;
    chrome.press("Allow").await;
    chrome.see("Back at the application").await;
}

/// A client whose every word is hostile and whom nobody has looked at: its pages are laid out as those of others, and no picture
/// of it is there.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_client_that_registered_itself() {
    let app = server().await;
    app.user("alice").await;
    let client = registers_itself(&app, EVIL).await;
    client.tokens("alice", &[("scope", "openid")]).await;
    let (chrome, id) = (Chrome::start().await, encoded(&client));
    let token = administration::admin_token(&app).await;
    administration::sign_in(&chrome, &app, &token).await;
    chrome.open(&app.url("/admin/clients")).await;
    chrome.see("Registered itself").await;
    chrome.see(EVIL).await;
    chrome.inspect().await;
    for page in ["", "/connect", "/access", "/playground", "/delete"] {
        chrome.open(&app.url(&format!("/admin/clients/{id}{page}"))).await;
        chrome.see(EVIL).await;
        assert_no_pictures_of_strangers(&chrome).await;
        chrome.inspect().await;
    }
    chrome.press("Sign out").await;
    chrome.see("You are signed out.").await;

    chrome.open(&client.authorize_url(&[("prompt", "consent")])).await;
    chrome.see(&format!("to continue to {EVIL}")).await;
    assert_no_pictures_of_strangers(&chrome).await;
    chrome.inspect().await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.see(&format!("Allow {EVIL} to use your account?")).await;
    chrome.see("Not verified. This app registered itself").await;
    assert_no_pictures_of_strangers(&chrome).await;
    chrome.inspect().await;
    for (page, words) in [
        ("/account/applications".to_owned(), EVIL.to_owned()),
        (format!("/account/applications/remove?client={id}"), format!("Remove {EVIL}?")),
        ("/account/activity".to_owned(), EVIL.to_owned()),
    ] {
        chrome.open(&app.url(&page)).await;
        chrome.see(&words).await;
        assert_no_pictures_of_strangers(&chrome).await;
        chrome.inspect().await;
    }
}

async fn assert_no_pictures_of_strangers(chrome: &Chrome) {
    let pictures = chrome
        .script("return [...document.images].map((it) => it.src).filter((it) => it.includes('evil.example'));")
        .await;
    assert_eq!(pictures, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn account_pages() {
    let app = server().await;
    app.user("alice").await;
    let client = photo_album(&app).await;
    let chrome = Chrome::start().await;
    sign_in(&chrome, &app.url("/login")).await;
    chrome.inspect().await;
    chrome.open(&client.authorize_url(&[("prompt", "select_account")])).await;
    chrome.see("Choose an account").await;
    chrome.inspect().await;
    chrome.open(&app.url("/logout")).await;
    chrome.see("Sign out?").await;
    chrome.inspect().await;
    chrome.press("Sign out").await;
    chrome.see("You are signed out").await;
    chrome.inspect().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn error_pages() {
    let app = server().await;
    let client = photo_album(&app).await;
    let chrome = Chrome::start().await;
    for url in [
        client.authorize_url(&[("redirect_uri", "https://elsewhere.example/")]),
        app.url("/consent"),
        app.url("/nowhere"),
    ] {
        chrome.open(&url).await;
        chrome.inspect().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_and_front_page() {
    let app = server_with(vec![("enable_dev_endpoints", "true".to_owned())]).await;
    let chrome = Chrome::start().await;
    chrome.open(&app.url("/")).await;
    chrome.see("This server is waiting to be set up.").await;
    chrome.see("Developer endpoints are enabled.").await;
    chrome.inspect().await;
    chrome.open(&app.url("/setup")).await;
    chrome.inspect().await;
    chrome.fill("Set-up code", "guess").await;
    chrome.press("Create the admin token").await;
    chrome.see("This is not the code").await;
    chrome.inspect().await;
    let link = format!("/setup?code={}", admin_token::setup_code(&app.app));
    chrome.open(&app.url(&link)).await;
    chrome.press("Create the admin token").await;
    chrome.see("Your admin token").await;
    chrome.inspect().await;
    chrome.open(&app.url("/setup")).await;
    chrome.inspect().await;
    chrome.open(&app.url("/")).await;
    chrome.inspect().await;
}

async fn sign_in(chrome: &Chrome, url: &str) {
    chrome.open(url).await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.see("Signed in as alice").await;
}
