//! The way to a provider, on which its answers become what the texts say.

use std::pin::Pin;

use openidconnect::core::CoreErrorResponseType;
use openidconnect::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use openidconnect::http::{Request, Response};
use openidconnect::{AsyncHttpClient, RequestTokenError, StandardErrorResponse};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::base::clock::Seconds;
use crate::outside::FetchError;

use super::{Upstream, UpstreamError, said};

/// The longest answer that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// The longest time that a provider is left alone because it says so, in seconds.
const MAX_RETRY_AFTER: Seconds = 3600;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Code,
    Refresh,
}

/// The library's way to the token endpoint.
pub(super) struct TokenWire<'a> {
    pub(super) upstream: Upstream<'a>,
    pub(super) purpose: Purpose,
}

impl<'c> AsyncHttpClient<'c> for TokenWire<'_> {
    type Error = UpstreamError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, UpstreamError>> + Send + 'c>>;

    fn call(&'c self, request: Request<Vec<u8>>) -> Self::Future {
        Box::pin(self.upstream.token(request, self.purpose))
    }
}

impl Upstream<'_> {
    /// Sends a request; what went wrong on the way is sorted out.
    pub(super) async fn send(&self, mut request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, UpstreamError> {
        let headers = request.headers_mut();
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        for (name, value) in &self.profile.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        let host = request.uri().host().unwrap_or_default();
        let share = self.app.provider_shares.take(host).ok_or(UpstreamError::Busy)?;
        let answer = self.app.provider_fetch.ask(request, MAX_BYTES).await;
        drop(share);
        let answer = answer.map_err(|error| match error {
            FetchError::Busy => UpstreamError::Busy,
            FetchError::TooLarge(_) | FetchError::Encoding | FetchError::ContentType => UpstreamError::Broken(error.to_string()),
            _ => UpstreamError::Away(error.to_string()),
        })?;
        let retry_after = retry_after(answer.headers());
        match answer.status().as_u16() {
            429 => Err(UpstreamError::Limited(retry_after)),
            403 if retry_after.is_some() => Err(UpstreamError::Limited(retry_after)),
            status @ 500.. => Err(UpstreamError::Away(format!("status {status}"))),
            _ => Ok(answer),
        }
    }

    /// Sends a request of the library to the token endpoint.
    async fn token(&self, request: Request<Vec<u8>>, purpose: Purpose) -> Result<Response<Vec<u8>>, UpstreamError> {
        let request = if self.profile.json_body { as_json(request) } else { request };
        let answer = self.send(request).await?;
        let mut members = members(answer.body()).ok_or_else(|| UpstreamError::Broken("it is no JSON object".to_owned()))?;
        if let Some(name) = self.profile.wrapped_in.filter(|_| purpose == Purpose::Code) {
            unwrap(&mut members, name);
        }
        let is_error = tidy(&mut members);
        // An error is one, whatever the status says.
        let status = answer.status().as_u16();
        let status = if is_error && status < 400 { 400 } else { status };
        let body = serde_json::to_vec(&members).map_err(|error| UpstreamError::Broken(error.to_string()))?;
        let tidied = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
        tidied.body(body).map_err(|error| UpstreamError::Broken(error.to_string()))
    }

    /// What an error of the library means; `shown` is what was shown to the provider.
    pub(super) fn sorted(
        &self,
        error: RequestTokenError<UpstreamError, StandardErrorResponse<CoreErrorResponseType>>,
        shown: &str,
    ) -> UpstreamError {
        let said = |text: &str| said(text, &[shown, self.secret.map_or("", ExposeSecret::expose_secret)]);
        match error {
            RequestTokenError::Request(error) => error,
            RequestTokenError::ServerResponse(answer) => {
                let code: &str = answer.error().as_ref();
                let text = match answer.error_description() {
                    Some(description) => format!("{code}: {description}"),
                    None => code.to_owned(),
                };
                let text = said(&text);
                if matches!(answer.error(), CoreErrorResponseType::InvalidGrant) || self.profile.dead_grant.contains(&code) {
                    UpstreamError::Dead(text)
                } else {
                    UpstreamError::Refused(text)
                }
            }
            // What stands in the answer may be a token: only where it could not be read is said.
            RequestTokenError::Parse(error, _) => UpstreamError::Broken(said(&format!("at {}", error.path()))),
            RequestTokenError::Other(problem) => UpstreamError::Broken(said(&problem)),
        }
    }
}

/// The members of an answer: a JSON object or, from those who do not keep to RFC 6749 §5.1, a form.
fn members(body: &[u8]) -> Option<Map<String, Value>> {
    if let Ok(Value::Object(members)) = serde_json::from_slice(body) {
        return Some(members);
    }
    let form: Map<String, Value> = form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    (form.contains_key("access_token") || form.contains_key("error")).then_some(form)
}

/// Puts what stands inside of a member in front of what stands around it.
fn unwrap(members: &mut Map<String, Value>, name: &str) {
    if let Some(Value::Object(inner)) = members.get(name).cloned() {
        members.extend(inner);
    }
}

/// Makes of the members what RFC 6749 §5.1 and §5.2 say; whether they are an error.
fn tidy(members: &mut Map<String, Value>) -> bool {
    let is_error = members.get("ok") == Some(&Value::Bool(false)) || members.get("error").is_some_and(Value::is_string);
    if is_error {
        members
            .entry("error")
            .or_insert_with(|| Value::String("invalid_request".to_owned()));
        return true;
    }
    members.retain(|_, value| !value.is_null());
    if members.get("id_token").and_then(Value::as_str).is_some_and(str::is_empty) {
        members.remove("id_token");
    }
    let scope = match members.get("scope") {
        Some(Value::String(scope)) => Some(scope.replace(',', " ")),
        Some(Value::Array(tokens)) => Some(tokens.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        _ => None,
    };
    members.remove("scope");
    if let Some(scope) = scope.filter(|scope| !scope.trim().is_empty()) {
        members.insert("scope".to_owned(), Value::String(scope));
    }
    let seconds = match members.get("expires_in") {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    members.remove("expires_in");
    // A time of nothing is none.
    if let Some(seconds) = seconds.filter(|seconds| *seconds >= 1.0 && *seconds < 1e10) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds")]
        members.insert("expires_in".to_owned(), Value::from(seconds as u64));
    }
    if !members.get("token_type").is_some_and(Value::is_string) {
        members.insert("token_type".to_owned(), Value::String("Bearer".to_owned()));
    }
    false
}

/// The same request with a JSON object instead of a form.
fn as_json(mut request: Request<Vec<u8>>) -> Request<Vec<u8>> {
    let members: Map<String, Value> = form_urlencoded::parse(request.body())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    if let Ok(body) = serde_json::to_vec(&members) {
        *request.body_mut() = body;
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    request
}

/// For how long a provider wants to be left alone (RFC 9110 §10.2.3), in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Seconds> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    // A date is as good as a minute: clocks differ, and nobody sends one.
    Some(text.trim().parse::<Seconds>().unwrap_or(60).clamp(1, MAX_RETRY_AFTER))
}
