//! Pages full of texts that want to be more than texts, in a real browser: nothing of them has become an element, an attribute that
//! runs or an address that does, and no script ran.

use super::administration::{admin_token, sign_in};
use super::{describes_itself, encoded, registers_itself, server};
use crate::admin_pages::Desk;
use crate::admin_pages::every_page::Things;
use crate::security::markup::{EVIL, EVIL_ADDRESS, PAGES_OF_PEOPLE, fill};
use crate::support::Chrome;
use crate::support::client::TestClient;
use crate::support::elsewhere::Elsewhere;

/// What is on the page that should not be there.
const LOOK: &str = "const found = [...document.querySelectorAll('[data-xss], iframe, object, embed, base, svg script, script:not([src])')];
    for (const it of document.querySelectorAll('*'))
        for (const { name, value } of it.attributes)
            if (name.startsWith('on') || /^\\s*(javascript|data|vbscript):/i.test(value) && ['href', 'src', 'action', 'formaction'].includes(name)) found.push(it);
    return found.map((it) => it.outerHTML.slice(0, 200)).concat(window.ran ? ['a script ran'] : []);";

/// The same as [`EVIL`], and it would say so.
fn evil() -> String {
    EVIL.replace("alert(1)", "window.ran=1") + "<img src=x onerror=window.ran=1><svg onload=window.ran=1>"
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_becomes_an_element_or_runs() {
    let desk = Desk::of(server().await).await;
    let things = Things::make(&desk).await;
    for text in [EVIL, evil().as_str()] {
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

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_client_that_registered_itself_becomes_an_element_or_runs() {
    let desk = Desk::of(server().await).await;
    let things = Things::make(&desk).await;
    let client = registers_itself(&desk.app, &evil()).await;
    look_at_a_stranger(&desk, things, &client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_client_that_is_described_by_a_document_becomes_an_element_or_runs() {
    let desk = Desk::of(server().await).await;
    let things = Things::make(&desk).await;
    let elsewhere = Elsewhere::start().await;
    let client = describes_itself(&desk.app, &elsewhere, &evil()).await;
    look_at_a_stranger(&desk, things, &client).await;
}

/// Every page on which a client that nobody has looked at is shown to administrators and to Mallory, who uses it.
async fn look_at_a_stranger(desk: &Desk, mut things: Things, client: &TestClient) {
    let app = &desk.app;
    client.tokens("mallory", &[("scope", "openid")]).await;
    let id = encoded(client);
    things.client.clone_from(&id);
    let mut of_desk = things.pages();
    of_desk.retain(|page| page.contains(&id));
    let lists = [
        "clients",
        "clients?origin=registration",
        "clients?origin=document",
        "consents",
        "grants",
        "sessions",
        "events",
    ];
    of_desk.extend(lists.map(|list| format!("/admin/{list}")));
    of_desk.push(format!("/admin/events?client_id={id}"));
    of_desk.push(format!("/admin/users/{}/access", things.user));
    let authorize = [
        &[("prompt", "consent")][..],
        &[("prompt", "select_account")],
        &[("prompt", "login")],
        &[("scope", EVIL)],
        &[("redirect_uri", "https://evil.example/")],
        &[("redirect_uri", EVIL_ADDRESS), ("state", EVIL), ("prompt", "consent")],
    ];
    let mut of_people: Vec<String> = authorize.iter().map(|changes| client.authorize_url(changes)).collect();
    of_people.extend(PAGES_OF_PEOPLE.map(|path| app.url(path)));
    of_people.push(app.url(&format!("/account/applications/remove?client={id}")));
    of_people.push(app.url(&format!("/logout?client_id={id}")));

    let chrome = Chrome::start().await;
    let (mut wrong, mut naming) = (Vec::new(), Vec::new());
    sign_in(&chrome, app, &admin_token(app).await).await;
    for page in of_desk.iter().map(|path| app.url(path)) {
        look(&chrome, &page, &mut wrong, &mut naming).await;
    }
    let of_desk = naming.len();
    chrome.press("Sign out").await;
    chrome.open(&app.url("/login")).await;
    chrome.fill("Username", "mallory").await;
    chrome.fill("Password", "mallory").await;
    chrome.press("Sign in").await;
    chrome.see("Signed in as").await;
    for page in &of_people {
        look(&chrome, page, &mut wrong, &mut naming).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Or it would be looked for where it is not.
    assert!(of_desk > 5 && naming.len() - of_desk > 5, "{naming:#?}");
    for page in ["/account/applications", "/admin/clients"].map(|path| app.url(path)) {
        assert!(naming.contains(&page), "{page}: {naming:#?}");
    }
    assert!(naming.contains(&of_people[0]), "the consent page: {naming:#?}");
}

/// Opens a page: notes what is wrong with it, and whether the client's words are on it.
async fn look(chrome: &Chrome, page: &str, wrong: &mut Vec<String>, naming: &mut Vec<String>) {
    chrome.open(page).await;
    let found = chrome.script(LOOK).await;
    if found.as_array().is_none_or(|found| !found.is_empty()) {
        wrong.push(format!("{page}: {found}"));
    }
    // No picture of it either.
    let pictures = chrome.script("return [...document.images].map((it) => it.src);").await;
    if pictures.to_string().contains("evil.example") {
        wrong.push(format!("{page}: {pictures}"));
    }
    if chrome.text().await.contains("window.ran=1") {
        naming.push(page.to_owned());
    }
}
