//! THE table of endpoints: path, methods, who may, who reads the answer, CORS, body limit, rate limit, metadata name.
//!
//! Discovery announces what has a metadata name here. A path that is not in this table is a 404, and
//! whether somebody may is decided by [`super::dispatch`] before a handler runs. The rows stand in
//! `protocol`, `federation`, `agentcore`, `pages`, `api` and `admin`; a path may have several, with different methods.

mod admin;
mod agentcore;
mod api;
mod federation;
mod pages;
mod protocol;

use std::future::Future;
use std::pin::Pin;

use actix_web::HttpResponse;
use actix_web::http::Method;

use crate::model::limit::Class;

use super::call::Call;
use super::error::Error;

/// What a handler is.
pub type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<HttpResponse, Error>>>>;

/// Who reads the answers, errors above all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A person at a browser: pages
    Person,
    /// A program that speaks the protocol: JSON with registered error codes
    Program,
    /// A program that uses the admin API: problem documents (RFC 9457)
    Operator,
    /// A program that expects the errors of AWS: their name in a header, JSON with a message
    AgentCore,
}

/// Whether pages of other origins may read the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Any origin, without credentials
    Open,
    /// Those of `relay_origins`, without credentials
    Listed,
    /// None
    Closed,
}

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody; what credentials the endpoint wants is the protocol's to say
    Open,
    /// Whoever is signed in
    SignedIn,
    /// Administrators: those who may only read for GET and HEAD, those who may write for the rest
    Administrator,
    /// As [`Self::Administrator`]; a person must have proved who they are in the last minutes
    FreshAdministrator,
}

/// When a route exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Always
    Core,
    /// Always, and where the relay runs alone, too
    Relay,
    /// With `ENABLE_DEV_ENDPOINTS`
    Dev,
    /// With `agentcore`
    AgentCore,
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
    /// Methods; `HEAD` only where a GET changes nothing
    pub methods: &'static [Method],
    /// Who may
    pub access: Access,
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
    /// By which rates its requests are limited; `None`: by none
    pub limit: Option<Class>,
    /// The same for methods that change something, where these cost more
    pub change_limit: Option<Class>,
    /// Whether its requests may wait for somebody else, thousands of them: then they hold little meanwhile
    pub waits: bool,
    /// What it does
    pub handler: Handler,
}

const FORM: usize = 64 * 1024;
const NO_BODY: usize = 0;
const GET: &[Method] = &[Method::GET];
const READ: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const PUT: &[Method] = &[Method::PUT];
const DELETE: &[Method] = &[Method::DELETE];
const BOTH: &[Method] = &[Method::GET, Method::POST];

macro_rules! handler {
    ($handler:path) => {
        |call| Box::pin($handler(call))
    };
}

use handler;

const PAGE: Route = Route {
    path: "/",
    methods: READ,
    access: Access::Open,
    audience: Audience::Person,
    cors: Cors::Closed,
    body_limit: FORM,
    metadata: None,
    feature: Feature::Core,
    mount: Mount::Issuer,
    limit: Some(Class::Page),
    change_limit: None,
    waits: false,
    handler: handler!(super::pages::home::show),
};

const API: Route = Route {
    audience: Audience::Program,
    cors: Cors::Open,
    limit: Some(Class::Token),
    ..PAGE
};
/// What is the same for everybody.
const WELL_KNOWN: Route = Route {
    limit: Some(Class::Metadata),
    body_limit: NO_BODY,
    mount: Mount::WellKnown,
    ..API
};
const HEALTH: Route = Route {
    // A probe that is refused takes the node out of service.
    limit: None,
    cors: Cors::Closed,
    feature: Feature::Relay,
    body_limit: NO_BODY,
    mount: Mount::Everywhere,
    handler: handler!(super::health::live),
    ..API
};
const DEV: Route = Route {
    cors: Cors::Closed,
    feature: Feature::Dev,
    methods: BOTH,
    ..API
};

/// Every endpoint.
pub fn all() -> impl Iterator<Item = &'static Route> {
    protocol::ROUTES
        .iter()
        .chain(federation::ROUTES)
        .chain(agentcore::ROUTES)
        .chain(pages::ROUTES)
        .chain(api::ROUTES)
        .chain(admin::ROUTES)
}

/// The endpoints that metadata announces: name and path.
#[must_use]
pub fn announced() -> Vec<(&'static str, &'static str)> {
    all().filter_map(|route| Some((route.metadata?, route.path))).collect()
}

impl Route {
    /// By which rates a request with this method is limited.
    #[must_use]
    pub fn class(&self, method: &Method) -> Option<Class> {
        match self.change_limit {
            Some(class) if !method.is_safe() => Some(class),
            _ => self.limit,
        }
    }

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
