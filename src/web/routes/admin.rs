//! The pages of the administration, at `/admin`.
//!
//! What cannot be undone is for whoever has just proved who they are; such an address always has a page to
//! come back to, too.

use super::{Access, BOTH, GET, NO_BODY, PAGE, POST, READ, Route, handler};
use crate::model::limit::Class;
use crate::web::admin::ui;
use crate::web::assets;

/// A row of the pages.
const ADMIN: Route = Route {
    access: Access::Administrator,
    limit: Some(Class::Admin),
    methods: GET,
    ..PAGE
};

/// `METHODS "path" => handler` below `/admin`, for administrators; with `fresh`, for those who have just
/// proved who they are.
macro_rules! page {
    ($methods:ident $path:literal => $($handler:ident)::+) => {
        Route {
            path: concat!("/admin", $path),
            methods: $methods,
            handler: handler!($($handler)::+),
            ..ADMIN
        }
    };
    (fresh $methods:ident $path:literal => $($handler:ident)::+) => {
        Route {
            access: Access::FreshAdministrator,
            ..page!($methods $path => $($handler)::+)
        }
    };
}

/// A file that the pages load.
macro_rules! file {
    ($path:literal => $($handler:ident)::+) => {
        Route {
            path: concat!("/static/", $path),
            methods: READ,
            access: Access::Open,
            limit: Some(Class::Metadata),
            body_limit: NO_BODY,
            handler: handler!($($handler)::+),
            ..ADMIN
        }
    };
}

pub(super) static ROUTES: &[Route] = &[
    Route {
        access: Access::Open,
        change_limit: Some(Class::SignIn),
        ..page!(BOTH "/sign-in" => ui::sign_in::sign_in)
    },
    Route {
        access: Access::Open,
        ..page!(POST "/sign-out" => ui::sign_in::sign_out)
    },
    Route {
        change_limit: Some(Class::SignIn),
        ..page!(BOTH "/confirm" => ui::sign_in::confirm)
    },
    page!(GET "" => ui::dashboard::show),
    // applications
    page!(GET "/clients" => ui::clients::list),
    page!(fresh BOTH "/new-client" => ui::clients::create::create),
    page!(fresh BOTH "/clients/{client_id}" => ui::clients::settings::settings),
    page!(GET "/clients/{client_id}/connect" => ui::clients::connect::connect),
    page!(BOTH "/clients/{client_id}/disabled" => ui::ending::client),
    page!(fresh BOTH "/clients/{client_id}/delete" => ui::clients::remove::delete),
    page!(fresh BOTH "/clients/{client_id}/secret" => ui::clients::secret::secret),
    page!(BOTH "/clients/{client_id}/playground" => ui::playground::begin::begin),
    page!(POST "/clients/{client_id}/playground/register" => ui::playground::begin::register_callback),
    page!(GET "/playground/callback" => ui::playground::callback::callback),
    page!(POST "/playground/redeem" => ui::playground::callback::redeem),
    page!(POST "/playground/use" => ui::playground::tokens::try_out),
    page!(GET "/initial-access-tokens" => ui::initial_access_tokens::list),
    page!(fresh BOTH "/new-initial-access-token" => ui::initial_access_tokens::create),
    page!(fresh BOTH "/initial-access-tokens/{id}/delete" => ui::initial_access_tokens::delete),
    page!(GET "/scopes" => ui::scopes::list),
    page!(BOTH "/new-scope" => ui::scopes::define),
    page!(BOTH "/scopes/{name}" => ui::scopes::settings),
    page!(fresh BOTH "/scopes/{name}/delete" => ui::scopes::delete),
    page!(GET "/resources" => ui::resources::list),
    page!(fresh BOTH "/new-resource" => ui::resources::register),
    page!(fresh BOTH "/resources/{identifier}" => ui::resources::settings),
    page!(fresh BOTH "/resources/{identifier}/delete" => ui::resources::delete),
    page!(GET "/clients/{client_id}/access" => ui::access::of_client),
    // people
    page!(GET "/users" => ui::users::list),
    page!(fresh BOTH "/new-user" => ui::users::create::create),
    page!(fresh BOTH "/users/{id}" => ui::users::settings::settings),
    page!(GET "/users/{id}/access" => ui::access::of_user),
    page!(GET "/users/{id}/sessions" => ui::sessions::of_user),
    page!(BOTH "/users/{id}/disabled" => ui::ending::user),
    page!(BOTH "/users/{id}/sign-out" => ui::ending::every_session),
    page!(fresh BOTH "/users/{id}/password" => ui::users::password::password),
    page!(fresh BOTH "/users/{id}/delete" => ui::users::remove::delete),
    page!(GET "/grants" => ui::access::list_grants),
    page!(BOTH "/grants/{id}/revoke" => ui::ending::grant),
    page!(GET "/consents" => ui::access::list_consents),
    page!(BOTH "/consents/withdraw" => ui::ending::consent),
    page!(GET "/sessions" => ui::sessions::list),
    page!(BOTH "/sessions/{id}/end" => ui::ending::session),
    // the vault
    page!(GET "/providers" => ui::providers::list),
    page!(fresh BOTH "/new-provider" => ui::providers::create::create),
    page!(fresh BOTH "/providers/{id}" => ui::providers::settings::settings),
    page!(BOTH "/providers/{id}/check" => ui::providers::check::check),
    page!(fresh BOTH "/providers/{id}/secret" => ui::providers::secret::secret),
    page!(BOTH "/providers/{id}/disabled" => ui::providers::remove::disabled),
    page!(fresh BOTH "/providers/{id}/delete" => ui::providers::remove::delete),
    page!(GET "/workloads" => ui::workloads::list),
    page!(fresh BOTH "/new-workload" => ui::workloads::create::create),
    page!(fresh BOTH "/workloads/{name}" => ui::workloads::settings::settings),
    page!(GET "/workloads/{name}/connect" => ui::workloads::connect::connect),
    page!(BOTH "/workloads/{name}/disabled" => ui::workloads::remove::disabled),
    page!(fresh BOTH "/workloads/{name}/delete" => ui::workloads::remove::delete),
    page!(GET "/connections" => ui::connections::list),
    page!(BOTH "/connections/{id}/remove" => ui::connections::remove),
    // the server
    page!(GET "/signing-keys" => ui::signing_keys::list),
    page!(fresh BOTH "/rotate-signing-key" => ui::signing_keys::rotate),
    page!(fresh BOTH "/signing-keys/{kid}/retire" => ui::signing_keys::retire),
    page!(GET "/settings" => ui::settings::list),
    page!(fresh BOTH "/settings/{key}" => ui::settings::change),
    page!(GET "/events" => ui::events::list),
    page!(GET "/events/{event_id}" => ui::events::show),
    // what the pages load
    file!("admin.css" => assets::admin_stylesheet),
    file!("admin_parts.css" => assets::admin_parts_stylesheet),
    file!("admin_charts.css" => assets::admin_charts_stylesheet),
    file!("admin.js" => assets::admin_script),
];
