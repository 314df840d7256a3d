//! `/api/admin/v1/clients`

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{IfMatch, PageParams, Query, Refused, Rejected, expected, json_body, merged, no_query, versioned};
use crate::admin::clients::{self as engine, ClientView};
use crate::admin::page::Listed;
use crate::admin::{AdminError, Expected};
use crate::base::clock::Seconds;
use crate::base::redacted::redacted;
use crate::model::client::{ClientKind, ClientOrigin, ClientSettings};
use crate::oauth::clients::{self, NewClient};
use crate::web::call::Call;
use crate::web::error::Error;
use crate::web::json::json_value;

/// A client to register.
#[derive(Deserialize, ToSchema)]
pub struct ClientInput {
    /// Its identifier; one is made when it is left out
    pub client_id: Option<String>,
    /// A secret of at least 32 characters to use instead of a new one
    pub client_secret: Option<String>,
    /// What kind of application it is: the defaults of everything that is left out
    #[serde(default)]
    pub kind: ClientKind,
    #[serde(flatten)]
    /// Everything else
    pub settings: ClientSettings,
}

redacted!(ClientInput);

/// A client, with its secret where it has just got one.
#[derive(Serialize, ToSchema)]
pub struct ClientWithSecret {
    #[serde(flatten)]
    client: ClientView,
    /// The secret: shown now, and never again; `null` for public clients
    client_secret: Option<String>,
}

redacted!(ClientWithSecret);

/// How a secret is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretInput {
    /// For how many seconds the old secret goes on working
    #[schema(minimum = 0, maximum = 2_592_000)]
    pub overlap: Seconds,
}

/// List clients
///
/// By name or, with `origin`, the newest first. `q` finds what has it somewhere in its name or id.
#[utoipa::path(
    get, path = "/api/admin/v1/clients", tag = "clients", operation_id = "list_clients",
    params(
        ("q" = Option<String>, Query, description = "A part of the name or id"),
        ("origin" = Option<ClientOrigin>, Query, description = "Only those that were made known in this way"),
        PageParams
    ),
    responses((status = 200, body = Listed<ClientView>), Refused)
)]
pub async fn list(call: Call) -> Result<HttpResponse, Error> {
    let query = Query::parse(&call, &["q", "origin"])?;
    let origin = engine::origin(query.text("origin")?)?;
    let listed = engine::list(&call.app, query.text("q")?, origin, &query.page()?).await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// Register a client
///
/// What is left out gets the defaults of its `kind`. The secret is in the answer, and never again.
#[utoipa::path(
    post, path = "/api/admin/v1/clients", tag = "clients", operation_id = "create_client",
    request_body = ClientInput,
    responses(
        (status = 201, body = ClientWithSecret, headers(("ETag" = String), ("Location" = String))),
        Refused, Rejected
    )
)]
pub async fn create(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let new = input(json_value(&call)?, None)?;
    register(&call, new).await
}

/// Show a client
#[utoipa::path(
    get, path = "/api/admin/v1/clients/{client_id}", tag = "clients", operation_id = "show_client",
    params(("client_id" = String, Path, description = "Its identifier, percent-encoded")),
    responses((status = 200, body = ClientView, headers(("ETag" = String))), Refused)
)]
pub async fn show(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let client = engine::find(&call.app, &call.segment("client_id")?).await?;
    let (version, now) = (client.version, call.app.now());
    Ok(versioned(HttpResponse::Ok(), version, &ClientView::new(client, now)))
}

/// Register or replace a client
///
/// Everything that is left out gets the default of its `kind`. Replacing needs `If-Match`; the secret stays.
#[utoipa::path(
    put, path = "/api/admin/v1/clients/{client_id}", tag = "clients", operation_id = "put_client",
    params(("client_id" = String, Path, description = "Its identifier, percent-encoded"), IfMatch),
    request_body = ClientInput,
    responses(
        (status = 200, body = ClientView, headers(("ETag" = String))),
        (status = 201, body = ClientWithSecret, headers(("ETag" = String), ("Location" = String))),
        Refused, Rejected
    )
)]
pub async fn put(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let id = call.segment("client_id")?;
    let new = input(json_value(&call)?, Some(&id))?;
    let expected = expected(&call)?;
    match engine::find(&call.app, &id).await {
        Err(AdminError::NotFound) if expected == Expected::Unsaid => register(&call, new).await,
        Err(AdminError::NotFound) => Err(AdminError::Changed.into()),
        Err(error) => Err(error.into()),
        Ok(_) if new.secret.is_some() => {
            let message = "a client that exists gets a new secret at its own address, /secret";
            Err(AdminError::invalid("client_secret", message).into())
        }
        Ok(_) => {
            let client = engine::change(&call.app, &id, &expected, |_| Ok(new.settings)).await?;
            let (version, now) = (client.version, call.app.now());
            Ok(versioned(HttpResponse::Ok(), version, &ClientView::new(client, now)))
        }
    }
}

/// Change a client
///
/// A merge patch (RFC 7396): what is not named stays as it is. Needs `If-Match`.
#[utoipa::path(
    patch, path = "/api/admin/v1/clients/{client_id}", tag = "clients", operation_id = "patch_client",
    params(("client_id" = String, Path, description = "Its identifier, percent-encoded"), IfMatch),
    request_body(content((ClientSettings = "application/merge-patch+json"), (ClientSettings = "application/json"))),
    responses((status = 200, body = ClientView, headers(("ETag" = String))), Refused, Rejected)
)]
pub async fn patch(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let patch = json_value(&call)?;
    let id = call.segment("client_id")?;
    let client = engine::change(&call.app, &id, &expected(&call)?, |settings| merged(&settings, &patch)).await?;
    let (version, now) = (client.version, call.app.now());
    Ok(versioned(HttpResponse::Ok(), version, &ClientView::new(client, now)))
}

/// Remove a client
///
/// Its grants and consents go with it, and every token that it has is dead.
#[utoipa::path(
    delete, path = "/api/admin/v1/clients/{client_id}", tag = "clients", operation_id = "delete_client",
    params(("client_id" = String, Path, description = "Its identifier, percent-encoded"), IfMatch),
    responses((status = 204), Refused, Rejected)
)]
pub async fn delete(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    engine::delete(&call.app, &call.segment("client_id")?, &expected(&call)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Replace a client's secret
///
/// The new secret is in the answer, and never again. The old one goes on working for `overlap` seconds.
#[utoipa::path(
    post, path = "/api/admin/v1/clients/{client_id}/secret", tag = "clients", operation_id = "replace_client_secret",
    params(("client_id" = String, Path, description = "Its identifier, percent-encoded"), IfMatch),
    request_body = SecretInput,
    responses((status = 200, body = ClientWithSecret, headers(("ETag" = String))), Refused, Rejected)
)]
pub async fn replace_secret(call: Call) -> Result<HttpResponse, Error> {
    no_query(&call)?;
    let input: SecretInput = json_body(&call)?;
    let client = engine::find(&call.app, &call.segment("client_id")?).await?;
    expected(&call)?.check_if_said(client.version)?;
    let replaced = clients::replace_secret(&call.app, client, input.overlap)
        .await
        .map_err(AdminError::from)?;
    let version = replaced.client.version;
    let view = ClientWithSecret {
        client: ClientView::new(replaced.client, call.app.now()),
        client_secret: replaced.secret,
    };
    Ok(versioned(HttpResponse::Ok(), version, &view))
}

/// A client to register, of a body: the settings of its kind with what the body says in their place.
fn input(mut body: Value, id: Option<&str>) -> Result<NewClient, Error> {
    let Some(fields) = body.as_object_mut() else {
        return Err(AdminError::invalid("", "the body is a JSON object").into());
    };
    let mut text = |name: &'static str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(AdminError::invalid(name, format!("{name} is a text"))),
    };
    let (client_id, secret) = (text("client_id")?, text("client_secret")?);
    let kind = match fields.remove("kind") {
        None => ClientKind::default(),
        Some(kind) => {
            let kind = kind.as_str().and_then(ClientKind::parse);
            kind.ok_or_else(|| AdminError::invalid("kind", "kind is web, spa, native, service or mcp"))?
        }
    };
    if let (Some(id), Some(named)) = (id, &client_id)
        && id != named
    {
        return Err(AdminError::invalid("client_id", "client_id differs from the address").into());
    }
    Ok(NewClient {
        id: client_id.or_else(|| id.map(str::to_owned)),
        secret,
        settings: merged(&ClientSettings::of_kind(kind), &body)?,
    })
}

async fn register(call: &Call, new: NewClient) -> Result<HttpResponse, Error> {
    let registered = clients::register(&call.app, new).await.map_err(AdminError::from)?;
    let version = registered.client.version;
    let view = ClientWithSecret {
        client: ClientView::new(registered.client, call.app.now()),
        client_secret: registered.secret,
    };
    let mut response = HttpResponse::Created();
    let path = format!("/api/admin/v1/clients/{}", super::encoded(&view.client.client_id));
    response.insert_header((LOCATION, call.app.issuer.endpoint(&path)));
    Ok(versioned(response, version, &view))
}
