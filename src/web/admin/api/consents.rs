//! `/api/admin/v1/consents`

use actix_web::HttpResponse;

use super::{PageParams, Query, Refused, no_query};
use crate::admin::consents::{self as engine, ConsentView, Filter};
use crate::admin::page::Listed;
use crate::web::call::Call;
use crate::web::error::Error;

/// List consents
///
/// By user and client.
#[utoipa::path(
    get, path = "/api/admin/v1/consents", tag = "consents", operation_id = "list_consents",
    params(
        ("user_id" = Option<String>, Query, description = "Only those of this user"),
        ("client_id" = Option<String>, Query, description = "Only those to this client"),
        PageParams
    ),
    responses((status = 200, body = Listed<ConsentView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &["user_id", "client_id"])?;
    let filter = Filter {
        user_id: query.text("user_id")?,
        client_id: query.text("client_id")?,
    };
    Ok(HttpResponse::Ok().json(engine::list(&call.app, filter, &query.page()?).await?))
}

/// Withdraw a consent
///
/// Every grant that rests on it is revoked, with all tokens; the person is asked again.
#[utoipa::path(
    delete, path = "/api/admin/v1/consents/{user_id}/{client_id}", tag = "consents", operation_id = "withdraw_consent",
    params(
        ("user_id" = String, Path, description = "`sub`"),
        ("client_id" = String, Path, description = "The client's identifier, percent-encoded")
    ),
    responses((status = 204), Refused)
)]
pub async fn withdraw(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    engine::withdraw(&call.app, &call.segment("user_id")?, &call.segment("client_id")?).await?;
    Ok(HttpResponse::NoContent().finish())
}
