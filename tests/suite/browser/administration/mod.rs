//! The administration at `/admin`, in a real browser: `story` is a long way through it, `signing_keys` changes what
//! tokens are signed with, `every_page` looks at all of them, `ways` uses them by keyboard and without scripts.

mod every_page;
mod signing_keys;
mod story;
mod ways;

use gatehouse::identity::admin_token;
use secrecy::ExposeSecret;

use crate::support::{Chrome, TestApp};

/// An admin token.
pub async fn admin_token(app: &TestApp) -> String {
    let token = admin_token::reset(&app.app).await.expect("a token");
    token.expose_secret().to_owned()
}

/// Signs in with the admin token.
pub async fn sign_in(chrome: &Chrome, app: &TestApp, token: &str) {
    chrome.open(&app.url("/admin")).await;
    chrome.fill("Admin token", token).await;
    chrome.press("Sign in").await;
    chrome.see("Dashboard").await;
}
