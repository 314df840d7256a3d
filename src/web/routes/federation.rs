//! The callback relay, the flows of agents and their tokens.

use super::{API, BOTH, Cors, DELETE, Feature, GET, NO_BODY, PAGE, POST, Route, handler};
use crate::web::federation::{callback, callbacks, connect, events, flows, tokens, vault};

/// A row of the relay's API.
const RELAY: Route = Route {
    cors: Cors::Listed,
    feature: Feature::Relay,
    ..API
};

pub(super) static ROUTES: &[Route] = &[
    Route {
        path: "/callback",
        methods: BOTH,
        feature: Feature::Relay,
        handler: handler!(callback::callback),
        ..PAGE
    },
    Route {
        path: "/callback/continue",
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
        methods: POST,
        cors: Cors::Closed,
        handler: handler!(flows::bind),
        ..API
    },
    Route {
        path: "/api/vault/workload-token",
        methods: POST,
        cors: Cors::Closed,
        handler: handler!(vault::workload_token),
        ..API
    },
    Route {
        path: "/api/vault/token",
        methods: POST,
        cors: Cors::Closed,
        handler: handler!(tokens::token),
        ..API
    },
    Route {
        path: "/api/vault/api-key",
        methods: POST,
        cors: Cors::Closed,
        handler: handler!(tokens::api_key),
        ..API
    },
    Route {
        path: "/api/vault/session",
        methods: GET,
        body_limit: NO_BODY,
        cors: Cors::Closed,
        waits: true,
        handler: handler!(tokens::session),
        ..API
    },
    Route {
        path: "/api/vault/session",
        methods: DELETE,
        body_limit: NO_BODY,
        cors: Cors::Closed,
        handler: handler!(tokens::cancel),
        ..API
    },
    Route {
        path: "/api/vault/session/complete",
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
        methods: GET,
        body_limit: NO_BODY,
        handler: handler!(flows::complete),
        ..PAGE
    },
];
