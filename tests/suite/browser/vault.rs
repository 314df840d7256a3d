//! The pages on which people decide what agents may have at other providers.

use serde_json::json;

use super::server_with;
use crate::cli::person::PASSWORD;
use crate::examples::people::Places;
use crate::support::Chrome;
use crate::support::process::Sandbox;
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

/// The person of the agent that says hello, with a browser that knows them at both places.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_says_hello() {
    let places = Places::open(Sandbox::new(), "hello_agent").await;
    let chrome = Chrome::start().await;
    let mut agent = places.agent(&[]);
    chrome.open(agent.await_line("/authorize?").trim()).await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", PASSWORD).await;
    chrome.press("Sign in").await;
    chrome.press("Allow").await;
    chrome.see("Go back to the terminal").await;
    chrome.open(agent.await_line("/connect/").trim()).await;
    chrome.see("use your account at The Other Place?").await;
    chrome.see("Hello agent").await;
    chrome.press("Go on to The Other Place").await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", PASSWORD).await;
    chrome.press("Sign in").await;
    chrome.press("Allow").await;
    // On to the agent's own page.
    chrome.see("Go back to the terminal").await;
    agent.await_line("Hello, Alice There!");
    assert_eq!(agent.await_exit().code(), Some(0));
    assert!(places.workloads().await.is_empty());
}
