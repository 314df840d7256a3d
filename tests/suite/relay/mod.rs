//! The callback relay: programs that announce redirects, providers that send them, people in between.

mod collect;
mod cors;
mod create;
mod flows;
mod nodes;
mod open;
mod people;
mod quick;
mod races;
mod receive;
mod strangers;
mod user_tokens;
mod wait;

use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::browser::{Browser, Page, http};
use crate::support::client::{Answer, TestClient, send};

/// A page that the client of the tests is registered for.
pub const RETURN_URI: &str = "https://app.example/callback";

/// A program that uses the relay with the secret of its client.
pub struct Program {
    pub client: TestClient,
}

impl Program {
    pub async fn of(app: &TestApp) -> Self {
        Self::named(app, "Example Program").await
    }

    pub async fn named(app: &TestApp, name: &str) -> Self {
        let client = app
            .client(AuthMethod::ClientSecretBasic, |new| {
                name.clone_into(&mut new.name);
                new.scope = Scope::parse("openid read relay").expect("a scope");
                new.grant_types.push(GrantType::ClientCredentials);
            })
            .await;
        Self { client }
    }

    pub fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        http()
            .request(method, format!("{}{path}", self.client.base))
            .basic_auth(self.client.id(), self.client.secret.as_ref())
    }

    /// Announces a redirect.
    pub async fn announce(&self, wanted: Value) -> Answer {
        send(self.request(reqwest::Method::POST, "/api/callbacks").json(&wanted)).await
    }

    /// As [`Self::announce`]; the state.
    pub async fn state(&self, wanted: Value) -> String {
        let created = self.announce(wanted).await;
        assert_eq!(created.status, 201, "{}", created.body);
        created.text("state").to_owned()
    }

    pub async fn collect(&self, state: &str) -> Answer {
        send(self.request(reqwest::Method::GET, &place(state))).await
    }

    /// As [`Self::collect`], with a key to ask again with.
    pub async fn collect_with(&self, state: &str, key: &str) -> Answer {
        let request = self.request(reqwest::Method::GET, &place(state));
        send(request.header("Idempotency-Key", key)).await
    }
}

/// The path of a callback in the API.
pub fn place(state: &str) -> String {
    let state = percent_encoding::utf8_percent_encode(state, percent_encoding::NON_ALPHANUMERIC);
    format!("/api/callback/{state}")
}

/// The address to which a provider sends a browser.
pub fn redirect(app: &TestApp, parameters: &[(&str, &str)]) -> String {
    let mut url = url::Url::parse(&app.url("/callback")).expect("a URL");
    url.query_pairs_mut().extend_pairs(parameters);
    url.to_string()
}

/// A provider sends a browser back with a code.
pub async fn come_back(app: &TestApp, browser: &Browser, state: &str, code: &str) -> Page {
    browser.visit(&redirect(app, &[("code", code), ("state", state)])).await
}

/// The answer with a code, as it is collected.
pub fn success(state: &str, code: &str) -> Value {
    json!({ "status": "success", "auth_code": code, "state": state, "error": null, "error_description": null })
}
