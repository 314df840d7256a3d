//! `/api/admin/v1/providers`

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{IfMatch, PageParams, Query, Refused, Rejected, expected, merged, no_body, no_query, versioned};
use crate::admin::AdminError;
use crate::admin::page::Listed;
use crate::admin::providers::{self as engine, PresetsView, ProviderCheck, ProviderView};
use crate::federation::providers::{self, Credential, SecretChange};
use crate::model::provider::ProviderSettings;
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::json::json_value;

/// A provider to add.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documentation; `secret` and `merged` read it")]
pub struct ProviderInput {
    /// Its name in addresses
    #[schema(example = "google", pattern = "^[a-z0-9][a-z0-9-]{0,63}$")]
    id: String,
    #[serde(flatten)]
    /// What is to be kept secret
    secrets: ProviderSecrets,
    #[serde(flatten)]
    /// Everything else
    settings: ProviderSettings,
}

/// A change of a provider.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documentation; `secret` and `merged` read it")]
pub struct ProviderPatch {
    #[serde(flatten)]
    /// What is to be kept secret
    secrets: ProviderSecrets,
    #[serde(flatten)]
    /// Everything else
    settings: ProviderSettings,
}

/// What proves to a provider that we are its client; one of these, and never shown.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ProviderSecrets {
    /// The secret of our client there
    #[schema(write_only)]
    client_secret: Option<String>,
    /// The private key of our client there, a JWK (RFC 7517): RSA, P-256, P-384 or Ed25519
    #[schema(write_only, value_type = Option<Object>)]
    private_key: Option<Value>,
    /// The API key, for the kind `api_key`
    #[schema(write_only)]
    api_key: Option<String>,
}

/// List providers
///
/// By id.
#[utoipa::path(
    get, path = "/api/admin/v1/providers", tag = "providers", operation_id = "list_providers", params(PageParams),
    responses((status = 200, body = Listed<ProviderView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &[])?;
    Ok(HttpResponse::Ok().json(engine::list(&call.app, &query.page()?).await?))
}

/// List presets
///
/// What is known about providers beforehand, and what each of them asks for.
#[utoipa::path(
    get, path = "/api/admin/v1/providers/presets", tag = "providers", operation_id = "list_provider_presets",
    responses((status = 200, body = PresetsView), Refused)
)]
pub async fn presets(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    Ok(HttpResponse::Ok().json(engine::presets()))
}

/// Add a provider
///
/// The secret can be set later: the answer has the redirect URI with which the provider gives one.
#[utoipa::path(
    post, path = "/api/admin/v1/providers", tag = "providers", operation_id = "create_provider",
    request_body = ProviderInput,
    responses(
        (status = 201, body = ProviderView, headers(("ETag" = String), ("Location" = String))),
        Refused, Rejected
    )
)]
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let mut body = json_value(&call)?;
    let id = match body.as_object_mut().and_then(|fields| fields.remove("id")) {
        Some(Value::String(id)) => id,
        _ if !body.is_object() => return Err(AdminError::invalid("", "the body is a JSON object").into()),
        _ => return Err(AdminError::invalid("id", "id is missing: a name for addresses, such as google").into()),
    };
    let credential = match secret(&mut body)? {
        SecretChange::Set(credential) => Some(credential),
        SecretChange::Keep | SecretChange::Remove => None,
    };
    let settings = merged(&ProviderSettings::default(), &body)?;
    let provider = providers::register(&call.app, &id, settings, credential)
        .await
        .map_err(AdminError::from)?;
    let mut response = HttpResponse::Created();
    let path = format!("/api/admin/v1/providers/{id}");
    response.insert_header((LOCATION, call.app.issuer.endpoint(&path)));
    Ok(versioned(response, provider.version, &ProviderView::new(&call.app, provider)))
}

/// Show a provider
#[utoipa::path(
    get, path = "/api/admin/v1/providers/{id}", tag = "providers", operation_id = "show_provider",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = ProviderView, headers(("ETag" = String))), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let provider = engine::find(&call.app, &call.segment("id")?).await?;
    Ok(versioned(
        HttpResponse::Ok(),
        provider.version,
        &ProviderView::new(&call.app, provider),
    ))
}

/// Change a provider
///
/// A merge patch (RFC 7396): what is not named stays as it is. Needs `If-Match`. `null` removes the secret. What decides
/// where secrets go can only change together with the secret, and not while people have connections there.
#[utoipa::path(
    patch, path = "/api/admin/v1/providers/{id}", tag = "providers", operation_id = "patch_provider",
    params(("id" = String, Path, description = "Its id"), IfMatch),
    request_body(content((ProviderPatch = "application/merge-patch+json"), (ProviderPatch = "application/json"))),
    responses((status = 200, body = ProviderView, headers(("ETag" = String))), Refused, Rejected)
)]
pub async fn patch(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let mut patch = json_value(&call)?;
    let secret = secret(&mut patch)?;
    let id = call.segment("id")?;
    let expected = expected(&call)?;
    let provider = engine::change(&call.app, &id, &expected, secret, |settings| merged(&settings, &patch)).await?;
    Ok(versioned(
        HttpResponse::Ok(),
        provider.version,
        &ProviderView::new(&call.app, provider),
    ))
}

/// Remove a provider
///
/// While people have connections there it is refused, unless `force` is true: then they are removed with it, and
/// taken back at the provider a moment later.
#[utoipa::path(
    delete, path = "/api/admin/v1/providers/{id}", tag = "providers", operation_id = "delete_provider",
    params(
        ("id" = String, Path, description = "Its id"),
        ("force" = Option<bool>, Query, description = "Whether connections are removed with it"),
        IfMatch
    ),
    responses((status = 204), Refused, Rejected)
)]
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::without_page(&call, &["force"])?;
    let is_forced = query.flag("force")?.unwrap_or_default();
    engine::delete(&call.app, &call.segment("id")?, &expected(&call)?, is_forced).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Look at a provider
///
/// Reads its metadata now, where it has any, and says what was found, or what is wrong and what to do.
#[utoipa::path(
    post, path = "/api/admin/v1/providers/{id}/check", tag = "providers", operation_id = "check_provider",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = ProviderCheck), Refused, Rejected)
)]
pub async fn check(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    no_body(&call)?;
    let checked = engine::check(&call.app, &call.segment("id")?).await?;
    Ok(HttpResponse::Ok().json(checked))
}

/// Takes what is secret out of a body.
fn secret(body: &mut Value) -> Result<SecretChange, AdminError> {
    let Some(fields) = body.as_object_mut() else {
        return Err(AdminError::invalid("", "the body is a JSON object"));
    };
    let mut change = SecretChange::Keep;
    for name in ["client_secret", "private_key", "api_key"] {
        let credential = match (name, fields.remove(name)) {
            (_, None) => continue,
            (_, Some(Value::Null)) => {
                if matches!(change, SecretChange::Keep) {
                    change = SecretChange::Remove;
                }
                continue;
            }
            ("client_secret", Some(Value::String(text))) => Credential::ClientSecret(SecretString::from(text)),
            ("api_key", Some(Value::String(text))) => Credential::ApiKey(SecretString::from(text)),
            ("private_key", Some(Value::Object(key))) => Credential::PrivateKey(key),
            ("private_key", Some(_)) => return Err(AdminError::invalid(name, "private_key is a JWK, an object")),
            (_, Some(_)) => return Err(AdminError::invalid(name, format!("{name} is a text"))),
        };
        if matches!(change, SecretChange::Set(_)) {
            let message = "a provider has one secret: send client_secret, private_key or api_key";
            return Err(AdminError::invalid(name, message));
        }
        change = SecretChange::Set(credential);
    }
    Ok(change)
}
