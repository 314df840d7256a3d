//! `/api/openapi.json`: the API as a document (OpenAPI 3.1), made of the handlers' own documentation.

use actix_web::HttpResponse;
use utoipa::openapi::RefOr;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{clients, events, scopes, settings, stats};
use crate::web::call::Call;
use crate::web::error::Error;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gatehouse admin API",
        description = "Everything that the admin pages do, for programs.\n\n\
            Send the admin token as `X-Admin-Token` or `Authorization: Bearer`, or an access token that a client got for itself with \
            scope `admin:read` or `admin:write`.\n\n\
            Lists come in pages: send `next` of one page as `cursor` to get the one after it. What can be changed has an `ETag`; \
            changing it needs the tag in `If-Match`, so that two operators cannot overwrite each other. Fields and parameters that \
            are not known are refused. Errors are problem documents (RFC 9457) with a stable `type`. Times are seconds since 1970.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "clients", description = "Applications that ask for tokens"),
        (name = "scopes", description = "What can be asked for"),
        (name = "settings", description = "How the server works"),
        (name = "events", description = "The audit log"),
        (name = "stats", description = "Numbers of the dashboard"),
    ),
    paths(
        clients::list, clients::create, clients::show, clients::put, clients::patch, clients::delete, clients::replace_secret,
        scopes::list, scopes::show, scopes::put, scopes::patch, scopes::delete,
        settings::show, settings::patch,
        events::list, events::show,
        stats::show,
    ),
    security(("admin_token" = []), ("bearer" = [])),
    modifiers(&Credentials, &Descriptions)
)]
struct Api;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let header = ApiKeyValue::with_description("X-Admin-Token", "The admin token");
        components.add_security_scheme("admin_token", SecurityScheme::ApiKey(ApiKey::Header(header)));
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The admin token, or an access token of a client with scope `admin:read` or `admin:write`",
            ))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// Words for answers that have none of their own.
struct Descriptions;

impl Modify for Descriptions {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for item in document.paths.paths.values_mut() {
            let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
            for operation in operations.into_iter().flatten() {
                for (status, response) in &mut operation.responses.responses {
                    if let RefOr::T(response) = response
                        && response.description.is_empty()
                    {
                        let text = match status.as_str() {
                            "201" => "It is made",
                            "204" => "It is gone",
                            _ => "How it is now",
                        };
                        text.clone_into(&mut response.description);
                    }
                }
            }
        }
    }
}

/// The document, without the address of a server.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// `GET /api/openapi.json`
pub async fn document(call: Call) -> Result<HttpResponse, Error> {
    let mut document = openapi();
    document.servers = Some(vec![utoipa::openapi::Server::new(call.app.issuer.as_str())]);
    Ok(HttpResponse::Ok().json(document))
}
