//! The control plane: credential providers of OAuth.

use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::federation::agentcore::Caller;
use crate::federation::agentcore::vendors::{self, Vendor, configured};
use crate::federation::providers::{Credential, SecretChange, callback_url, change, delete as remove, register};
use crate::model::provider::{Provider, ProviderKind, ProviderSettings};
use crate::web::call::Call;
use crate::web::error::{AgentCoreError, Error};

use super::{
    ListRequest, NameRequest, administrator, answer, answer_page, deleted, invalid, provider_arn, read, refused, secret_arn, wrong_token,
};

const LIST: &str = "oauth2-credential-providers";
/// The most items of a page.
const MOST: u16 = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProviderRequest {
    name: String,
    credential_provider_vendor: String,
    oauth2_provider_config_input: Map<String, Value>,
    /// Nothing here has tags
    #[serde(default, rename = "tags")]
    _tags: Value,
}

impl ProviderRequest {
    fn vendor(&self) -> Result<Vendor, Error> {
        let unknown = || {
            invalid(
                "credentialProviderVendor",
                "there is no such vendor: CustomOauth2 takes any provider",
            )
        };
        Vendor::find(&self.credential_provider_vendor).ok_or_else(unknown)
    }
}

/// `POST /identities/CreateOauth2CredentialProvider`
pub async fn create(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: ProviderRequest = read(&call)?;
    let configured = configured(&call.app, body.vendor()?, &body.oauth2_provider_config_input, &body.name, None).map_err(refused)?;
    let Some(secret) = configured.secret else {
        return Err(invalid("clientSecret", "clientSecret is missing"));
    };
    let secret = Credential::ClientSecret(secret);
    let settings = ProviderSettings {
        owner: Some(caller.client.id),
        ..configured.settings
    };
    let made = register(&call.app, &body.name, settings, Some(secret)).await;
    let made = made.map_err(refused)?;
    Ok(answer(&call, HttpResponse::Created(), &described(&call, &made)))
}

/// `POST /identities/GetOauth2CredentialProvider`
pub async fn show(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: NameRequest = read(&call)?;
    let found = find(&call, &caller, &body.name).await?;
    Ok(answer(&call, HttpResponse::Ok(), &dated(&call, &found)))
}

/// `POST /identities/UpdateOauth2CredentialProvider`
pub async fn update(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: ProviderRequest = read(&call)?;
    let before = find(&call, &caller, &body.name).await?;
    let config = &body.oauth2_provider_config_input;
    let configured = configured(&call.app, body.vendor()?, config, &body.name, Some(&before.settings)).map_err(refused)?;
    let secret = match configured.secret {
        Some(secret) => SecretChange::Set(Credential::ClientSecret(secret)),
        None => SecretChange::Keep,
    };
    let settings = ProviderSettings {
        owner: Some(caller.client.id),
        ..configured.settings
    };
    let changed = change(&call.app, before, settings, secret).await.map_err(refused)?;
    Ok(answer(&call, HttpResponse::Ok(), &dated(&call, &changed)))
}

/// `POST /identities/ListOauth2CredentialProviders`
pub async fn list(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let page = read::<ListRequest>(&call)?.page(MOST)?;
    let [after] = page.after(LIST).map_err(wrong_token)?.unwrap_or_default();
    let rows = caller.providers(&call.app, ProviderKind::Oauth2, after, page.rows()).await?;
    let listed = page.of(
        LIST,
        rows,
        |provider| vec![provider.id.clone()],
        |provider| {
            json!({
                "name": provider.id,
                "credentialProviderVendor": Vendor::of(&provider).name,
                "credentialProviderArn": arn(&provider),
                "createdTime": provider.created_at,
                "lastUpdatedTime": provider.updated_at,
            })
        },
    );
    Ok(answer_page(&call, "credentialProviders", listed))
}

/// `POST /identities/DeleteOauth2CredentialProvider`
pub async fn delete(mut call: Call) -> Result<HttpResponse, Error> {
    let caller = administrator(&mut call).await?;
    let body: NameRequest = read(&call)?;
    let found = find(&call, &caller, &body.name).await?;
    remove(&call.app, &found, false).await.map_err(refused)?;
    Ok(deleted(&call))
}

async fn find(call: &Call, caller: &Caller, name: &str) -> Result<Provider, Error> {
    let found = caller.provider(&call.app, name, ProviderKind::Oauth2).await?;
    found.ok_or(AgentCoreError::NotFound("there is no OAuth2 credential provider of this name").into())
}

fn arn(provider: &Provider) -> String {
    provider_arn("oauth2credentialprovider", &provider.id)
}

fn described(call: &Call, provider: &Provider) -> Value {
    json!({
        "name": provider.id,
        "credentialProviderArn": arn(provider),
        "clientSecretArn": secret_arn(&provider.id),
        "callbackUrl": callback_url(&call.app, &provider.id),
        "oauth2ProviderConfigOutput": vendors::shown(&call.app, provider),
    })
}

fn dated(call: &Call, provider: &Provider) -> Value {
    let mut shown = described(call, provider);
    shown["credentialProviderVendor"] = json!(Vendor::of(provider).name);
    shown["createdTime"] = json!(provider.created_at);
    shown["lastUpdatedTime"] = json!(provider.updated_at);
    shown
}
