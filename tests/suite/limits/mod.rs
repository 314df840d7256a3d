//! How often somebody may ask, and what becomes of those who ask more.

mod answers;
mod cheap;
mod connections;
mod flood;
mod heads;
mod known;
mod nodes;
mod spraying;

use std::net::IpAddr;

use crate::support::{Database, TestApp};

/// A server with these settings, and room for everything else.
async fn limited(settings: &[(&'static str, &str)]) -> TestApp {
    TestApp::with_settings(Database::Sqlite, settings).await
}

/// A program at another address of this machine.
fn from(address: &str) -> reqwest::Client {
    reqwest::Client::builder()
        .local_address(address.parse::<IpAddr>().expect("an address"))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}
