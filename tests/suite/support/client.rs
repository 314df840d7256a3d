//! A client of the protocol, as an application's developer would write it.

use gatehouse::model::client::Client;
use gatehouse::protocol::pkce::CodeChallenge;
use reqwest::RequestBuilder;
use serde_json::Value;
use url::Url;

use super::app::TestApp;
use super::browser::{Browser, Page, http};

/// A verifier that is long enough.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A registered client with what it knows.
#[derive(Clone)]
pub struct TestClient {
    pub client: Client,
    pub secret: Option<String>,
    pub base: String,
    pub redirect_uri: String,
}

/// An answer of an endpoint for programs.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn text(&self, name: &str) -> &str {
        self.body[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {} {}", self.status, self.body))
    }

    pub fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or("")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header"))
    }
}

impl TestClient {
    pub fn new(app: &TestApp, client: Client, secret: Option<String>) -> Self {
        let redirect_uri = client.redirect_uris.first().cloned().unwrap_or_default();
        Self {
            client,
            secret,
            base: app.base.clone(),
            redirect_uri,
        }
    }

    pub fn id(&self) -> &str {
        &self.client.id
    }

    /// An authorization URL with PKCE and state; `changes` replace, add or (empty) remove parameters.
    pub fn authorize_url(&self, changes: &[(&str, &str)]) -> String {
        let challenge = CodeChallenge::of(VERIFIER);
        let usual = [
            ("response_type", "code"),
            ("client_id", self.id()),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("scope", "openid profile email"),
            ("state", "the state"),
            ("nonce", "the nonce"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let mut url = Url::parse(&format!("{}/authorize", self.base)).expect("a URL");
        let kept = usual.into_iter().filter(|(name, _)| !changes.iter().any(|(key, _)| key == name));
        let added = changes.iter().copied().filter(|(_, value)| !value.is_empty());
        url.query_pairs_mut().extend_pairs(kept.chain(added));
        url.to_string()
    }

    /// Walks through sign-in and consent; the page that leads back to the client.
    pub async fn authorize(&self, browser: &Browser, username: &str, changes: &[(&str, &str)]) -> Page {
        let mut page = browser.visit(&self.authorize_url(changes)).await;
        if page.body.contains("name=\"password\"") {
            page = browser.sign_in(&page, username, username).await;
        }
        if page.body.contains("name=\"decision\"") {
            page = browser.decide(&page, "allow").await;
        }
        page
    }

    /// A code for a user, got by walking through the pages.
    pub async fn code(&self, username: &str, changes: &[(&str, &str)]) -> String {
        let page = self.authorize(&Browser::new(), username, changes).await;
        page.answer("code")
            .unwrap_or_else(|| panic!("no code: {} {:?} {}", page.status, page.location(), page.body))
    }

    /// Tokens for a user.
    pub async fn tokens(&self, username: &str, changes: &[(&str, &str)]) -> Answer {
        let answer = self.redeem(&self.code(username, changes).await).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    pub async fn redeem(&self, code: &str) -> Answer {
        let redirect_uri = self.redirect_uri.clone();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        self.post("/token", &fields).await
    }

    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        self.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
            .await
    }

    pub async fn introspect(&self, token: &str) -> Answer {
        self.post("/introspect", &[("token", token)]).await
    }

    pub async fn revoke(&self, token: &str) -> Answer {
        self.post("/revoke", &[("token", token)]).await
    }

    pub async fn userinfo(&self, access_token: &str) -> Answer {
        send(http().get(format!("{}/userinfo", self.base)).bearer_auth(access_token)).await
    }

    /// A request with this client's credentials.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = http().post(format!("{}{path}", self.base));
        let mut fields = fields.to_vec();
        let request = match &self.secret {
            Some(secret) => request.basic_auth(self.id(), Some(secret)),
            None => {
                fields.push(("client_id", self.id()));
                request
            }
        };
        send(request.form(&fields)).await
    }
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a body");
    Answer {
        status,
        headers,
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}

/// The claims of a JWT, not verified.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&gatehouse::base::encoding::from_base64url(payload).expect("base64url")).expect("JSON")
}

/// The header of a JWT.
pub fn jose_header(token: &str) -> Value {
    let header = token.split('.').next().expect("a JWT");
    serde_json::from_slice(&gatehouse::base::encoding::from_base64url(header).expect("base64url")).expect("JSON")
}
