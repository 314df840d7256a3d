//! THE table of endpoints: path, methods, who reads the answer, CORS, body limit, metadata name.
//!
//! Discovery announces what has a metadata name here. A path that is not in this table is a 404.

use std::future::Future;
use std::pin::Pin;

use actix_web::HttpResponse;
use actix_web::http::Method;

use super::call::Call;
use super::error::Error;
use super::{assets, dev, health, oauth, pages};

/// What a handler is.
pub type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<HttpResponse, Error>>>>;

/// Who reads the answers, errors above all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A person at a browser: pages
    Person,
    /// A program: JSON with registered error codes
    Program,
}

/// Whether pages of other origins may read the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Any origin, without credentials
    Open,
    /// None
    Closed,
}

/// When a route exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Always
    Core,
    /// With `ENABLE_DEV_ENDPOINTS`
    Dev,
}

/// Where a path is mounted when the issuer has a path of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    /// Below the issuer
    Issuer,
    /// Below the issuer, and as `/.well-known/NAME/PATH` (RFC 8414 §3.1)
    WellKnown,
    /// At the root, for probes of the platform, and below the issuer
    Everywhere,
}

/// One row.
pub struct Route {
    /// Path below the issuer
    pub path: &'static str,
    /// Methods; `HEAD` goes with `GET`
    pub methods: &'static [Method],
    /// Who reads the answers
    pub audience: Audience,
    /// Who else may
    pub cors: Cors,
    /// The longest body, in bytes
    pub body_limit: usize,
    /// Its name in the metadata
    pub metadata: Option<&'static str>,
    /// When it exists
    pub feature: Feature,
    /// Where it is mounted
    pub mount: Mount,
    /// What it does
    pub handler: Handler,
}

const FORM: usize = 64 * 1024;
const NO_BODY: usize = 0;
const GET: &[Method] = &[Method::GET];
const POST: &[Method] = &[Method::POST];
const BOTH: &[Method] = &[Method::GET, Method::POST];

macro_rules! handler {
    ($handler:path) => {
        |call| Box::pin($handler(call))
    };
}

const PAGE: Route = Route {
    path: "/",
    methods: GET,
    audience: Audience::Person,
    cors: Cors::Closed,
    body_limit: FORM,
    metadata: None,
    feature: Feature::Core,
    mount: Mount::Issuer,
    handler: handler!(pages::home::show),
};

const API: Route = Route {
    audience: Audience::Program,
    cors: Cors::Open,
    ..PAGE
};
const WELL_KNOWN: Route = Route {
    body_limit: NO_BODY,
    mount: Mount::WellKnown,
    ..API
};
const HEALTH: Route = Route {
    cors: Cors::Closed,
    body_limit: NO_BODY,
    mount: Mount::Everywhere,
    handler: handler!(health::live),
    ..API
};
const DEV: Route = Route {
    cors: Cors::Closed,
    feature: Feature::Dev,
    methods: BOTH,
    ..API
};

/// Every endpoint.
pub static ROUTES: &[Route] = &[
    // the protocol
    Route {
        path: "/authorize",
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
        methods: BOTH,
        metadata: Some("userinfo_endpoint"),
        handler: handler!(oauth::userinfo::userinfo),
        ..API
    },
    Route {
        path: "/jwks",
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
    // the pages
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
    // health
    Route { path: "/health", ..HEALTH },
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

/// The endpoints that metadata announces: name and path.
#[must_use]
pub fn announced() -> Vec<(&'static str, &'static str)> {
    ROUTES.iter().filter_map(|route| Some((route.metadata?, route.path))).collect()
}

impl Route {
    /// The paths at which it is served for an issuer with this path.
    #[must_use]
    pub fn paths(&self, issuer_path: &str) -> Vec<String> {
        let mut paths = vec![format!("{issuer_path}{}", self.path)];
        if !issuer_path.is_empty() {
            if self.path == "/" {
                // The issuer itself, without a slash at the end.
                paths.push(issuer_path.to_owned());
            }
            match self.mount {
                Mount::Issuer => {}
                Mount::WellKnown => paths.push(format!("{}{issuer_path}", self.path)),
                Mount::Everywhere => paths.push(self.path.to_owned()),
            }
        }
        paths
    }
}
