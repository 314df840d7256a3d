//! `/api/openapi.json`: the API as a document (`OpenAPI` 3.1), made of the handlers' own documentation.

use actix_web::HttpResponse;
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{
    access_keys, clients, connections, consents, events, grants, initial_access_tokens, providers, reload, resources, scopes, sessions,
    settings, signing_keys, stats, users, workloads,
};
use crate::base::document::Document;
use crate::web::call::Call;
use crate::web::document::serve;
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
        (name = "initial access tokens", description = "Leave for programs to register clients"),
        (name = "users", description = "People who can sign in"),
        (name = "scopes", description = "What can be asked for"),
        (name = "resources", description = "What tokens are for"),
        (name = "workloads", description = "Agents, for which clients get tokens"),
        (name = "access keys", description = "With which programs sign requests at the interface of AgentCore Identity"),
        (name = "providers", description = "Where people connect accounts of theirs"),
        (name = "connections", description = "What people gave workloads at providers"),
        (name = "consents", description = "What people have allowed clients, remembered"),
        (name = "grants", description = "What tokens live under"),
        (name = "sessions", description = "Who is signed in, where"),
        (name = "signing keys", description = "What tokens are signed with"),
        (name = "settings", description = "How the server works"),
        (name = "events", description = "The audit log"),
        (name = "stats", description = "Numbers of the dashboard"),
    ),
    paths(
        clients::list, clients::create, clients::show, clients::put, clients::patch, clients::delete, clients::replace_secret,
        initial_access_tokens::list, initial_access_tokens::create, initial_access_tokens::delete,
        users::list, users::create, users::show, users::put, users::patch, users::delete, users::set_password, users::sign_out,
        scopes::list, scopes::show, scopes::put, scopes::patch, scopes::delete,
        resources::list, resources::show, resources::put, resources::patch, resources::delete,
        workloads::list, workloads::create, workloads::show, workloads::patch, workloads::delete,
        access_keys::list, access_keys::create, access_keys::show, access_keys::patch, access_keys::delete,
        providers::list, providers::create, providers::presets, providers::show, providers::patch, providers::delete, providers::check,
        connections::list, connections::show, connections::remove,
        settings::show, settings::patch, reload::reload,
        events::list, events::show,
        stats::show,
        consents::list, consents::withdraw,
        grants::list, grants::show, grants::revoke,
        sessions::list, sessions::show, sessions::end,
        signing_keys::list, signing_keys::show, signing_keys::rotate, signing_keys::retire,
    ),
    components(schemas(super::Problem, crate::admin::stats::Range, crate::model::event::EventKind, crate::model::event::Outcome)),
    security(("admin_token" = []), ("bearer" = [])),
    modifiers(&Credentials)
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

/// The document, without the address of a server.
#[must_use]
pub fn openapi() -> Value {
    let mut document = serde_json::to_value(Api::openapi()).unwrap_or_default();
    put_integers_in_place(&mut document);
    let known = document["components"]["schemas"].clone();
    join_flattened(&mut document["components"]["schemas"], &known);
    describe_answers(&mut document["paths"]);
    document
}

/// Our names for integers (`Timestamp`, `Seconds`) become references to a schema of their own, which tells
/// nobody anything.
fn put_integers_in_place(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("$ref").and_then(Value::as_str) == Some("#/components/schemas/i64") {
                fields.remove("$ref");
                fields.insert("type".to_owned(), json!("integer"));
                fields.insert("format".to_owned(), json!("int64"));
            }
            fields.remove("i64");
            fields.values_mut().for_each(put_integers_in_place);
        }
        Value::Array(items) => items.iter_mut().for_each(put_integers_in_place),
        _ => {}
    }
}

/// A flattened type is described as "all of" its parts. A part that refuses unknown fields would refuse the
/// fields of the other parts, so the parts are joined to one object.
fn join_flattened(value: &mut Value, known: &Value) {
    match value {
        Value::Object(fields) if fields.contains_key("allOf") => {
            let mut joined = json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false });
            if let Some(description) = fields.get("description") {
                joined["description"] = description.clone();
            }
            join(known, value, &mut joined);
            *value = joined;
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| join_flattened(field, known)),
        Value::Array(items) => items.iter_mut().for_each(|item| join_flattened(item, known)),
        _ => {}
    }
}

/// Adds the fields of a schema and of its parts to `joined`.
fn join(known: &Value, schema: &Value, joined: &mut Value) {
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let name = part["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        join(known, name.map_or(part, |name| &known[name]), joined);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        joined["properties"][name] = property.clone();
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if let Some(required) = joined["required"].as_array_mut() {
            required.push(name.clone());
        }
    }
}

/// Words for answers that have none of their own.
fn describe_answers(paths: &mut Value) {
    let operations = paths.as_object_mut().into_iter().flatten();
    let operations = operations.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            if response["description"].as_str().is_none_or(str::is_empty) {
                response["description"] = json!(match status.as_str() {
                    "201" => "It is made",
                    "204" => "It is gone",
                    _ => "How it is now",
                });
            }
        }
    }
}

/// `GET /api/openapi.json`
pub async fn document(call: Call) -> Result<HttpResponse, Error> {
    // It takes some milliseconds to make, and anybody may ask for it.
    let document = call.app.api_document.get_or_init(|| {
        let mut document = openapi();
        document["servers"] = json!([{ "url": call.app.issuer.as_str() }]);
        Document::of(document.to_string())
    });
    Ok(serve(&call, document))
}
