//! The pages of the administration, at `/admin`.

use super::{Access, BOTH, GET, PAGE, POST, Route, handler};
use crate::web::admin::ui;

/// A row of the pages.
const ADMIN: Route = Route {
    access: Access::Administrator,
    methods: GET,
    ..PAGE
};

pub(super) static ROUTES: &[Route] = &[
    Route {
        path: "/admin/sign-in",
        access: Access::Open,
        methods: BOTH,
        handler: handler!(ui::sign_in::sign_in),
        ..ADMIN
    },
    Route {
        path: "/admin/sign-out",
        access: Access::Open,
        methods: POST,
        handler: handler!(ui::sign_in::sign_out),
        ..ADMIN
    },
    Route {
        path: "/admin",
        handler: handler!(ui::dashboard::show),
        ..ADMIN
    },
];
