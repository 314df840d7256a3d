//! The pages that people see when they sign in, and what these load.

use super::{Access, BOTH, Feature, GET, NO_BODY, PAGE, Route, handler};
use crate::model::limit::Class;
use crate::web::{assets, oauth, pages};

/// A page for whoever is signed in.
const ACCOUNT: Route = Route {
    access: Access::SignedIn,
    methods: BOTH,
    ..PAGE
};

pub(super) static ROUTES: &[Route] = &[
    Route { path: "/", ..PAGE },
    Route {
        path: "/login",
        change_limit: Some(Class::SignIn),
        methods: BOTH,
        handler: handler!(pages::login::login),
        ..PAGE
    },
    Route {
        path: "/select-account",
        limit: Some(Class::Authorize),
        methods: BOTH,
        handler: handler!(pages::select_account::select_account),
        ..PAGE
    },
    Route {
        path: "/authorize/continue",
        limit: Some(Class::Authorize),
        methods: GET,
        handler: handler!(oauth::authorize::resume),
        ..PAGE
    },
    Route {
        path: "/consent",
        limit: Some(Class::Authorize),
        methods: BOTH,
        handler: handler!(pages::consent::consent),
        ..PAGE
    },
    Route {
        path: "/logout",
        methods: BOTH,
        handler: handler!(pages::logout::logout),
        ..PAGE
    },
    Route {
        path: "/account",
        methods: GET,
        handler: handler!(pages::account::overview::show),
        ..ACCOUNT
    },
    Route {
        path: "/account/profile",
        handler: handler!(pages::account::profile::profile),
        ..ACCOUNT
    },
    Route {
        path: "/account/password",
        change_limit: Some(Class::SignIn),
        handler: handler!(pages::account::password::password),
        ..ACCOUNT
    },
    Route {
        path: "/account/sessions",
        handler: handler!(pages::account::sessions::sessions),
        ..ACCOUNT
    },
    Route {
        path: "/account/applications",
        methods: GET,
        handler: handler!(pages::account::applications::list),
        ..ACCOUNT
    },
    Route {
        path: "/account/applications/remove",
        handler: handler!(pages::account::applications::remove),
        ..ACCOUNT
    },
    Route {
        path: "/account/connections",
        methods: GET,
        handler: handler!(pages::account::connections::list),
        ..ACCOUNT
    },
    Route {
        path: "/account/connections/remove",
        handler: handler!(pages::account::connections::remove),
        ..ACCOUNT
    },
    Route {
        path: "/account/activity",
        methods: GET,
        handler: handler!(pages::account::activity::show),
        ..ACCOUNT
    },
    Route {
        path: "/setup",
        change_limit: Some(Class::SignIn),
        methods: BOTH,
        handler: handler!(pages::setup::setup),
        ..PAGE
    },
    Route {
        path: "/static/gatehouse.css",
        limit: Some(Class::Metadata),
        feature: Feature::Relay,
        body_limit: NO_BODY,
        handler: handler!(assets::stylesheet),
        ..PAGE
    },
    Route {
        path: "/static/reference.css",
        limit: Some(Class::Metadata),
        body_limit: NO_BODY,
        handler: handler!(assets::reference_stylesheet),
        ..PAGE
    },
    Route {
        path: "/static/gatehouse.svg",
        limit: Some(Class::Metadata),
        feature: Feature::Relay,
        body_limit: NO_BODY,
        handler: handler!(assets::logo),
        ..PAGE
    },
    Route {
        path: "/static/form_post.js",
        limit: Some(Class::Metadata),
        body_limit: NO_BODY,
        handler: handler!(assets::form_post),
        ..PAGE
    },
    Route {
        path: "/favicon.ico",
        limit: Some(Class::Metadata),
        feature: Feature::Relay,
        body_limit: NO_BODY,
        handler: handler!(assets::favicon),
        ..PAGE
    },
];
