//! `/api/admin/v1/initial-access-tokens`

use actix_web::HttpResponse;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PageParams, Query, Refused, Rejected, json_body, no_query};
use crate::admin::AdminError;
use crate::admin::initial_access_tokens::{self as engine, TokenView};
use crate::admin::page::Listed;
use crate::base::clock::Seconds;
use crate::oauth::initial_access_tokens::{self, NewToken, USUAL_LIFETIME};
use crate::web::call::Call;
use crate::web::error::Error;

/// An initial access token to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenInput {
    /// What it is for
    #[schema(example = "CI", min_length = 1, max_length = 200)]
    pub name: String,
    /// For how many seconds it is good; 7 days unless it is said
    #[serde(default = "usual_lifetime")]
    #[schema(minimum = 60, maximum = 31_536_000)]
    pub expires_in: Seconds,
    /// For how many clients it is good; as many as one likes unless it is said
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub uses: Option<i64>,
}

fn usual_lifetime() -> Seconds {
    USUAL_LIFETIME
}

/// An initial access token that has just been made.
#[derive(Serialize, ToSchema)]
pub struct NewTokenView {
    #[serde(flatten)]
    about: TokenView,
    /// The token: shown now, and never again
    token: String,
}

/// List initial access tokens
///
/// Those that have not expired, the newest first. The tokens themselves are not stored.
#[utoipa::path(
    get, path = "/api/admin/v1/initial-access-tokens", tag = "initial access tokens", operation_id = "list_initial_access_tokens",
    params(PageParams),
    responses((status = 200, body = Listed<TokenView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &[])?;
    Ok(HttpResponse::Ok().json(engine::list(&call.app, &query.page()?).await?))
}

/// Make an initial access token
///
/// With it a program registers clients where the setting `registration` is `token`. The token is in the answer, and
/// never again.
#[utoipa::path(
    post, path = "/api/admin/v1/initial-access-tokens", tag = "initial access tokens", operation_id = "create_initial_access_token",
    request_body = TokenInput,
    responses((status = 201, body = NewTokenView), Refused, Rejected)
)]
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let input: TokenInput = json_body(&call)?;
    let new = NewToken {
        name: input.name,
        expires_in: input.expires_in,
        uses: input.uses,
    };
    let (about, token) = initial_access_tokens::create(&call.app, new).await.map_err(AdminError::from)?;
    Ok(HttpResponse::Created().json(NewTokenView {
        about: about.into(),
        token: token.expose_secret().to_owned(),
    }))
}

/// Delete an initial access token
///
/// No client can be registered with it any more. Those that were stay.
#[utoipa::path(
    delete, path = "/api/admin/v1/initial-access-tokens/{id}", tag = "initial access tokens",
    operation_id = "delete_initial_access_token",
    params(("id" = String, Path, description = "Its identifier")),
    responses((status = 204), Refused, Rejected)
)]
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    engine::delete(&call.app, &call.segment("id")?).await?;
    Ok(HttpResponse::NoContent().finish())
}
