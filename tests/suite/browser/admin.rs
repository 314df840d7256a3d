//! The pages at `/admin`: accessible, on every screen, also with names that are too long for any of them.

use gatehouse::admin::stats;
use gatehouse::identity::admin_token;
use gatehouse::model::client::ClientKind;
use gatehouse::oauth::clients::{self, NewClient};
use gatehouse::protocol::client_authentication::AuthMethod;
use secrecy::ExposeSecret;

use super::server;
use crate::support::chrome::Size;
use crate::support::{Browser, Chrome, TestApp};

const LONG: &str = "Photographiealbumverwaltungsgesellschaftmitbeschränkterhaftung";

/// A server with something in every list, and somebody at the desk.
async fn furnished(app: &TestApp, chrome: &Chrome) -> (String, String) {
    let user = app
        .user_with("alice", |user| {
            user.roles = vec!["admin".to_owned()];
            user.profile.insert("name".to_owned(), LONG.repeat(2).into());
        })
        .await;
    let client = app
        .client(AuthMethod::ClientSecretBasic, |new| {
            LONG.repeat(2).clone_into(&mut new.name);
            new.redirect_uris.push(app.url("/admin/playground/callback"));
        })
        .await;
    client
        .tokens("alice", &[("scope", "openid profile email offline_access read write")])
        .await;
    let mut service = NewClient::of_kind("Service", ClientKind::Service);
    service.is_disabled = true;
    service.id = Some("service".to_owned());
    clients::register(&app.app, service).await.expect("a service");
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    browser.submit(&page, &[("username", LONG), ("password", "wrong")]).await;
    stats::flush(&app.app).await.expect("numbers");
    stats::sample_in_turn(&app.app).await.expect("numbers");
    let token = admin_token::reset(&app.app).await.expect("a token");
    chrome.open(&app.url("/admin")).await;
    chrome.inspect().await;
    chrome.fill("Admin token", token.expose_secret()).await;
    chrome.press("Sign in").await;
    chrome.see("Recent events").await;
    (client.id().to_owned(), user.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_is_accessible() {
    let (app, chrome) = (server().await, Chrome::start().await);
    let (client, user) = furnished(&app, &chrome).await;
    let paths = [
        String::new(),
        "/clients".to_owned(),
        "/scopes".to_owned(),
        "/users".to_owned(),
        "/sessions".to_owned(),
        "/grants".to_owned(),
        "/consents".to_owned(),
        "/signing-keys".to_owned(),
        "/settings".to_owned(),
        "/events".to_owned(),
        format!("/clients/{client}/access"),
        format!("/users/{user}/sessions"),
    ];
    for path in paths {
        chrome.open(&app.url(&format!("/admin{path}"))).await;
        chrome.inspect().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_is_accessible() {
    let (app, chrome) = (server().await, Chrome::start().await);
    let (client, user) = furnished(&app, &chrome).await;
    let paths = [
        "/new-client".to_owned(),
        "/new-client?kind=web".to_owned(),
        format!("/clients/{client}"),
        format!("/clients/{client}/connect"),
        format!("/clients/{client}/secret"),
        format!("/clients/{client}/delete"),
        "/clients/service/playground".to_owned(),
        "/new-scope".to_owned(),
        "/scopes/openid".to_owned(),
        "/new-user".to_owned(),
        format!("/users/{user}"),
        format!("/users/{user}/password"),
        "/rotate-signing-key".to_owned(),
        "/settings/access_token_lifetime".to_owned(),
        "/confirm".to_owned(),
    ];
    for path in paths {
        chrome.open(&app.url(&format!("/admin{path}"))).await;
        chrome.inspect().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_playground_is_accessible_at_every_step() {
    let (app, chrome) = (server().await, Chrome::start().await);
    let (client, _) = furnished(&app, &chrome).await;
    chrome.size(Size::Phone).await;
    chrome.open(&app.url(&format!("/admin/clients/{client}/playground"))).await;
    chrome.inspect().await;
    chrome.press("Make the request").await;
    chrome.inspect().await;
    chrome.press("Start: send the browser there").await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.press("Allow").await;
    chrome.see("Redeem the code").await;
    chrome.inspect().await;
    chrome.fill("Client secret", "wrong").await;
    chrome.press("Redeem the code").await;
    chrome.see("client authentication failed").await;
    chrome.inspect().await;
}
