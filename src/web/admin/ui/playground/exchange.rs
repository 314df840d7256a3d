//! A request to one of our endpoints and its answer, as they would travel.
//!
//! The engine is called in this process, with what the parsers of the protocol make of the very text that is
//! shown. Secrets are masked.

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::view::parts::{Code, Section};
use super::run::Run;
use crate::app::App;
use crate::base::fault::Fault;
use crate::model::client::Client;
use crate::oauth::{introspect, revoke, token, userinfo};
use crate::protocol::client_authentication::{AuthMethod, ClientCredentials};
use crate::protocol::error::Refusal;
use crate::protocol::parameters::Parameters;
use crate::protocol::token_request::TokenRequest;
use crate::web::error::{self, Error};

const MASK: &str = "••••••••";

/// A request and its answer.
pub struct Exchange {
    /// As text
    pub section: Section,
    /// The answer, when it is no error
    pub answer: Option<Value>,
}

/// Something that a client asks with its credentials.
pub struct Asked<'a> {
    /// The application
    pub app: &'a App,
    /// Who asks
    pub client: &'a Client,
    /// What it has
    pub run: &'a Run,
}

impl Asked<'_> {
    /// Asks the token endpoint.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token(&self, title: &str, fields: &[(&str, &str)]) -> Result<Exchange, Fault> {
        let outcome = match parsed(fields).and_then(|body| TokenRequest::parse(&body)) {
            Ok(request) => token::token(self.app, &self.credentials(), &request)
                .await?
                .map(token::Decision::issued),
            Err(refusal) => Err(refusal),
        };
        Ok(self.exchange(title, "/token", fields, outcome))
    }

    /// Asks what a token is worth.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn introspect(&self, token: &str) -> Result<Exchange, Fault> {
        let outcome = introspect::introspect(self.app, &self.credentials(), token).await?;
        Ok(self.exchange("Introspection", "/introspect", &[("token", token)], outcome))
    }

    /// Gives a token back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke(&self, token: &str) -> Result<Exchange, Fault> {
        let outcome = revoke::revoke(self.app, &self.credentials(), token).await?;
        Ok(self.exchange("Revocation", "/revoke", &[("token", token)], outcome.map(|()| Value::Null)))
    }

    /// Asks who the person is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn userinfo(&self, token: &str) -> Result<Exchange, Fault> {
        let outcome = userinfo::userinfo(self.app, token).await?;
        let request = format!("{}\nAuthorization: Bearer {token}", head(self.app, "GET", "/userinfo"));
        Ok(finished("Userinfo", "/userinfo", request, outcome))
    }

    fn credentials(&self) -> ClientCredentials {
        ClientCredentials {
            client_id: self.client.id.clone(),
            secret: self.run.secret.clone().map(SecretString::from),
            assertion: None,
            method: self.client.auth_method,
        }
    }

    fn exchange(&self, title: &str, path: &str, fields: &[(&str, &str)], outcome: Result<impl Serialize, Refusal>) -> Exchange {
        let mut request = head(self.app, "POST", path);
        let mut body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        match self.client.auth_method {
            AuthMethod::ClientSecretBasic => {
                request.push_str("\nAuthorization: Basic ");
                request.push_str(MASK);
            }
            AuthMethod::ClientSecretPost => {
                body.push(format!("client_id={}", encoded(&self.client.id)));
                body.push(format!("client_secret={MASK}"));
            }
            AuthMethod::ClientSecretJwt | AuthMethod::PrivateKeyJwt => body.push(format!("client_assertion={MASK}")),
            AuthMethod::None => body.push(format!("client_id={}", encoded(&self.client.id))),
        }
        request.push_str("\nContent-Type: application/x-www-form-urlencoded\n\n");
        request.push_str(&body.join("\n&"));
        finished(title, path, request, outcome)
    }
}

fn parsed(fields: &[(&str, &str)]) -> Result<Parameters, Refusal> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    Parameters::parse(body.as_bytes())
}

fn encoded(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

fn head(app: &App, method: &str, path: &str) -> String {
    format!("{method} {}{path} HTTP/1.1\nHost: {}", app.issuer.path(), app.issuer.host())
}

fn finished(title: &str, path: &str, request: String, outcome: Result<impl Serialize, Refusal>) -> Exchange {
    let (status, body, answer) = match outcome {
        Ok(answer) => {
            let answer = serde_json::to_value(answer).unwrap_or_default();
            ("200 OK".to_owned(), answer.clone(), Some(answer))
        }
        Err(refusal) => {
            let body = json!({ "error": refusal.code.as_str(), "error_description": refusal.description });
            (error::status(&Error::Refusal(refusal)).to_string(), body, None)
        }
    };
    let text = if body.is_null() {
        format!("HTTP/1.1 {status}")
    } else {
        format!("HTTP/1.1 {status}\nContent-Type: application/json\n\n{}", pretty(&body))
    };
    let section = Section::new(title)
        .part(Code::new(format!("Request to {path}"), request))
        .part(Code::new(format!("Answer of {path}"), text));
    Exchange { section, answer }
}

/// JSON for people.
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
