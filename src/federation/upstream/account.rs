//! Whose account it is.

use openidconnect::http::header::{AUTHORIZATION, HeaderValue};
use openidconnect::http::{Method, Request};
use serde_json::Value;

use crate::oauth::clients::is_deceptive;
use crate::protocol::provider::WhoamiSource;

use super::{Account, Answer, Granted, Upstream, UpstreamError};

/// The most characters of an account's name.
const MAX_NAME: usize = 255;

impl Upstream<'_> {
    /// Whose account a new connection has; `claims` are those of the ID token, checked. A token that `is_for_others`, resources
    /// that the agent named, may not open the endpoint that says more about the account: then the ID token has to do.
    pub(super) async fn account(
        &self,
        answer: &Answer,
        claims: Option<Value>,
        granted: &Granted,
        is_for_others: bool,
    ) -> Result<Account, UpstreamError> {
        let whoami = &self.profile.whoami;
        let said = match &whoami.source {
            WhoamiSource::Nowhere => return Ok(Account::default()),
            WhoamiSource::IdToken => claims.ok_or_else(|| UpstreamError::Broken("no ID token says whose account it is".to_owned()))?,
            WhoamiSource::TokenAnswer => Value::Object(answer.extra_fields().extra_fields().members.clone()),
            WhoamiSource::Endpoint { endpoint, is_post } => {
                let said = self.ask_whose(endpoint.as_str(), *is_post, &granted.tokens.access_token).await;
                let said = match (said, &claims) {
                    (Err(UpstreamError::Broken(_)), Some(claims)) if is_for_others => claims.clone(),
                    (said, _) => said?,
                };
                // What is said of one person must not be taken for another's (OpenID Connect Core §5.3.2).
                let subject = claims.as_ref().and_then(|claims| claims.get("sub"));
                if let (Some(expected), Some(found)) = (subject, said.get("sub"))
                    && expected != found
                {
                    return Err(UpstreamError::Broken("the account is another one than in the ID token".to_owned()));
                }
                said
            }
        };
        let parts: Option<Vec<String>> = whoami.id.iter().map(|pointer| text(&said, pointer)).collect();
        let id = parts.map(|parts| parts.join(":")).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| UpstreamError::Broken("it does not say whose account it is".to_owned()))?;
        // Databases do not agree about spaces around and zeros in it.
        if id.chars().count() > MAX_NAME || id.chars().any(char::is_control) || id.trim() != id {
            return Err(UpstreamError::Broken("its name for the account cannot be kept".to_owned()));
        }
        let label = whoami.label.iter().find_map(|pointer| text(&said, pointer));
        let label = label.unwrap_or_default();
        let label: String = label.chars().filter(|character| !is_deceptive(*character)).take(MAX_NAME).collect();
        Ok(Account { id, label })
    }

    async fn ask_whose(&self, endpoint: &str, is_post: bool, access_token: &str) -> Result<Value, UpstreamError> {
        let broken = |problem: &str| UpstreamError::Broken(format!("its answer whose account it is: {problem}"));
        let mut bearer = HeaderValue::try_from(format!("Bearer {access_token}")).map_err(|_| broken("the access token is no header"))?;
        bearer.set_sensitive(true);
        let request = Request::builder()
            .method(if is_post { Method::POST } else { Method::GET })
            .uri(endpoint)
            .header(AUTHORIZATION, bearer)
            .body(Vec::new())
            .map_err(|_| broken("the address"))?;
        let answer = self.send(request).await?;
        if !answer.status().is_success() {
            return Err(broken(&format!("status {}", answer.status().as_u16())));
        }
        serde_json::from_slice(answer.body()).map_err(|_| broken("no JSON"))
    }
}

/// A text, or a number as a text, at a pointer (RFC 6901).
fn text(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
