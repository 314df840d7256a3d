//! The endpoints of the protocol, of health probes and of development.

use super::{API, BOTH, DELETE, DEV, GET, HEALTH, NO_BODY, PAGE, POST, PUT, Route, WELL_KNOWN, handler};
use crate::model::limit::Class;
use crate::web::{dev, health, oauth};

pub(super) static ROUTES: &[Route] = &[
    Route {
        path: "/authorize",
        limit: Some(Class::Authorize),
        methods: BOTH,
        metadata: Some("authorization_endpoint"),
        handler: handler!(oauth::authorize::authorize),
        ..PAGE
    },
    Route {
        path: "/token",
        methods: POST,
        metadata: Some("token_endpoint"),
        handler: handler!(oauth::token::token),
        ..API
    },
    Route {
        path: "/introspect",
        limit: Some(Class::Introspect),
        methods: POST,
        metadata: Some("introspection_endpoint"),
        handler: handler!(oauth::introspect::introspect),
        ..API
    },
    Route {
        path: "/revoke",
        methods: POST,
        metadata: Some("revocation_endpoint"),
        handler: handler!(oauth::revoke::revoke),
        ..API
    },
    Route {
        path: "/userinfo",
        limit: Some(Class::Userinfo),
        methods: BOTH,
        metadata: Some("userinfo_endpoint"),
        handler: handler!(oauth::userinfo::userinfo),
        ..API
    },
    Route {
        path: "/register",
        limit: Some(Class::Register),
        methods: POST,
        metadata: Some("registration_endpoint"),
        handler: handler!(oauth::registration::register),
        ..API
    },
    Route {
        path: "/register/{client_id}",
        limit: Some(Class::Register),
        methods: GET,
        body_limit: NO_BODY,
        handler: handler!(oauth::registration::show),
        ..API
    },
    Route {
        path: "/register/{client_id}",
        limit: Some(Class::Register),
        methods: PUT,
        handler: handler!(oauth::registration::replace),
        ..API
    },
    Route {
        path: "/register/{client_id}",
        limit: Some(Class::Register),
        methods: DELETE,
        handler: handler!(oauth::registration::delete),
        ..API
    },
    Route {
        path: "/jwks",
        limit: Some(Class::Metadata),
        metadata: Some("jwks_uri"),
        body_limit: NO_BODY,
        handler: handler!(oauth::jwks::jwks),
        ..API
    },
    Route {
        path: "/.well-known/jwks.json",
        handler: handler!(oauth::jwks::jwks),
        ..WELL_KNOWN
    },
    Route {
        path: "/.well-known/openid-configuration",
        handler: handler!(oauth::metadata::metadata),
        ..WELL_KNOWN
    },
    Route {
        path: "/.well-known/oauth-authorization-server",
        handler: handler!(oauth::metadata::metadata),
        ..WELL_KNOWN
    },
    Route {
        path: "/.well-known/oauth-protected-resource",
        handler: handler!(oauth::protected_resource::protected_resource),
        ..WELL_KNOWN
    },
    // health
    Route {
        path: "/health",
        handler: handler!(health::health),
        ..HEALTH
    },
    Route {
        path: "/healthz",
        ..HEALTH
    },
    Route { path: "/ping", ..HEALTH },
    Route {
        path: "/readyz",
        handler: handler!(health::ready),
        ..HEALTH
    },
    // development
    Route {
        path: "/dev/seed",
        handler: handler!(dev::seed),
        ..DEV
    },
    Route {
        path: "/dev/pkce",
        methods: GET,
        handler: handler!(dev::pkce),
        ..DEV
    },
    Route {
        path: "/dev/clients",
        handler: handler!(dev::clients),
        ..DEV
    },
];
