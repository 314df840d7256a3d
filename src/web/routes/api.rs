//! The admin API, at `/api`.

use actix_web::http::Method;

use super::{Access, Audience, Cors, DELETE, NO_BODY, PAGE, POST, PUT, READ, Route, handler};
use crate::model::limit::Class;
use crate::web::admin::api;

const JSON: usize = 256 * 1024;
const PATCH: &[Method] = &[Method::PATCH];

/// A row of the API.
const API: Route = Route {
    access: Access::Administrator,
    limit: Some(Class::Admin),
    audience: Audience::Operator,
    cors: Cors::Closed,
    body_limit: JSON,
    methods: READ,
    ..PAGE
};

/// `METHODS "path" => handler`, for the API.
macro_rules! api {
    ($methods:ident $path:literal => $($handler:ident)::+) => {
        Route {
            path: concat!("/api/admin/v1", $path),
            methods: $methods,
            handler: handler!($($handler)::+),
            ..API
        }
    };
}

pub(super) static ROUTES: &[Route] = &[
    Route {
        path: "/api/openapi.json",
        access: Access::Open,
        limit: Some(Class::Metadata),
        body_limit: NO_BODY,
        handler: handler!(api::openapi::document),
        ..API
    },
    Route {
        path: "/api/docs",
        access: Access::Open,
        body_limit: NO_BODY,
        methods: READ,
        handler: handler!(api::reference::page),
        ..PAGE
    },
    api!(READ "/clients" => api::clients::list),
    api!(POST "/clients" => api::clients::create),
    api!(READ "/clients/{client_id}" => api::clients::show),
    api!(PUT "/clients/{client_id}" => api::clients::put),
    api!(PATCH "/clients/{client_id}" => api::clients::patch),
    api!(DELETE "/clients/{client_id}" => api::clients::delete),
    api!(POST "/clients/{client_id}/secret" => api::clients::replace_secret),
    api!(READ "/initial-access-tokens" => api::initial_access_tokens::list),
    api!(POST "/initial-access-tokens" => api::initial_access_tokens::create),
    api!(DELETE "/initial-access-tokens/{id}" => api::initial_access_tokens::delete),
    api!(READ "/events" => api::events::list),
    api!(READ "/events/{event_id}" => api::events::show),
    api!(READ "/settings" => api::settings::show),
    api!(PATCH "/settings" => api::settings::patch),
    api!(POST "/reload" => api::reload::reload),
    api!(READ "/stats" => api::stats::show),
    api!(READ "/users" => api::users::list),
    api!(POST "/users" => api::users::create),
    api!(READ "/users/{id}" => api::users::show),
    api!(PUT "/users/{id}" => api::users::put),
    api!(PATCH "/users/{id}" => api::users::patch),
    api!(DELETE "/users/{id}" => api::users::delete),
    api!(POST "/users/{id}/password" => api::users::set_password),
    api!(POST "/users/{id}/sign-out" => api::users::sign_out),
    api!(READ "/scopes" => api::scopes::list),
    api!(READ "/scopes/{name}" => api::scopes::show),
    api!(PUT "/scopes/{name}" => api::scopes::put),
    api!(PATCH "/scopes/{name}" => api::scopes::patch),
    api!(DELETE "/scopes/{name}" => api::scopes::delete),
    api!(READ "/resources" => api::resources::list),
    api!(READ "/resources/{identifier}" => api::resources::show),
    api!(PUT "/resources/{identifier}" => api::resources::put),
    api!(PATCH "/resources/{identifier}" => api::resources::patch),
    api!(DELETE "/resources/{identifier}" => api::resources::delete),
    api!(READ "/workloads" => api::workloads::list),
    api!(POST "/workloads" => api::workloads::create),
    api!(READ "/workloads/{name}" => api::workloads::show),
    api!(PATCH "/workloads/{name}" => api::workloads::patch),
    api!(DELETE "/workloads/{name}" => api::workloads::delete),
    api!(READ "/access-keys" => api::access_keys::list),
    api!(POST "/access-keys" => api::access_keys::create),
    api!(READ "/access-keys/{id}" => api::access_keys::show),
    api!(PATCH "/access-keys/{id}" => api::access_keys::patch),
    api!(DELETE "/access-keys/{id}" => api::access_keys::delete),
    api!(READ "/providers" => api::providers::list),
    api!(POST "/providers" => api::providers::create),
    api!(READ "/providers/presets" => api::providers::presets),
    api!(READ "/providers/{id}" => api::providers::show),
    api!(PATCH "/providers/{id}" => api::providers::patch),
    api!(DELETE "/providers/{id}" => api::providers::delete),
    api!(POST "/providers/{id}/check" => api::providers::check),
    api!(READ "/connections" => api::connections::list),
    api!(READ "/connections/{id}" => api::connections::show),
    api!(DELETE "/connections/{id}" => api::connections::remove),
    api!(READ "/consents" => api::consents::list),
    api!(DELETE "/consents/{user_id}/{client_id}" => api::consents::withdraw),
    api!(READ "/grants" => api::grants::list),
    api!(READ "/grants/{id}" => api::grants::show),
    api!(POST "/grants/{id}/revoke" => api::grants::revoke),
    api!(READ "/sessions" => api::sessions::list),
    api!(READ "/sessions/{id}" => api::sessions::show),
    api!(DELETE "/sessions/{id}" => api::sessions::end),
    api!(READ "/signing-keys" => api::signing_keys::list),
    api!(READ "/signing-keys/{kid}" => api::signing_keys::show),
    api!(POST "/signing-keys/rotate" => api::signing_keys::rotate),
    api!(POST "/signing-keys/{kid}/retire" => api::signing_keys::retire),
];
