//! The pages on which people decide what agents may have at other providers.

use serde_json::json;

use super::server_with;
use crate::support::Chrome;
use crate::vault::flow::{question, world};

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_vault() {
    let world = world(server_with(vec![]).await).await;
    let chrome = Chrome::start().await;
    let asked = world.ask(&world.alice, json!({ "scope": "openid profile email" })).await;
    let (link, _) = question(&asked);
    chrome.open(&link).await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.see("use your account at The Other Place?").await;
    chrome.inspect().await;
    chrome.press("Cancel").await;
    chrome.see("Not connected").await;
    chrome.inspect().await;
    chrome.open(&link).await;
    chrome.see("This has expired").await;
    chrome.inspect().await;
    // A link that is somebody else's.
    let (link, _) = question(&world.ask(&world.bob, json!({})).await);
    chrome.open(&link).await;
    chrome.see("Somebody else started this").await;
    chrome.inspect().await;
}
