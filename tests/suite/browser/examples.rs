//! The pages of the examples in a real browser: every one is accessible, fits, and loads nothing that its policy
//! forbids. They have no scripts.

use crate::examples::{CAMERA_SECRETS, Stage};
use crate::support::Chrome;
use crate::support::process::Sandbox;

/// Signs somebody in who has never been here.
async fn sign_in(chrome: &Chrome, stage: &Stage, username: &str, password: &str) {
    chrome.open(&stage.url("/")).await;
    chrome.press("Sign in with Gatehouse").await;
    chrome.fill("Username", username).await;
    chrome.fill("Password", password).await;
    chrome.press("Sign in").await;
    chrome.press("Allow").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn todo() {
    let stage = Stage::todo(Sandbox::new());
    let chrome = Chrome::start().await;
    chrome.open(&stage.url("/")).await;
    chrome.see("One list. Yours.").await;
    chrome.inspect().await;
    sign_in(&chrome, &stage, "alice", "alice").await;
    chrome.see("Nothing to do.").await;
    chrome.inspect().await;

    for title in ["Water the plants", &"Donaudampfschifffahrtsgesellschaft".repeat(4)] {
        chrome.fill("What is to be done?", title).await;
        chrome.keyboard("Enter").await;
        chrome.see(title).await;
    }
    chrome.press("Done: Water the plants").await;
    chrome.see("1 of 2 done").await;
    chrome.inspect().await;
    let order = chrome.tab_order().await;
    let expected = [
        "Skip to the content",
        "To-do",
        "Alice Adams",
        "Sign out",
        "What is to be done?",
        "Add",
        "Not done after all: Water the plants",
        "Delete: Water the plants",
    ];
    assert_eq!(order[..expected.len()], expected);
    chrome.reach("Not done after all: Water the plants").await;
    chrome.keyboard("Space").await;
    chrome.see("0 of 2 done").await;
    chrome.fill("What is to be done?", " ").await;
    chrome.keyboard("Enter").await;
    chrome.see("Please say what is to be done.").await;
    chrome.inspect().await;

    chrome.press("Alice Adams").await;
    chrome.see("alice@example.com").await;
    chrome.inspect().await;
    chrome.press("Sign out").await;
    chrome.see("You are signed out").await;
    chrome.inspect().await;
    chrome.press("Sign out there, too").await;
    chrome.see("Sign out?").await;
    chrome.open(&stage.url("/callback")).await;
    chrome.see("This answer is not for you").await;
    chrome.inspect().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn camera() {
    let stage = Stage::camera(Sandbox::new());
    let chrome = Chrome::start().await;
    chrome.open(&stage.url("/")).await;
    chrome.see("Who is at the gate?").await;
    chrome.inspect().await;
    sign_in(&chrome, &stage, "otto", CAMERA_SECRETS[2].1).await;
    chrome.see("Ask for control").await;
    let width = chrome.script("return document.querySelector('.picture').naturalWidth;").await;
    assert_eq!(width, 1280, "the picture is shown");
    chrome.inspect().await;

    chrome.reach("Ask for control").await;
    chrome.keyboard("Enter").await;
    chrome.press("Allow").await;
    chrome.see("Turn and zoom").await;
    chrome.press("Zoom in").await;
    chrome.leads_to(&stage.url("/?moved=in")).await;
    chrome.inspect().await;
    chrome.reach("Right").await;
    chrome.keyboard("Enter").await;
    chrome.leads_to(&stage.url("/?moved=right")).await;
    chrome.press("Otto Operator").await;
    chrome.see("camera:control").await;
    chrome.inspect().await;
}
