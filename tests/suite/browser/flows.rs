//! Ways through the pages from an application and back to it.

use super::{local_client, server};
use crate::support::application::Application;
use crate::support::client::TestClient;
use crate::support::{Chrome, TestApp};

/// A server that knows alice, a client of it whose application runs on this machine, and a browser.
async fn begin() -> (TestApp, Application, TestClient, Chrome) {
    let (app, application) = (server().await, Application::start().await);
    app.user("alice").await;
    let client = local_client(&app, &application).await;
    (app, application, client, Chrome::start().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_in_allows_and_comes_back_with_a_code() {
    let (_app, _application, client, chrome) = begin().await;
    chrome.open(&client.authorize_url(&[])).await;
    sign_in(&chrome).await;
    chrome.see("to use your account?").await;
    chrome.no_console_errors().await;
    chrome.press("Allow").await;
    come_back(&chrome, &client.redirect_uri, "code=").await;
    let code = parameter(&chrome.url().await, "code");
    assert_eq!(client.redeem(&code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn denies_and_comes_back_with_an_error() {
    let (_app, _application, client, chrome) = begin().await;
    chrome.open(&client.authorize_url(&[])).await;
    sign_in(&chrome).await;
    chrome.press("Deny").await;
    come_back(&chrome, &client.redirect_uri, "error=access_denied").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn needs_no_javascript() {
    let (app, _application, client, chrome) = begin().await;
    chrome.without_javascript().await;
    chrome
        .open("data:text/html,<p id=it>no script ran<script>it.textContent='a script ran'</script>")
        .await;
    chrome.see("no script ran").await;
    chrome.open(&client.authorize_url(&[("response_mode", "form_post")])).await;
    sign_in(&chrome).await;
    chrome.press("Allow").await;
    chrome.see("Almost there").await;
    chrome.press("Continue to Example App").await;
    chrome.see("POST /callback").await;
    chrome.see("code=").await;

    chrome.open(&app.url("/logout")).await;
    chrome.press("Sign out").await;
    chrome.see("You are signed out").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_post_sends_itself() {
    let (_app, _application, client, chrome) = begin().await;
    chrome.open(&client.authorize_url(&[("response_mode", "form_post")])).await;
    sign_in(&chrome).await;
    chrome.press("Allow").await;
    chrome.see("POST /callback").await;
    chrome.no_console_errors().await;
}

/// From the request to the code and out again, with nothing but the keys.
#[tokio::test(flavor = "multi_thread")]
async fn needs_no_mouse() {
    let (app, _application, client, chrome) = begin().await;
    chrome.open(&client.authorize_url(&[("prompt", "login consent")])).await;
    assert_eq!(chrome.focused().await, "Username", "one can begin to type");
    chrome.type_text("alice").await;
    chrome.keyboard("Tab").await;
    assert_eq!(chrome.focused().await, "Password");
    chrome.type_text("guess").await;
    chrome.keyboard("Enter").await;
    chrome.see("The username or the password is wrong.").await;
    assert_eq!(chrome.focused().await, "Password", "the name is there already");
    chrome.type_text("alice").await;
    chrome.keyboard("Enter").await;
    chrome.see("to use your account?").await;
    let order = chrome.tab_order().await;
    assert_eq!(order.last().map(String::as_str), Some("Gatehouse"), "{order:?}");
    chrome.reach("Allow").await;
    chrome.keyboard("Tab").await;
    assert_eq!(
        chrome.focused().await,
        "Deny",
        "what is dangerous to press by accident comes second"
    );
    chrome.keyboard("Shift+Tab").await;
    chrome.keyboard("Enter").await;
    come_back(&chrome, &client.redirect_uri, "code=").await;

    chrome.open(&client.authorize_url(&[("prompt", "select_account")])).await;
    chrome.see("Choose an account").await;
    chrome.reach("Continue").await;
    chrome.keyboard("Space").await;
    come_back(&chrome, &client.redirect_uri, "code=").await;

    chrome.open(&app.url("/logout")).await;
    chrome.reach("Sign out").await;
    chrome.keyboard("Enter").await;
    chrome.see("You are signed out").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_can_sign_in() {
    let (app, application) = (server().await, Application::start().await);
    app.user("alice").await;
    app.user("bob").await;
    let client = local_client(&app, &application).await;
    let chrome = Chrome::start().await;
    chrome.open(&app.url("/login")).await;
    sign_in(&chrome).await;
    chrome.see("Signed in as alice").await;
    chrome.open(&client.authorize_url(&[("prompt", "select_account")])).await;
    chrome.press("Use another account").await;
    chrome.fill("Username", "bob").await;
    chrome.fill("Password", "bob").await;
    chrome.press("Sign in").await;
    chrome.see("Signed in as bob").await;
}

async fn sign_in(chrome: &Chrome) {
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
}

async fn come_back(chrome: &Chrome, redirect_uri: &str, answer: &str) {
    chrome.see("Back at the application").await;
    let url = chrome.url().await;
    assert!(url.starts_with(redirect_uri) && url.contains(answer), "{url}");
}

fn parameter(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).expect("an address");
    let value = url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    value.unwrap_or_else(|| panic!("no {name} in {url}"))
}
