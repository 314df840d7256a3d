//! The checks themselves: each finds the fault that it is there for.

use crate::support::Chrome;
use crate::support::chrome::Size;

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "color-contrast")]
async fn grey_on_grey_is_not_accessible() {
    let chrome = shown("<h1>Title</h1><p style='color:#999;background:#aaa'>hard to read</p>").await;
    chrome.accessible().await;
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "(dark: true")]
async fn what_is_only_wrong_in_the_dark_is_found() {
    let style = "<style>p{color:#000;background:#fff}@media(prefers-color-scheme:dark){p{color:#333;background:#222}}</style>";
    let chrome = shown(&format!("{style}<h1>Title</h1><p>hard to read</p>")).await;
    chrome.accessible().await;
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "scrolls sideways")]
async fn a_wide_page_does_not_fit() {
    let chrome = shown("<h1>Title</h1><div style='width:400px'>wide</div>").await;
    chrome.fits().await;
    chrome.size(Size::Phone).await;
    chrome.fits().await;
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "it failed")]
async fn a_script_that_fails_is_on_the_console() {
    let chrome = shown("<h1>Title</h1><script>throw new Error('it failed')</script>").await;
    chrome.no_console_errors().await;
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "Content Security Policy")]
async fn what_the_policy_blocks_is_on_the_console() {
    let policy = "<meta http-equiv=Content-Security-Policy content=\"img-src 'none'\">";
    let chrome = shown(&format!("{policy}<h1>Title</h1><img alt='' src='http://127.0.0.1:9/'>")).await;
    chrome.no_console_errors().await;
}

async fn shown(body: &str) -> Chrome {
    let chrome = Chrome::start().await;
    let page = format!(
        "<!doctype html><html lang=en><meta name=viewport content='width=device-width'><title>Faulty</title><main>{body}</main></html>"
    );
    let encoded: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
    chrome.open(&format!("data:text/html,{}", encoded.replace('+', "%20"))).await;
    chrome
}
