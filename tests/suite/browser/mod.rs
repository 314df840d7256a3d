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

use crate::support::app::Options;
use crate::support::application::Application;
use crate::support::client::TestClient;
use crate::support::{Database, TestApp};

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
