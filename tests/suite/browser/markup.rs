//! Pages full of texts that want to be more than texts, in a real browser: nothing of them has become an element, an attribute that
//! runs or an address that does, and no script ran.

use super::administration::{admin_token, sign_in};
use super::server;
use crate::admin_pages::Desk;
use crate::admin_pages::every_page::Things;
use crate::security::markup::{EVIL, PAGES_OF_PEOPLE, fill};
use crate::support::Chrome;

/// What is on the page that should not be there.
const LOOK: &str = "const found = [...document.querySelectorAll('[data-xss], iframe, object, embed, base, svg script, script:not([src])')];
    for (const it of document.querySelectorAll('*'))
        for (const { name, value } of it.attributes)
            if (name.startsWith('on') || /^\\s*(javascript|data|vbscript):/i.test(value) && ['href', 'src', 'action', 'formaction'].includes(name)) found.push(it);
    return found.map((it) => it.outerHTML.slice(0, 200)).concat(window.ran ? ['a script ran'] : []);";

#[tokio::test(flavor = "multi_thread")]
async fn no_text_becomes_an_element_or_runs() {
    let desk = Desk::of(server().await).await;
    let things = Things::make(&desk).await;
    // The same, and it would say so.
    let evil = EVIL.replace("alert(1)", "window.ran=1") + "<img src=x onerror=window.ran=1><svg onload=window.ran=1>";
    for text in [EVIL, evil.as_str()] {
        assert!(fill(&desk, &things, text).await.len() > 5);
    }
    let chrome = Chrome::start().await;
    let token = admin_token(&desk.app).await;
    sign_in(&chrome, &desk.app, &token).await;
    let mut wrong = Vec::new();
    let mut pages: Vec<String> = things.pages();
    // The presets of providers differ in their own words only.
    pages.retain(|page| !page.contains("preset=") || page.contains("preset=oidc"));
    for page in &pages {
        chrome.open(&desk.app.url(page)).await;
        let found = chrome.script(LOOK).await;
        if found.as_array().is_none_or(|found| !found.is_empty()) {
            wrong.push(format!("{page}: {found}"));
        }
    }
    chrome.press("Sign out").await;
    chrome.open(&desk.app.url("/login")).await;
    chrome.fill("Username", "mallory").await;
    chrome.fill("Password", "mallory").await;
    chrome.press("Sign in").await;
    let client = "/authorize?response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let of_client = ["&prompt=consent", "&prompt=select_account", "&prompt=login"];
    let of_people = PAGES_OF_PEOPLE.iter().map(|path| (*path).to_owned());
    for page in of_people.chain(of_client.map(|more| format!("{client}&client_id={}{more}", things.client))) {
        chrome.open(&desk.app.url(&page)).await;
        let found = chrome.script(LOOK).await;
        if found.as_array().is_none_or(|found| !found.is_empty()) {
            wrong.push(format!("{page}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(pages.len() > 60, "{}", pages.len());
    // The look finds what it looks for.
    chrome
        .script("document.body.insertAdjacentHTML('beforeend', '<i data-xss></i><a href=\"javascript:1\" onclick=\"1\">x</a>');")
        .await;
    assert_eq!(chrome.script(LOOK).await.as_array().map(Vec::len), Some(3));
}
