//! This server as the client of others: of a second Gatehouse, and of providers that do things their own way.

mod addresses;
mod another_gatehouse;
mod answers;

mod revocation;

use std::collections::BTreeMap;

use gatehouse::federation::upstream::{Flow, Upstream, UpstreamError};
use gatehouse::protocol::provider::{ClientAuth, Lifespan, Profile, Revocation, RevokedToken, Whoami, WhoamiSource};
use gatehouse::protocol::scope::Scope;
use secrecy::SecretString;
use url::Url;

use crate::support::app::Options;
use crate::support::{Database, TestApp};

const CALLBACK: &str = "https://app.example/callback";

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).expect("a scope")
}

/// What is changed of a flow before its code is exchanged.
type Change = fn(&mut Flow);
/// Whether an error is the right one.
type Judge = fn(&UpstreamError) -> bool;

/// A provider at this address that does everything as the texts say.
fn profile(base: &str) -> Profile {
    Profile {
        issuer: Some(base.to_owned()),
        requires_iss: true,
        authorization_endpoint: url(&format!("{base}/authorize")),
        token_endpoint: url(&format!("{base}/token")),
        jwks_uri: Some(url(&format!("{base}/jwks"))),
        revocation: Revocation::Standard {
            endpoint: url(&format!("{base}/revoke")),
            authenticates: true,
            token: RevokedToken::Refresh,
        },
        whoami: Whoami {
            source: WhoamiSource::IdToken,
            id: &["/sub"],
            label: &["/preferred_username", "/sub"],
            scope: &[],
        },
        pkce: true,
        client_auth: ClientAuth::ClientSecretBasic,
        json_body: false,
        headers: BTreeMap::new(),
        authorization_parameters: BTreeMap::new(),
        scope_parameter: "scope",
        scope_separator: ' ',
        offline_scope: Some("offline_access"),
        refresh_with_redirect_uri: false,
        refresh_with_scope: false,
        wrapped_in: None,
        lifespan: Lifespan::Assumed(3600),
        passed_on: &[],
        dead_grant: &[],
        account_page: None,
    }
}

/// As [`profile`], but without OpenID Connect and at paths of its own.
fn plain(base: &str) -> Profile {
    Profile {
        jwks_uri: None,
        whoami: Whoami {
            source: WhoamiSource::Nowhere,
            id: &[],
            label: &[],
            scope: &[],
        },
        offline_scope: None,
        pkce: false,
        client_auth: ClientAuth::ClientSecretPost,
        ..profile(base)
    }
}

/// Somebody who asks a provider.
struct Asker {
    app: TestApp,
    secret: SecretString,
}

impl Asker {
    async fn start() -> Self {
        let options = Options {
            real_time: true,
            ..Options::default()
        };
        Self {
            app: TestApp::start_with(Database::Sqlite, options).await,
            secret: SecretString::from("the secret"),
        }
    }

    fn at<'a>(&'a self, profile: &'a Profile) -> Upstream<'a> {
        Upstream {
            app: &self.app.app,
            profile,
            client_id: "our id",
            secret: Some(&self.secret),
            key: None,
            redirect_uri: CALLBACK,
        }
    }
}
