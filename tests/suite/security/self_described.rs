//! What clients say of themselves, when they register (RFC 7591) or in their documents, are the words of strangers: whatever they
//! put into it stays text on every page that shows it, for people and for administrators (stored XSS).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::markup::{EVIL, EVIL_ADDRESS, PAGES_OF_PEOPLE, ROUNDS, assert_harmless, mallory};
use crate::admin_pages::Desk;
use crate::admin_pages::every_page::Things;
use crate::flows::registration::{client_of, register, registered};
use crate::support::client::{Answer, TestClient};
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Browser, Database, Page, TestApp};

/// Where the client lives that says all of this.
const CALLBACK: &str = "https://app.example/callback";
/// What can be said with a text.
const TEXTS: [&str; 18] = [
    "client_name",
    "client_name#ja",
    "client_uri",
    "logo_uri",
    "tos_uri",
    "policy_uri",
    "jwks_uri",
    "software_id",
    "software_version",
    "software_statement",
    "scope",
    "token_endpoint_auth_method",
    "id_token_signed_response_alg",
    "subject_type",
    "application_type",
    "client_id",
    "client_secret",
    "client_secret_expires_at",
];
/// What can be said with a list of texts.
const LISTS: [&str; 5] = [
    "redirect_uris",
    "contacts",
    "grant_types",
    "response_types",
    "post_logout_redirect_uris",
];
/// What every client shows that may say it, in a document as well.
const SHOWN: [&str; 6] = ["client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri", "redirect_uris"];

/// What a client cannot do without.
fn bare() -> Value {
    json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"] })
}

/// Each field with this text in it. What is needed to come back stays in the list.
fn fields(text: &str) -> Vec<(&'static str, Value)> {
    let texts = TEXTS.map(|name| (name, json!(text)));
    let lists = LISTS.map(|name| {
        (
            name,
            if name == "redirect_uris" {
                json!([CALLBACK, text])
            } else {
                json!([text])
            },
        )
    });
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": text }] });
    texts.into_iter().chain(lists).chain([("jwks", keys)]).collect()
}

/// An answer that no browser takes for a page.
fn assert_no_page(answer: &Answer, what: &str) {
    assert!(answer.status < 500, "{what}: {}", answer.body);
    assert!(
        answer.status == 204 || answer.header("content-type").starts_with("application/json"),
        "{what}: {}",
        answer.header("content-type")
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
}

/// Opens everything that shows the client to somebody; how many pages.
async fn look_everywhere(desk: &Desk, things: &Things, client: &TestClient, mallory: &Browser) -> usize {
    let mut seen = Vec::new();
    // Before there is a grant, with it, and what is said about faults.
    for (browser, changes) in [
        (&Browser::new(), &[][..]),
        (mallory, &[]),
        (mallory, &[("prompt", "select_account")]),
        (mallory, &[("prompt", "login")]),
        (mallory, &[("prompt", "none")]),
        (mallory, &[("prompt", "none"), ("response_mode", "form_post")]),
        (mallory, &[("scope", EVIL)]),
        (mallory, &[("state", EVIL), ("redirect_uri", EVIL_ADDRESS)]),
        (mallory, &[("redirect_uri", "https://evil.example/")]),
    ] {
        seen.push(browser.visit(&client.authorize_url(changes)).await);
    }
    let tokens = client.tokens("mallory", &[("scope", "openid")]).await;
    let page = mallory.visit(&client.authorize_url(&[("prompt", "consent")])).await;
    assert!(page.body.contains("name=\"decision\""), "{}", page.body);
    seen.push(page);
    for path in PAGES_OF_PEOPLE {
        seen.push(mallory.visit(&desk.app.url(path)).await);
    }
    let encoded = percent_encoding::utf8_percent_encode(client.id(), percent_encoding::NON_ALPHANUMERIC).to_string();
    let hint = tokens.text("id_token");
    for path in [
        format!("/account/applications/remove?client={encoded}"),
        format!("/logout?client_id={encoded}&post_logout_redirect_uri={CALLBACK}"),
        format!("/logout?id_token_hint={hint}"),
    ] {
        seen.push(mallory.visit(&desk.app.url(&path)).await);
    }
    let of_people = seen.len();
    for path in things.pages() {
        seen.push(desk.browser.visit(&desk.app.url(&path)).await);
    }
    // What the lists lead to: the grant, the session, the events.
    for list in ["grants", "sessions", "events", "clients", "consents"] {
        let page = desk.browser.visit(&desk.app.url(&format!("/admin/{list}"))).await;
        for link in page.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            if link.starts_with(&format!("/admin/{list}/")) && !link.contains("/new") {
                seen.push(desk.browser.visit(&desk.app.url(&crate::support::browser::unescape(link))).await);
            }
        }
    }
    let words = |page: &Page| page.body.contains("data-xss") || page.body.contains("evil.example");
    for page in &seen {
        assert_harmless(page);
    }
    // Or it would be looked for where it is not.
    assert!(seen[..of_people].iter().filter(|page| words(page)).count() > 5);
    assert!(seen[of_people..].iter().filter(|page| words(page)).count() > 10);
    seen.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_registers_markup() {
    let app = TestApp::start(Database::Sqlite).await;
    let mut worst = BTreeMap::new();
    for text in ROUNDS {
        for (name, value) in fields(text) {
            // As many as one address may is soon reached.
            app.advance(60);
            let mut body = bare();
            body[name] = value.clone();
            let answer = register(&app, &body).await;
            assert!(matches!(answer.status, 201 | 400), "{body}: {} {}", answer.status, answer.body);
            assert_no_page(&answer, name);
            if answer.status == 201 && answer.body[name] == value {
                worst.insert(name, value);
            }
        }
    }
    for name in SHOWN.into_iter().chain(["contacts", "software_id", "software_version"]) {
        assert!(worst.contains_key(name), "{name} takes nothing: {worst:?}");
    }
    for name in ["client_name", "contacts", "software_id", "software_version"] {
        assert!(worst[name].to_string().contains("data-xss"), "{name}: {}", worst[name]);
    }
    // One or the other.
    worst.remove("jwks_uri");
    let mut body = bare();
    body.as_object_mut()
        .unwrap()
        .extend(worst.into_iter().map(|(name, value)| (name.to_owned(), value)));
    app.advance(600);
    let desk = Desk::of(app).await;
    let answer = registered(&desk.app, &body).await;
    let mut client = client_of(&desk.app, &answer).await;
    CALLBACK.clone_into(&mut client.redirect_uri);
    let things = Things::make(&desk).await;
    look_as_mallory(&desk, things, &client, "This application registered itself").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_document_brings_markup() {
    let app = TestApp::start(Database::Sqlite).await;
    let elsewhere = Elsewhere::start().await;
    let any = app.public_client().await;
    let mut worst = BTreeMap::new();
    let mut number = 0;
    for text in ROUNDS {
        for (name, value) in fields(text) {
            // Nobody is sent to documents again and again that cannot be read.
            app.advance(90);
            number += 1;
            let path = format!("/{number}.json");
            let mut document = bare();
            document["client_id"] = json!(elsewhere.url(&path));
            document[name] = value.clone();
            elsewhere.serve(&path, Served::json(&document));
            let page = Browser::new().visit(&described(&any, &elsewhere, &path).authorize_url(&[])).await;
            assert_harmless(&page);
            assert_eq!(elsewhere.hits(&path), 1, "{name} {text}: {}", page.body);
            if page.body.contains("name=\"password\"") {
                worst.insert(name, value);
            }
        }
    }
    for name in SHOWN {
        assert!(worst.contains_key(name), "{name} takes nothing: {worst:?}");
    }
    assert!(worst["client_name"].to_string().contains("data-xss"));
    // An address may have quotation marks and an end of an attribute, too.
    let path = "/'onmouseover='alert(1)'%22%3E%3Ci%20data-xss%3E.json";
    let mut document = bare();
    let known = worst.into_iter().filter(|(name, _)| SHOWN.contains(name));
    document
        .as_object_mut()
        .unwrap()
        .extend(known.map(|(name, value)| (name.to_owned(), value)));
    document["client_id"] = json!(elsewhere.url(path));
    elsewhere.serve(path, Served::json(&document));
    app.advance(600);
    let desk = Desk::of(app).await;
    let client = described(&any, &elsewhere, path);
    let things = Things::make(&desk).await;
    look_as_mallory(&desk, things, &client, "This app is described by").await;
}

/// The client whose document is at this path; otherwise like `any`.
fn described(any: &TestClient, elsewhere: &Elsewhere, path: &str) -> TestClient {
    let mut client = any.clone();
    client.client.id = elsewhere.url(path);
    CALLBACK.clone_into(&mut client.redirect_uri);
    client
}

/// Mallory meets a client, whose consent page says this.
async fn look_as_mallory(desk: &Desk, mut things: Things, client: &TestClient, warning: &str) {
    let mallory = mallory(&desk.app).await;
    let page = mallory.visit(&client.authorize_url(&[])).await;
    assert!(page.body.contains(warning), "{}", page.body);
    // Then her consents are there when they are asked for.
    client.tokens("mallory", &[("scope", "openid")]).await;
    things.client = percent_encoding::utf8_percent_encode(client.id(), percent_encoding::NON_ALPHANUMERIC).to_string();
    let looked_at = look_everywhere(desk, &things, client, &mallory).await;
    assert!(looked_at > 90, "only {looked_at}");
}
