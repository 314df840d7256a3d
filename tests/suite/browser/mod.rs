//! The pages in a real browser: what people see, by keyboard, with and without scripts, on a phone
//! and in the dark.

mod account;
mod administration;
mod client_examples;
mod examples;
mod flows;
mod harness;
mod markup;
mod pages;
mod pictures;
mod relay;
mod vault;

use gatehouse::oauth::clients::NewClient;
use gatehouse::protocol::client_authentication::AuthMethod;
use serde_json::{Value, json};

use crate::flows::registration::{client_of, registered};
use crate::security::markup::EVIL_ADDRESS;
use crate::support::app::Options;
use crate::support::application::Application;
use crate::support::client::TestClient;
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Database, TestApp};

/// Where people go back to who use a client that nobody has looked at.
const STRANGERS_CALLBACK: &str = "https://app.example/callback";

/// A server whose clock is the browser's, for cookies that expire.
async fn server() -> TestApp {
    server_with(Vec::new()).await
}

async fn server_with(settings: Vec<(&'static str, String)>) -> TestApp {
    let options = Options {
        settings,
        real_time: true,
        ..Options::default()
    };
    TestApp::start_with(Database::Sqlite, options).await
}

/// A client of a server, with everything that pages show of a client.
async fn photo_album(app: &TestApp) -> TestClient {
    app.client(AuthMethod::None, |new| {
        "Photo Album".clone_into(&mut new.name);
        new.redirect_uris = vec!["https://photos.example.com/callback".to_owned()];
        describe(new);
    })
    .await
}

/// A client whose people come back to an application on this machine.
async fn local_client(app: &TestApp, application: &Application) -> TestClient {
    app.client(AuthMethod::None, |new| new.redirect_uris = vec![application.redirect_uri()])
        .await
}

fn describe(new: &mut NewClient) {
    new.client_uri = Some("https://photos.example.com/".to_owned());
    new.policy_uri = Some("https://photos.example.com/privacy".to_owned());
    new.tos_uri = Some("https://photos.example.com/terms".to_owned());
}

/// A client that registered itself, with these words wherever it may say something, and hostile addresses wherever it may name one.
async fn registers_itself(app: &TestApp, words: &str) -> TestClient {
    let answer = registered(app, &strangers_words(words)).await;
    for name in ["client_name", "logo_uri", "client_uri", "policy_uri", "tos_uri", "contacts"] {
        assert_eq!(answer.body[name], strangers_words(words)[name], "{name} is kept as it is");
    }
    let mut client = client_of(app, &answer).await;
    STRANGERS_CALLBACK.clone_into(&mut client.redirect_uri);
    client
}

/// The same of a client that is described by a document.
async fn describes_itself(app: &TestApp, elsewhere: &Elsewhere, words: &str) -> TestClient {
    let mut client = app.public_client().await;
    client.client.id = elsewhere.url("/client.json");
    STRANGERS_CALLBACK.clone_into(&mut client.redirect_uri);
    let mut document = strangers_words(words);
    document["client_id"] = json!(client.id());
    elsewhere.serve("/client.json", Served::json(&document));
    client
}

fn strangers_words(words: &str) -> Value {
    json!({
        "client_name": words,
        "redirect_uris": [STRANGERS_CALLBACK, EVIL_ADDRESS],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "logo_uri": EVIL_ADDRESS,
        "client_uri": EVIL_ADDRESS,
        "policy_uri": EVIL_ADDRESS,
        "tos_uri": EVIL_ADDRESS,
        "contacts": [words],
        "software_id": words,
        "software_version": words,
    })
}

/// The id of a client as a part of a path or of a query.
fn encoded(client: &TestClient) -> String {
    percent_encoding::utf8_percent_encode(client.id(), percent_encoding::NON_ALPHANUMERIC).to_string()
}
