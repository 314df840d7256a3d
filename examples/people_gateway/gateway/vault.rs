//! The vault of Gatehouse, as a client with a workload sees it (`docs/vault.md`).

use std::time::Duration;

use openidconnect::reqwest::{Client, RequestBuilder, StatusCode, header::RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::problem::{Kind, Problem};
use crate::shared::error::told;

/// How long the vault may take with an answer that waits for nobody; longer than it may take to refresh a token.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long an answer may be.
const MAX_ANSWER: usize = 64 * 1024;
/// After how many seconds one may ask again who was not told.
const SOON: u64 = 5;

/// The one who asks.
pub struct Vault {
    /// Calls the issuer
    pub http: Client,
    /// The issuer
    pub issuer: String,
    /// The client that owns the workload
    pub client_id: String,
    /// Its secret
    pub client_secret: SecretString,
    /// The workload
    pub workload: String,
    /// The provider
    pub provider: String,
    /// What the tokens of people have to be good for
    pub scope: String,
    /// Where people go after they were asked
    pub return_uri: Option<String>,
}

/// What shows the vault for which person a request is. It lives for minutes, and no longer than the call of a tool here.
pub struct OnBehalf(SecretString);

/// What the vault gives.
pub enum Given {
    /// The person's token at the provider
    Token(SecretString),
    /// A question for the person
    Question {
        link: String,
        session_uri: String,
        expires_in: u64,
    },
}

/// How a question stands.
pub enum Session {
    /// The person has not finished
    Open,
    /// There is a connection now; its id
    Completed(Option<String>),
    /// There is none, for this reason
    Ended(String),
    /// Nobody knows it any more
    Unknown,
}

#[derive(Deserialize)]
struct WorkloadTokenAnswer {
    workload_access_token: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
}

#[derive(Deserialize)]
struct QuestionAnswer {
    authorization_url: String,
    session_uri: String,
    expires_in: u64,
}

#[derive(Deserialize)]
struct SessionAnswer {
    status: String,
    connection_id: Option<String>,
    failure: Option<String>,
}

/// A refusal (RFC 6749 §5.2).
#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Status, body and `Retry-After`.
type Answer = (StatusCode, Vec<u8>, Option<u64>);

impl Vault {
    /// Speaks for the person whose access token this is. Gatehouse verifies it, and asks whether it still lives.
    ///
    /// # Errors
    /// Why there is nobody to speak for.
    pub async fn on_behalf_of(&self, user_token: &str) -> Result<OnBehalf, Problem> {
        let body = json!({ "workload": self.workload, "user_token": user_token });
        let request = self.http.post(self.url("workload-token")).json(&body);
        let request = request.basic_auth(&self.client_id, Some(self.client_secret.expose_secret()));
        let answer = self.send(request, PATIENCE).await?;
        match answer.0 {
            StatusCode::OK => read(&answer).map(|answer: WorkloadTokenAnswer| OnBehalf(answer.workload_access_token.into())),
            _ => Err(self.refused(&answer)),
        }
    }

    /// A token of the person; or the question that has to be answered before, and always that when it is forced.
    ///
    /// # Errors
    /// Why there is neither.
    pub async fn token(&self, person: &OnBehalf, account: Option<&str>, is_forced: bool) -> Result<Given, Problem> {
        let mut body = json!({ "provider": self.provider, "scope": self.scope });
        if let Some(return_uri) = &self.return_uri {
            body["return_uri"] = return_uri.as_str().into();
        }
        if let Some(account) = account {
            body["account"] = account.into();
        }
        if is_forced {
            body["force"] = true.into();
        }
        let request = self.http.post(self.url("token")).json(&body);
        let answer = self.send(as_workload(request, person), PATIENCE).await?;
        match answer.0 {
            StatusCode::OK => read(&answer).map(|answer: TokenAnswer| Given::Token(answer.access_token.into())),
            StatusCode::ACCEPTED => read(&answer).map(|answer: QuestionAnswer| Given::Question {
                link: answer.authorization_url,
                session_uri: answer.session_uri,
                expires_in: answer.expires_in,
            }),
            _ => Err(self.refused(&answer)),
        }
    }

    /// How a question stands, as soon as it is over, or after `wait`.
    ///
    /// # Errors
    /// When the vault does not say.
    pub async fn session(&self, person: &OnBehalf, uri: &str, wait: Duration) -> Result<Session, Problem> {
        let wait_seconds = wait.as_secs().to_string();
        let request = self.http.get(self.url("session"));
        let request = request.query(&[("uri", uri), ("wait", &wait_seconds)]);
        let answer = self.send(as_workload(request, person), wait + PATIENCE).await?;
        if answer.0 == StatusCode::NOT_FOUND {
            return Ok(Session::Unknown);
        }
        if answer.0 != StatusCode::OK {
            return Err(self.refused(&answer));
        }
        let session: SessionAnswer = read(&answer)?;
        Ok(match session.status.as_str() {
            "completed" => Session::Completed(session.connection_id),
            "failed" => Session::Ended(session.failure.unwrap_or_default()),
            "cancelled" => Session::Ended("Access was not given.".to_owned()),
            _ => Session::Open,
        })
    }

    /// Takes a question back. It ends by itself if that does not work.
    pub async fn cancel(&self, person: &OnBehalf, uri: &str) {
        let request = self.http.delete(self.url("session")).query(&[("uri", uri)]);
        let _ = self.send(as_workload(request, person), PATIENCE).await;
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/vault/{path}", self.issuer.trim_end_matches('/'))
    }

    async fn send(&self, request: RequestBuilder, patience: Duration) -> Result<Answer, Problem> {
        let silent = |problem: String| Problem::for_now(format!("{} does not answer ({problem})", self.issuer), SOON);
        let mut answer = request
            .timeout(patience)
            .send()
            .await
            .map_err(|error| silent(told(&error.without_url())))?;
        let status = answer.status();
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| silent(told(&error.without_url())))? {
            body.extend_from_slice(&part);
            if body.len() > MAX_ANSWER {
                return Err(silent("too long an answer".to_owned()));
            }
        }
        Ok((status, body, retry_after))
    }

    /// What a refusal means, and who can mend it.
    fn refused(&self, answer: &Answer) -> Problem {
        let (status, body, retry_after) = answer;
        let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
        let said = |what: String| format!("{what}: {} ({})", refusal.error_description, refusal.error);
        match (status.as_u16(), refusal.error.as_str()) {
            (400, "invalid_grant") => Problem::new(
                Kind::Oauth,
                "Gatehouse does not know whose token that is: sign in again. If that does not help, its setting \
                 user_token_issuers has to name itself, with the address of this gateway",
            ),
            (401, "invalid_client") => Problem::new(
                Kind::Credentials,
                format!("Gatehouse refuses the id or the secret of the client {}", self.client_id),
            ),
            (401, _) => Problem::for_now("the workload token has ended", 1),
            (403, "insufficient_scope") => Problem::new(
                Kind::Configuration,
                format!(
                    "the client {} needs the scope vault and the grant client_credentials",
                    self.client_id
                ),
            ),
            (403, _) => Problem::new(Kind::Configuration, said(format!("the workload {} may not do that", self.workload))),
            (404, _) => Problem::new(
                Kind::Identity,
                format!("the client {} has no workload of the name {}", self.client_id, self.workload),
            ),
            (429 | 503, _) => {
                let seconds = retry_after.unwrap_or(SOON);
                Problem::for_now(said(format!("the vault wants to be asked later, in {seconds} seconds")), seconds)
            }
            (502, _) => Problem::new(Kind::Configuration, said(format!("the provider {} cannot be used", self.provider))),
            _ => Problem::new(Kind::Gateway, said(format!("the vault answers {status}"))),
        }
    }
}

fn as_workload(request: RequestBuilder, person: &OnBehalf) -> RequestBuilder {
    request.bearer_auth(person.0.expose_secret())
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Problem> {
    // An error of serde may quote the answer, in which tokens are.
    serde_json::from_slice::<Value>(&answer.1)
        .and_then(serde_json::from_value)
        .map_err(|_| Problem::new(Kind::Gateway, "the vault answers something else than its documentation says"))
}
