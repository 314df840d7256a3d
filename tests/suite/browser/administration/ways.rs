//! The administration by keyboard, and without scripts.

use super::super::server;
use super::{admin_token, sign_in};
use crate::support::Chrome;
use crate::support::chrome::Size;

/// Defines a scope and deletes it, with nothing but the keys.
#[tokio::test(flavor = "multi_thread")]
async fn needs_no_mouse() {
    let app = server().await;
    let token = admin_token(&app).await;
    let chrome = Chrome::start().await;
    chrome.open(&app.url("/admin")).await;
    assert_eq!(chrome.focused().await, "Admin token", "one can begin to type");
    chrome.type_text(&token).await;
    chrome.keyboard("Enter").await;
    chrome.see("Dashboard").await;
    chrome.keyboard("Tab").await;
    assert_eq!(chrome.focused().await, "Skip to the content");
    chrome.keyboard("Enter").await;
    chrome.keyboard("Tab").await;
    assert_eq!(chrome.focused().await, "Register a client", "the menu is skipped");

    chrome.keyboard("Shift+Tab").await;
    chrome.open(&app.url("/admin")).await;
    chrome.reach("Scopes").await;
    chrome.keyboard("Enter").await;
    chrome.see("What an application may ask for.").await;
    chrome.reach("Define a scope").await;
    chrome.keyboard("Enter").await;
    chrome.see("What applications put into their request").await;
    chrome.reach("Name").await;
    chrome.type_text("calendar:read").await;
    chrome.keyboard("Tab").await;
    assert_eq!(chrome.focused().await, "Meaning");
    chrome.type_text("Read your calendar").await;
    chrome.reach("Given when a request names no scope").await;
    chrome.keyboard("Space").await;
    chrome.keyboard("Tab").await;
    assert_eq!(chrome.focused().await, "Define");
    chrome.keyboard("Enter").await;
    chrome.see("Created.").await;
    assert!(chrome.url().await.contains("/admin/scopes/calendar"), "{}", chrome.url().await);
    let order = chrome.tab_order().await;
    assert_eq!(order.last().map(String::as_str), Some("Delete …"), "{order:?}");

    chrome.reach("Delete …").await;
    chrome.keyboard("Enter").await;
    chrome.see("Delete this scope?").await;
    chrome.reach("Delete for good").await;
    chrome.keyboard("Space").await;
    chrome.see("Deleted.").await;
    chrome.no_console_errors().await;
}

/// Registers an application on a phone that runs no scripts, tries it, and deletes it.
#[tokio::test(flavor = "multi_thread")]
async fn needs_no_javascript() {
    let app = server().await;
    app.user("alice").await;
    let token = admin_token(&app).await;
    let chrome = Chrome::start().await;
    chrome.without_javascript().await;
    chrome.size(Size::Phone).await;
    sign_in(&chrome, &app, &token).await;
    chrome.press("Menu").await;
    chrome.press("Clients").await;
    chrome.press("Register a client").await;
    chrome.follow("Single-page application").await;
    chrome.fill("Name", "Board").await;
    chrome.fill("Redirect URIs, one per line", "ftp://board.example.com").await;
    chrome.press("Register").await;
    chrome.see("Error: ").await;
    chrome
        .fill("Redirect URIs, one per line", "https://board.example.com/callback")
        .await;
    chrome.press("Register").await;
    chrome.see("It is ready").await;
    chrome.press("Settings").await;
    chrome.fill("Name", "Whiteboard").await;
    chrome.press("Save").await;
    chrome.see("Saved.").await;
    chrome.press("Disable …").await;
    chrome.see("Disable this client?").await;
    chrome.press("Disable").await;
    chrome.see("Disabled: nothing works with it any more.").await;
    chrome.press("Delete …").await;
    chrome.see("Whiteboard stops working at once.").await;
    chrome.press("Delete for good").await;
    chrome.see("Deleted.").await;
    chrome.see("No application is registered yet.").await;
}
