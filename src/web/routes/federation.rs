//! The callback relay, the flows of agents and their tokens.

use super::{API, BOTH, Cors, DELETE, Feature, GET, NO_BODY, PAGE, POST, Route, handler};
use crate::model::limit::Class;
use crate::web::federation::{callback, callbacks, connect, events, flows, tokens, vault};

/// A row of the relay's API.
const RELAY: Route = Route {
    limit: Some(Class::Relay),
    cors: Cors::Listed,
    feature: Feature::Relay,
    ..API
};

pub(super) static ROUTES: &[Route] = &[
    Route {
        path: "/callback",
        limit: Some(Class::Relay),
        methods: BOTH,
        feature: Feature::Relay,
        handler: handler!(callback::callback),
        ..PAGE
    },
    Route {
        path: "/callback/continue",
        limit: Some(Class::Relay),
        methods: GET,
        body_limit: NO_BODY,
        handler: handler!(callback::resume),
        ..PAGE
    },
    Route {
        path: "/api/callbacks",
        methods: POST,
        handler: handler!(callbacks::create),
        ..RELAY
    },
    Route {
        path: "/api/callback/{state}",
        methods: GET,
        body_limit: NO_BODY,
        waits: true,
        handler: handler!(callbacks::collect),
        ..RELAY
    },
    Route {
        path: "/api/callback/{state}",
        methods: DELETE,
        body_limit: NO_BODY,
        handler: handler!(callbacks::forget),
        ..RELAY
    },
    Route {
        path: "/api/callback/{state}/events",
        methods: GET,
        body_limit: NO_BODY,
        waits: true,
        handler: handler!(events::events),
        ..RELAY
    },
    Route {
        path: "/userIdentifier/token",
        limit: Some(Class::Relay),
        methods: POST,
        cors: Cors::Closed,
        handler: handler!(flows::bind),
        ..API
    },
    Route {
        path: "/api/vault/workload-token",
        limit: Some(Class::Vault),
        methods: POST,
        cors: Cors::Closed,
        handler: handler!(vault::workload_token),
        ..API
    },
    Route {
        path: "/api/vault/token",
        limit: Some(Class::Vault),
        methods: POST,
        cors: Cors::Closed,
        handler: handler!(tokens::token),
        ..API
    },
    Route {
        path: "/api/vault/api-key",
        limit: Some(Class::Vault),
        methods: POST,
        cors: Cors::Closed,
        handler: handler!(tokens::api_key),
        ..API
    },
    Route {
        path: "/api/vault/session",
        limit: Some(Class::Vault),
        methods: GET,
        body_limit: NO_BODY,
        cors: Cors::Closed,
        waits: true,
        handler: handler!(tokens::session),
        ..API
    },
    Route {
        path: "/api/vault/session",
        limit: Some(Class::Vault),
        methods: DELETE,
        body_limit: NO_BODY,
        cors: Cors::Closed,
        handler: handler!(tokens::cancel),
        ..API
    },
    Route {
        path: "/api/vault/session/complete",
        limit: Some(Class::Vault),
        methods: POST,
        cors: Cors::Closed,
        handler: handler!(tokens::complete),
        ..API
    },
    Route {
        path: "/connect/{session}",
        methods: BOTH,
        handler: handler!(connect::connect),
        ..PAGE
    },
    Route {
        path: "/connect/callback/{provider}",
        methods: GET,
        body_limit: NO_BODY,
        handler: handler!(connect::callback),
        ..PAGE
    },
    Route {
        path: "/oauth2/callback",
        limit: Some(Class::Relay),
        methods: GET,
        body_limit: NO_BODY,
        handler: handler!(flows::complete),
        ..PAGE
    },
];
