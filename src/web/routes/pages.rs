//! The pages that people see when they sign in, and what these load.

use super::{BOTH, GET, NO_BODY, PAGE, Route, handler};
use crate::web::{assets, oauth, pages};

pub(super) static ROUTES: &[Route] = &[
    Route { path: "/", ..PAGE },
    Route {
        path: "/login",
        methods: BOTH,
        handler: handler!(pages::login::login),
        ..PAGE
    },
    Route {
        path: "/select-account",
        methods: BOTH,
        handler: handler!(pages::select_account::select_account),
        ..PAGE
    },
    Route {
        path: "/authorize/continue",
        methods: GET,
        handler: handler!(oauth::authorize::resume),
        ..PAGE
    },
    Route {
        path: "/consent",
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
        path: "/setup",
        methods: BOTH,
        handler: handler!(pages::setup::setup),
        ..PAGE
    },
    Route {
        path: "/static/gatehouse.css",
        body_limit: NO_BODY,
        handler: handler!(assets::stylesheet),
        ..PAGE
    },
    Route {
        path: "/static/reference.css",
        body_limit: NO_BODY,
        handler: handler!(assets::reference_stylesheet),
        ..PAGE
    },
    Route {
        path: "/static/gatehouse.svg",
        body_limit: NO_BODY,
        handler: handler!(assets::logo),
        ..PAGE
    },
    Route {
        path: "/static/form_post.js",
        body_limit: NO_BODY,
        handler: handler!(assets::form_post),
        ..PAGE
    },
    Route {
        path: "/favicon.ico",
        body_limit: NO_BODY,
        handler: handler!(assets::favicon),
        ..PAGE
    },
];
