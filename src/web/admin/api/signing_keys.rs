//! `/api/admin/v1/signing-keys`

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PageParams, Query, Refused, Rejected, json_body, no_query};
use crate::admin::page::Listed;
use crate::admin::signing_keys::{self as engine, KeyView};
use crate::model::signing_key::SigningAlgorithm;
use crate::web::call::Call;
use crate::web::error::Error;

/// A rotation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationInput {
    /// Which key is replaced
    pub algorithm: SigningAlgorithm,
    /// Let the new key sign at once; relying parties with a cached JWKS may refuse tokens for some minutes
    #[serde(default)]
    pub immediately: bool,
}

/// What a rotation did.
#[derive(Debug, Serialize, ToSchema)]
pub struct RotationView {
    /// The new key
    #[serde(flatten)]
    key: KeyView,
    /// The keys that it replaces, by `kid`
    replaced: Vec<String>,
}

/// A retirement.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetirementInput {
    /// Somebody has a copy: the key leaves the JWKS at once, and what it signed is worth nothing
    pub immediately: bool,
}

/// List signing keys
///
/// Those that verify, the oldest first.
#[utoipa::path(
    get, path = "/api/admin/v1/signing-keys", tag = "signing keys", operation_id = "list_signing_keys", params(PageParams),
    responses((status = 200, body = Listed<KeyView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &[])?;
    Ok(HttpResponse::Ok().json(engine::list(&call.app, &query.page()?).await?))
}

/// Show a signing key
#[utoipa::path(
    get, path = "/api/admin/v1/signing-keys/{kid}", tag = "signing keys", operation_id = "show_signing_key",
    params(("kid" = String, Path, description = "Its `kid`")),
    responses((status = 200, body = KeyView), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    Ok(HttpResponse::Ok().json(engine::show(&call.app, &call.segment("kid")?).await?))
}

/// Rotate a signing key
///
/// A new key is published. It signs 15 minutes later, when everybody can know it, or `immediately`; the key before
/// it verifies until the last token that it signed has expired.
#[utoipa::path(
    post, path = "/api/admin/v1/signing-keys/rotate", tag = "signing keys", operation_id = "rotate_signing_key",
    request_body = RotationInput,
    responses((status = 201, body = RotationView), Refused, Rejected)
)]
pub async fn rotate(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let input: RotationInput = json_body(&call)?;
    let rotated = engine::rotate(&call.app, input.algorithm, input.immediately).await?;
    let view = RotationView {
        key: engine::show(&call.app, &rotated.new.id).await?,
        replaced: rotated.replaced,
    };
    Ok(HttpResponse::Created().json(view))
}

/// Retire a signing key
///
/// It signs no more, and verifies until the last token that it signed has expired; with `immediately` neither.
/// Another node of the server follows within a minute. Refused when no other key would sign in its place.
#[utoipa::path(
    post, path = "/api/admin/v1/signing-keys/{kid}/retire", tag = "signing keys", operation_id = "retire_signing_key",
    params(("kid" = String, Path, description = "Its identifier")),
    request_body = RetirementInput,
    responses((status = 204), Refused, Rejected)
)]
pub async fn retire(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let input: RetirementInput = json_body(&call)?;
    engine::retire(&call.app, &call.segment("kid")?, input.immediately).await?;
    Ok(HttpResponse::NoContent().finish())
}
