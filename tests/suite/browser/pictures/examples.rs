//! The pictures of the examples.

use super::{WIDTH, in_both_colours};
use crate::examples::{CAMERA_SECRETS, Stage};
use crate::support::Chrome;
use crate::support::chrome::Size;
use crate::support::process::Sandbox;

#[tokio::test(flavor = "multi_thread")]
async fn todo() {
    let stage = Stage::todo(Sandbox::new());
    let chrome = Chrome::start().await;
    chrome.size(WIDTH).await;
    sign_in(&chrome, &stage, "alice", "alice").await;
    for title in ["Water the plants", "Call Bob about Saturday", "Renew the library card"] {
        chrome.fill("What is to be done?", title).await;
        chrome.press("Add").await;
        chrome.see(title).await;
    }
    chrome.press("Done: Water the plants").await;
    chrome.see("1 of 3 done").await;
    in_both_colours(&chrome, "example-todo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn camera() {
    let stage = Stage::camera(Sandbox::new());
    let chrome = Chrome::start().await;
    chrome.size(Size::Window(700)).await;
    sign_in(&chrome, &stage, "otto", CAMERA_SECRETS[2].1).await;
    chrome.see("Ask for control").await;
    in_both_colours(&chrome, "example-camera").await;
}

async fn sign_in(chrome: &Chrome, stage: &Stage, username: &str, password: &str) {
    chrome.open(&stage.url("/login")).await;
    chrome.fill("Username", username).await;
    chrome.fill("Password", password).await;
    chrome.press("Sign in").await;
    chrome.press("Allow").await;
}
