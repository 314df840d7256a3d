//! Providers: what is known about them, what they say about themselves, and what nobody can make of them.

mod discovery;
mod networks;
mod parameters;
mod presets;
mod registry;

pub use registry::connect;

use std::collections::BTreeMap;
use std::io;

use gatehouse::federation::providers::{ProviderProblem, profile};
use gatehouse::model::provider::{Provider, ProviderSettings};
use gatehouse::outside::Resolver;
use gatehouse::protocol::provider::Profile;

use crate::support::app::Options;
use crate::support::{Database, TestApp};

/// A server that says it is on the public internet, and finds no other.
async fn public_app() -> TestApp {
    let options = Options {
        settings: vec![("issuer", "https://auth.example".to_owned())],
        resolver: Some(Resolver::from_fn(|_| Err(io::Error::other("nobody is there")))),
        ..Options::default()
    };
    TestApp::start_with(Database::Sqlite, options).await
}

fn settings(preset: &str, parameters: &[(&str, &str)]) -> ProviderSettings {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    ProviderSettings {
        name: "Somewhere".to_owned(),
        preset: preset.to_owned(),
        parameters: parameters.collect::<BTreeMap<_, _>>(),
        client_id: "our-client".to_owned(),
        ..ProviderSettings::default()
    }
}

fn provider(settings: ProviderSettings) -> Provider {
    Provider {
        id: "somewhere".to_owned(),
        settings,
        sealed_secret: None,
        version: 1,
        created_at: 0,
        updated_at: 0,
    }
}

async fn resolve(app: &TestApp, settings: ProviderSettings) -> Result<Profile, ProviderProblem> {
    profile(&app.app, &provider(settings)).await.expect("no fault of ours")
}
