//! The control plane: credential providers that keep an API key.

use actix_web::HttpResponse;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::federation::agentcore::Caller;
use crate::federation::providers::{Credential, SecretChange, change, delete as remove, register};
use crate::model::provider::{Provider, ProviderKind, ProviderSettings};
use crate::web::call::Call;
use crate::web::error::{AgentCoreError, Error};

use super::{
    ListRequest, NameRequest, administrator, answer, answer_page, deleted, invalid, provider_arn, read, refused, secret_arn, wrong_token,
};

const LIST: &str = "api-key-credential-providers";
/// The most items of a page.
const MOST: u16 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyRequest {
    name: String,
    api_key: Option<String>,
    api_key_secret_source: Option<String>,
    /// Nothing here has tags
    #[serde(default, rename = "tags")]
    _tags: Value,
}

impl KeyRequest {
    fn key(&self) -> Result<Credential, Error> {
        if self.api_key_secret_source.as_deref().is_some_and(|source| source != "MANAGED") {
            return Err(invalid(
                "apiKeySecretSource",
                "a key that is kept elsewhere is not supported: send apiKey",
            ));
        }
        let key = self.api_key.clone().ok_or_else(|| invalid("apiKey", "apiKey is missing"))?;
        Ok(Credential::ApiKey(SecretString::from(key)))
    }
}

/// `POST /identities/CreateApiKeyCredentialProvider`
pub async fn create(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: KeyRequest = read(&call)?;
    let settings = ProviderSettings {
        name: body.name.clone(),
        kind: ProviderKind::ApiKey,
        owner: Some(caller.client.id),
        ..ProviderSettings::default()
    };
    let made = register(&call.app, &body.name, settings, Some(body.key()?)).await;
    let made = made.map_err(refused)?;
    Ok(answer(&call, HttpResponse::Created(), &described(&made)))
}

/// `POST /identities/GetApiKeyCredentialProvider`
pub async fn show(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: NameRequest = read(&call)?;
    let found = find(&call, &caller, &body.name).await?;
    Ok(answer(&call, HttpResponse::Ok(), &dated(&found)))
}

/// `POST /identities/UpdateApiKeyCredentialProvider`
pub async fn update(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: KeyRequest = read(&call)?;
    let before = find(&call, &caller, &body.name).await?;
    let settings = before.settings.clone();
    let changed = change(&call.app, before, settings, SecretChange::Set(body.key()?)).await;
    let changed = changed.map_err(refused)?;
    Ok(answer(&call, HttpResponse::Ok(), &dated(&changed)))
}

/// `POST /identities/ListApiKeyCredentialProviders`
pub async fn list(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let page = read::<ListRequest>(&call)?.page(MOST)?;
    let [after] = page.after(LIST).map_err(wrong_token)?.unwrap_or_default();
    let rows = caller.providers(&call.app, ProviderKind::ApiKey, after, page.rows()).await?;
    let listed = page.of(
        LIST,
        rows,
        |provider| vec![provider.id.clone()],
        |provider| {
            json!({
                "name": provider.id,
                "credentialProviderArn": arn(&provider),
                "createdTime": provider.created_at,
                "lastUpdatedTime": provider.updated_at,
            })
        },
    );
    Ok(answer_page(&call, "credentialProviders", listed))
}

/// `POST /identities/DeleteApiKeyCredentialProvider`
pub async fn delete(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: NameRequest = read(&call)?;
    let found = find(&call, &caller, &body.name).await?;
    remove(&call.app, &found, false).await.map_err(refused)?;
    Ok(deleted(&call))
}

async fn find(call: &Call, caller: &Caller, name: &str) -> Result<Provider, Error> {
    let found = caller.provider(&call.app, name, ProviderKind::ApiKey).await?;
    found.ok_or(AgentCoreError::NotFound("there is no API key credential provider of this name").into())
}

fn arn(provider: &Provider) -> String {
    provider_arn("apikeycredentialprovider", &provider.id)
}

fn described(provider: &Provider) -> Value {
    json!({
        "name": provider.id,
        "credentialProviderArn": arn(provider),
        "apiKeySecretArn": secret_arn(&provider.id),
    })
}

fn dated(provider: &Provider) -> Value {
    let mut shown = described(provider);
    shown["createdTime"] = json!(provider.created_at);
    shown["lastUpdatedTime"] = json!(provider.updated_at);
    shown
}
