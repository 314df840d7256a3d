//! Gatehouse, as its clients and its administrators see it. Each request is sent again when the answer says so, and in time.

use std::time::Duration;

use openidconnect::reqwest::{Client, Method, StatusCode, header::RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::gateway::problem::{Kind, Problem};
use crate::shared::error::told;

/// How often a request is sent, at most.
const ATTEMPTS: u32 = 3;
/// How long a pause between two of them may be.
const LONGEST_PAUSE: u64 = 10;

/// A client and its secret.
#[derive(Clone)]
pub struct Credentials {
    /// The client
    pub id: String,
    /// Its secret
    pub secret: SecretString,
}

/// Where it is.
#[derive(Clone)]
pub struct Gatehouse {
    http: Client,
    issuer: String,
}

/// Status and JSON of an answer.
pub type Answer = (StatusCode, Value);

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
}

impl Gatehouse {
    /// The one of this issuer.
    ///
    /// # Errors
    /// When it cannot be called.
    pub fn at(issuer: &str) -> Result<Self, Problem> {
        let http = crate::shared::issuer::client(issuer);
        Ok(Self {
            http: http.map_err(|problem| Problem::new(Kind::Configuration, problem))?,
            issuer: issuer.trim_end_matches('/').to_owned(),
        })
    }

    /// A token of a client for itself (RFC 6749 §4.4).
    ///
    /// # Errors
    /// When the client does not get one.
    pub async fn token(&self, client: &Credentials, scope: &str) -> Result<SecretString, Problem> {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let request = |http: &Client| {
            let request = http.post(format!("{}/token", self.issuer)).form(&form);
            request.basic_auth(&client.id, Some(client.secret.expose_secret()))
        };
        let (status, body) = self.send(request).await?;
        match status.as_u16() {
            200 => serde_json::from_value(body)
                .map(|answer: TokenAnswer| answer.access_token.into())
                .map_err(|_| Problem::new(Kind::Gateway, "the token endpoint answers something else than a token")),
            401 => Err(Problem::new(
                Kind::Credentials,
                format!("Gatehouse refuses the id or the secret of the client {}", client.id),
            )),
            _ => Err(Problem::new(
                Kind::Configuration,
                format!(
                    "the client {} does not get the scope {scope} for itself: {}",
                    client.id,
                    reason(&body)
                ),
            )),
        }
    }

    /// Calls the admin API.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn administer(&self, token: &SecretString, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Problem> {
        let url = format!("{}/api/admin/v1/{path}", self.issuer);
        let request = |http: &Client| {
            let request = http.request(method.clone(), &url).bearer_auth(token.expose_secret());
            // What is deleted is deleted whatever its version is.
            let request = if method == Method::DELETE {
                request.header("If-Match", "*")
            } else {
                request
            };
            match body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        let (status, body) = self.send(request).await?;
        if matches!(status.as_u16(), 401 | 403) {
            let problem = format!("Gatehouse does not let the client that sets up do that: {}", reason(&body));
            return Err(Problem::new(Kind::Credentials, problem));
        }
        Ok((status, body))
    }

    /// Sends a request, and again when it is to be sent later.
    async fn send(&self, request: impl Fn(&Client) -> openidconnect::reqwest::RequestBuilder) -> Result<Answer, Problem> {
        let mut attempt = 1;
        loop {
            let answer = request(&self.http).send().await;
            let answer = answer.map_err(|error| {
                let problem = format!("Gatehouse at {} does not answer: {}", self.issuer, told(&error.without_url()));
                Problem::new(Kind::Configuration, problem)
            })?;
            let status = answer.status();
            let wants_a_pause = matches!(status.as_u16(), 429 | 503);
            if wants_a_pause && attempt < ATTEMPTS {
                let said = answer
                    .headers()
                    .get(RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                let pause: u64 = said.unwrap_or(1);
                if pause <= LONGEST_PAUSE {
                    tokio::time::sleep(Duration::from_secs(pause)).await;
                    attempt += 1;
                    continue;
                }
            }
            if wants_a_pause {
                return Err(Problem::new(
                    Kind::Gateway,
                    format!("Gatehouse has too much to do ({status}): try again later"),
                ));
            }
            return Ok((status, answer.json().await.unwrap_or_default()));
        }
    }
}

/// Why Gatehouse says no, in its words.
pub fn reason(body: &Value) -> &str {
    // RFC 9457 for the admin API, RFC 6749 §5.2 elsewhere.
    let members = ["detail", "error_description", "error", "title"];
    let mut said = members.iter().filter_map(|member| body[*member].as_str());
    said.next().unwrap_or("no reason is given")
}
