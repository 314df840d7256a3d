//! The admin API: each noun, who may, and what it does to everybody else.

mod access;
mod authorization;
mod clients;
mod connections;
mod consents;
mod document;
mod events;
mod grants;
mod initial_access_tokens;
mod meanwhile;
mod providers;
mod resources;
mod schemathesis;
mod scopes;
mod sessions;
mod settings;
mod signing_keys;
mod stats;
mod users;
mod workloads;

use gatehouse::identity::admin_token;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::support::browser::http;
use crate::support::client::{Answer, send};
use crate::support::{Browser, TestApp};

/// What a request shows to say who it is from.
#[derive(Clone, Debug)]
pub enum Shown {
    Nothing,
    AdminToken(String),
    Bearer(String),
    /// Name and value
    Cookie(&'static str, String),
}

/// Somebody who uses the API.
#[derive(Clone, Debug)]
pub struct Caller {
    base: String,
    pub shown: Shown,
    pub headers: Vec<(&'static str, String)>,
}

pub const API: &str = "/api/admin/v1";
pub const SESSION: &str = "gatehouse_session";

impl Caller {
    pub fn new(app: &TestApp, shown: Shown) -> Self {
        Self {
            base: app.base.clone(),
            shown,
            headers: Vec::new(),
        }
    }

    /// With one more header.
    pub fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut caller = self.clone();
        caller.headers.push((name, value.into()));
        caller
    }

    /// Saying which version is to be replaced.
    pub fn having_seen(&self, tag: &str) -> Self {
        self.with("if-match", tag)
    }

    /// A request to any path of the server.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = http().request(method, format!("{}{path}", self.base));
        request = match &self.shown {
            Shown::Nothing => request,
            Shown::AdminToken(token) => request.header("x-admin-token", token),
            Shown::Bearer(token) => request.bearer_auth(token),
            // As a browser does on our own pages.
            Shown::Cookie(name, value) if self.headers.iter().any(|(name, _)| *name == "sec-fetch-site" || *name == "origin") => {
                request.header("cookie", format!("{name}={value}"))
            }
            Shown::Cookie(name, value) => request
                .header("cookie", format!("{name}={value}"))
                .header("sec-fetch-site", "same-origin"),
        };
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, &format!("{API}{path}"), None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, &format!("{API}{path}"), Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, &format!("{API}{path}"), Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, &format!("{API}{path}"), Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, &format!("{API}{path}"), None).await
    }

    /// One page of a list, and the cursor of the next.
    pub async fn page(&self, path: &str, query: &str, cursor: Option<&str>) -> (Vec<Value>, Option<String>) {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let answer = self.get(&format!("{path}?{query}{cursor}")).await;
        assert_eq!(answer.status, 200, "{path} {query}: {}", answer.body);
        let items = answer.body["items"].as_array().unwrap().clone();
        (items, answer.body["next"].as_str().map(str::to_owned))
    }

    /// A field of every item of a list, over all of its pages.
    pub async fn all(&self, path: &str, query: &str, field: &str) -> Vec<String> {
        self.rest(path, query, None, field).await
    }

    /// As [`Self::all`], from a cursor on.
    pub async fn rest(&self, path: &str, query: &str, mut cursor: Option<String>, field: &str) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            let (items, next) = self.page(path, query, cursor.as_deref()).await;
            found.extend(fields(&items, field));
            if next.is_none() {
                return found;
            }
            cursor = next;
        }
    }
}

/// A field of every item.
pub fn fields(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

/// Status, kind and field of a problem document.
pub fn problem(answer: &Answer) -> (u16, &str, &str) {
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{} {}",
        answer.status,
        answer.body
    );
    assert_eq!(answer.body["status"], answer.status);
    assert!(answer.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    assert_eq!(answer.body["request_id"], answer.header("x-request-id"));
    let kind = answer.text("type").strip_prefix("urn:gatehouse:problem:").expect("our own kinds");
    (answer.status, kind, answer.body["field"].as_str().unwrap_or(""))
}

/// Whoever holds the admin token.
pub async fn operator(app: &TestApp) -> Caller {
    let token = admin_token::reset(&app.app).await.expect("a token");
    Caller::new(app, Shown::AdminToken(token.expose_secret().to_owned()))
}

/// The cookie of somebody who signs in.
pub async fn session_cookie(app: &TestApp, username: &str) -> String {
    let browser = Browser::new();
    signed_in(app, &browser, username).await;
    browser.cookies()[SESSION].clone()
}

pub async fn signed_in(app: &TestApp, browser: &Browser, username: &str) {
    let page = browser.visit(&app.url("/login")).await;
    browser.submit(&page, &[("username", username), ("password", username)]).await;
    assert!(browser.cookies().contains_key(SESSION), "{username} is signed in");
}

/// Whether the browser shows who is signed in.
pub async fn is_signed_in(app: &TestApp, browser: &Browser, username: &str) -> bool {
    browser.visit(&app.url("/")).await.body.contains(username)
}
