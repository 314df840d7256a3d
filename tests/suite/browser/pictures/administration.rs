//! Pictures of the administration and of a person's own account.

use super::office::{ISSUER, office};
use crate::support::chrome::Size;
use crate::support::{Chrome, TestApp};

/// As high as a window on a laptop.
const WINDOW: u32 = 860;

#[tokio::test(flavor = "multi_thread")]
async fn administration_and_account() {
    let (app, chrome) = (office().await, Chrome::start().await);
    chrome.open(&app.url("/login")).await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.see("Signed in as").await;
    for (path, name, height) in [
        ("/admin", "admin-dashboard", 1000),
        ("/admin/clients", "admin-clients", WINDOW),
        ("/admin/clients/wiki/connect", "admin-connect", 1000),
        ("/admin/users", "admin-users", WINDOW),
        ("/admin/grants", "admin-grants", WINDOW),
        ("/admin/events", "admin-audit-log", WINDOW),
        ("/admin/providers", "admin-providers", 600),
        ("/admin/workloads/calendar-agent", "admin-workload", 1000),
        ("/admin/settings", "admin-settings", WINDOW),
        ("/admin/signing-keys", "admin-signing-keys", WINDOW),
        ("/account/sessions", "account-sessions", WINDOW),
        ("/account/applications", "account-applications", WINDOW),
    ] {
        chrome.size(Size::Window(height)).await;
        chrome.open(&app.url(path)).await;
        take(&chrome, name, height).await;
    }
    playground(&chrome, &app).await;
    chrome.size(Size::Phone).await;
    chrome.open(&app.url("/admin")).await;
    take(&chrome, "admin-dashboard-phone", 900).await;
}

async fn playground(chrome: &Chrome, app: &TestApp) {
    chrome.open(&app.url("/admin/clients/board/playground")).await;
    chrome.press("Add the redirect URI").await;
    chrome.see("The redirect URI was added.").await;
    chrome.press("Make the request").await;
    chrome.see("code_challenge_method").await;
    let start = chrome
        .script("return document.querySelector('a[href*=\"/authorize?\"]').href;")
        .await;
    let start = start.as_str().expect("the way to start");
    chrome.open(&start.replace(ISSUER, &app.base)).await;
    chrome.press("Allow").await;
    let answer = chrome.leads_to(&format!("{ISSUER}/admin/playground/callback")).await;
    chrome.open(&answer.replace(ISSUER, &app.base)).await;
    chrome.press("Redeem the code").await;
    chrome.see("Verified with a key of this server").await;
    chrome.press("Ask userinfo").await;
    chrome.see("alice@example.com").await;
    chrome.size(Size::Window(1300)).await;
    take(chrome, "admin-playground", 1300).await;
}

async fn take(chrome: &Chrome, name: &str, height: u32) {
    // A cursor blinks.
    chrome.script("document.activeElement.blur();").await;
    chrome.screenshot_of(name, height.into()).await;
}
