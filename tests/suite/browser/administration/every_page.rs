//! Every page of the administration with something in it: many rows, long names, names from right to left, and
//! names that want to be more than names.

use gatehouse::model::client::ClientKind;
use gatehouse::oauth::clients::{self, NewClient};
use gatehouse::protocol::client_authentication::AuthMethod;

use super::super::server;
use super::sign_in;
use crate::admin_pages::Desk;
use crate::admin_pages::every_page::Things;
use crate::support::{Chrome, TestApp};

const LONG: &str = "Photographiealbumverwaltungsgesellschaftmitbeschränkterhaftung";
const ARABIC: &str = "تطبيق ألبوم الصور";

/// More than a page of everything; the pages of a client and of a person whose names are long.
async fn crowd(app: &TestApp) -> Vec<String> {
    let names = [LONG, ARABIC, "写真アルバム", "🐌 Snail", "Álbum & Co. \"KG\"", "x"];
    for (n, name) in (0..60).zip(names.iter().cycle()) {
        let mut new = NewClient::of_kind(&format!("{name} {n}"), ClientKind::ALL[n % 5]);
        new.id = Some(format!("client-{n}"));
        if new.kind() != ClientKind::Service {
            new.redirect_uris = vec![format!("https://{}.example.com/callback", "long".repeat(15))];
        }
        clients::register(&app.app, new).await.expect("a client");
        app.user_with(&format!("person-{n}"), |new| {
            new.profile.insert("name".to_owned(), (*name).into());
            new.is_disabled = n % 7 == 0;
        })
        .await;
    }
    let client = app
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.name = LONG.repeat(3);
            new.id = Some("c".repeat(100));
            new.redirect_uris.push(format!("https://app.example/{}", "path".repeat(60)));
        })
        .await;
    let username = "u".repeat(64);
    let user = app
        .user_with(&username, |new| {
            new.profile.insert("name".to_owned(), ARABIC.repeat(5).into());
            new.roles = vec!["r".repeat(60), "auditor".to_owned()];
        })
        .await;
    client
        .tokens(&username, &[("scope", "openid profile email offline_access read write")])
        .await;
    app.define_scope(&format!("https://scopes.example/{}", "s".repeat(150)), &[]).await;
    let of_client = ["", "/access", "/connect", "/secret", "/delete"].map(|page| format!("/admin/clients/{}{page}", client.id()));
    let of_user = ["", "/access", "/sessions", "/password", "/delete"].map(|page| format!("/admin/users/{}{page}", user.id));
    of_client.into_iter().chain(of_user).collect()
}

/// Looks at all of them before it complains.
async fn look(chrome: &Chrome, app: &TestApp, paths: &[String]) {
    let mut faults = String::new();
    for path in paths {
        chrome.open(&app.url(path)).await;
        faults.push_str(&chrome.faults().await);
    }
    assert!(faults.is_empty(), "{faults}");
}

/// A server full of things, their pages, and a browser of an administrator.
async fn furnished() -> (Desk, Things, Vec<String>, Chrome) {
    let desk = Desk::of(server().await).await;
    let things = Things::make(&desk).await;
    let pages = crowd(&desk.app).await;
    (desk, things, pages, Chrome::start().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn for_administrators() {
    let (desk, things, _, chrome) = furnished().await;
    look(&chrome, &desk.app, &["/admin/sign-in".to_owned()]).await;
    sign_in(&chrome, &desk.app, &desk.token).await;
    let pages: Vec<String> = things
        .pages()
        .into_iter()
        .filter(|page| !is_of_client(page) && !is_of_vault(page))
        .collect();
    look(&chrome, &desk.app, &pages).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn for_administrators_with_clients() {
    let (desk, things, _, chrome) = furnished().await;
    sign_in(&chrome, &desk.app, &desk.token).await;
    let pages: Vec<String> = things.pages().into_iter().filter(|page| is_of_client(page)).collect();
    look(&chrome, &desk.app, &pages).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn for_administrators_with_the_vault() {
    let (desk, things, _, chrome) = furnished().await;
    sign_in(&chrome, &desk.app, &desk.token).await;
    // The presets differ in little but their texts.
    let is_shown = |page: &String| is_of_vault(page) && (!page.contains("preset=") || is_peculiar(page));
    let pages: Vec<String> = things.pages().into_iter().filter(is_shown).collect();
    look(&chrome, &desk.app, &pages).await;
    for (page, button, seen) in [
        ("/admin/providers/evil/check", "Check now", "There is a problem"),
        ("/admin/providers/evil/secret", "Set the secret", "It is missing."),
        ("/admin/new-provider?preset=okta", "Add", "Domain"),
    ] {
        chrome.open(&desk.app.url(page)).await;
        chrome
            .script("document.querySelectorAll('[required]').forEach((field) => field.required = false);")
            .await;
        chrome.press(button).await;
        chrome.see(seen).await;
        chrome.inspect().await;
    }
}

/// A third of the pages.
fn is_of_client(page: &str) -> bool {
    page.contains("client") && !is_of_vault(page)
}

/// Another third.
fn is_of_vault(page: &str) -> bool {
    ["provider", "workload", "connection"].iter().any(|noun| page.contains(noun))
}

fn is_peculiar(page: &str) -> bool {
    ["google", "okta", "oidc", "oauth2", "api_key"]
        .iter()
        .any(|preset| page.contains(preset))
}

#[tokio::test(flavor = "multi_thread")]
async fn for_auditors_and_with_long_names() {
    let (desk, things, pages, chrome) = furnished().await;
    let app = &desk.app;
    sign_in(&chrome, app, &desk.token).await;
    look(&chrome, app, &pages).await;
    chrome.open(&app.url("/admin/clients")).await;
    chrome.press("Next page").await;
    chrome.inspect().await;
    chrome.press("Sign out").await;
    chrome.see("You are signed out.").await;

    app.user_with("olga", |new| new.roles = vec!["auditor".to_owned()]).await;
    chrome.press("Sign in with your account").await;
    chrome.fill("Username", "olga").await;
    chrome.fill("Password", "olga").await;
    chrome.press("Sign in").await;
    chrome.see("may look, not change").await;
    look(&chrome, app, &things.pages_to_look_at()).await;
    look(&chrome, app, &["/api/docs".to_owned(), "/admin/new-client".to_owned()]).await;
}
