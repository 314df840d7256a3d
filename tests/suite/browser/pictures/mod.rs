//! The pictures of the documentation. `UPDATE_SCREENSHOTS=1 tests/run browser::pictures` takes them anew.
//! `office` is what they show: an office with people and applications.

mod administration;
mod examples;
mod office;

use super::{photo_album, server_with};
use crate::support::Chrome;
use crate::support::chrome::Size;

/// As wide as a large phone: so the README can show two beside each other.
const WIDTH: Size = Size::Width(450);

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_and_consent() {
    // The pages speak of the issuer; the browser comes to the server without the proxy that would be there.
    let app = server_with(vec![("issuer", "https://login.example.com".to_owned())]).await;
    app.user("alice").await;
    let client = photo_album(&app).await;
    let chrome = Chrome::start().await;
    chrome.size(WIDTH).await;
    chrome
        .open(&client.authorize_url(&[("scope", "openid profile email offline_access")]))
        .await;
    chrome.see("to continue to Photo Album").await;
    in_both_colours(&chrome, "sign-in").await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.see("to use your account?").await;
    in_both_colours(&chrome, "consent").await;
}

async fn in_both_colours(chrome: &Chrome, name: &str) {
    // A cursor blinks.
    chrome.script("document.activeElement.blur();").await;
    chrome.screenshot(name).await;
    chrome.dark(true).await;
    chrome.screenshot(&format!("{name}-dark")).await;
    chrome.dark(false).await;
}
