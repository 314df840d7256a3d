//! Every endpoint × everybody: who is let in. A route that has no line here fails the test.

use std::collections::BTreeSet;

use gatehouse::admin::access::FRESH;
use gatehouse::web::routes::{self, Access, Audience, Feature, Route};
use reqwest::Method;

use super::access::{automation, own_token};
use super::{Caller, SESSION, Shown, problem, session_cookie};
use crate::support::app::Options;
use crate::support::{Browser, Database, TestApp};

/// Who may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Everybody; the statuses that anybody may get
    Open(&'static [u16]),
    /// Whoever is signed in as a user
    SignedIn,
    /// Everybody who administers
    AdminRead,
    /// Those who may change things
    AdminWrite,
    /// Those who may change things and proved just now who they are
    AdminFresh,
    /// Only whoever shows the admin token itself
    AdminToken,
}

use Class::{AdminFresh, AdminRead, AdminToken, AdminWrite, Open, SignedIn};

/// A line for each method and path. A GET that has a HEAD answers it alike.
const TABLE: &[(&str, &str, Class)] = &[
    // the protocol: clients and tokens prove who they are to it, not sessions
    ("GET", "/authorize", Open(&[400])),
    ("POST", "/authorize", Open(&[400])),
    ("POST", "/token", Open(&[400])),
    ("POST", "/introspect", Open(&[400])),
    ("POST", "/revoke", Open(&[400])),
    ("GET", "/userinfo", Open(&[401, 403, 200])),
    ("POST", "/userinfo", Open(&[401, 403, 200])),
    ("POST", "/register", Open(&[400])),
    ("GET", "/register/{client_id}", Open(&[401, 429])),
    ("PUT", "/register/{client_id}", Open(&[400, 401, 429])),
    ("DELETE", "/register/{client_id}", Open(&[401, 429])),
    ("GET", "/jwks", Open(&[200])),
    ("GET", "/.well-known/jwks.json", Open(&[200])),
    ("GET", "/.well-known/openid-configuration", Open(&[200])),
    ("GET", "/.well-known/oauth-authorization-server", Open(&[200])),
    ("GET", "/.well-known/oauth-protected-resource", Open(&[400])),
    // the callback relay: programs prove who they are to it, browsers bring what a provider has sent
    ("GET", "/callback", Open(&[400])),
    ("POST", "/callback", Open(&[400])),
    ("GET", "/callback/continue", Open(&[400])),
    ("POST", "/api/callbacks", Open(&[401, 403])),
    ("GET", "/api/callback/{state}", Open(&[401, 403])),
    ("DELETE", "/api/callback/{state}", Open(&[401, 403])),
    ("GET", "/api/callback/{state}/events", Open(&[401, 403])),
    // flows of agents: not there unless they lead somewhere
    ("POST", "/userIdentifier/token", Open(&[404])),
    ("GET", "/oauth2/callback", Open(&[400])),
    // tokens of workloads: clients prove who they are to it
    ("POST", "/api/vault/workload-token", Open(&[401, 403])),
    // what agents do with them
    ("POST", "/api/vault/token", Open(&[401])),
    ("POST", "/api/vault/api-key", Open(&[401])),
    ("GET", "/api/vault/session", Open(&[401])),
    ("DELETE", "/api/vault/session", Open(&[401])),
    ("POST", "/api/vault/session/complete", Open(&[401])),
    // programs of AgentCore: nothing that is not signed with an access key
    ("POST", "/identities/GetWorkloadAccessToken", Open(&[400, 403])),
    ("POST", "/identities/GetWorkloadAccessTokenForJWT", Open(&[400, 403])),
    ("POST", "/identities/GetWorkloadAccessTokenForUserId", Open(&[400, 403])),
    ("POST", "/identities/oauth2/token", Open(&[400, 403])),
    ("POST", "/identities/CompleteResourceTokenAuth", Open(&[400, 403])),
    ("POST", "/identities/api-key", Open(&[400, 403])),
    ("POST", "/identities/CreateWorkloadIdentity", Open(&[400, 403])),
    ("POST", "/identities/GetWorkloadIdentity", Open(&[400, 403])),
    ("POST", "/identities/UpdateWorkloadIdentity", Open(&[400, 403])),
    ("POST", "/identities/ListWorkloadIdentities", Open(&[400, 403])),
    ("POST", "/identities/DeleteWorkloadIdentity", Open(&[400, 403])),
    ("POST", "/identities/CreateOauth2CredentialProvider", Open(&[400, 403])),
    ("POST", "/identities/GetOauth2CredentialProvider", Open(&[400, 403])),
    ("POST", "/identities/UpdateOauth2CredentialProvider", Open(&[400, 403])),
    ("POST", "/identities/ListOauth2CredentialProviders", Open(&[400, 403])),
    ("POST", "/identities/DeleteOauth2CredentialProvider", Open(&[400, 403])),
    ("POST", "/identities/CreateApiKeyCredentialProvider", Open(&[400, 403])),
    ("POST", "/identities/GetApiKeyCredentialProvider", Open(&[400, 403])),
    ("POST", "/identities/UpdateApiKeyCredentialProvider", Open(&[400, 403])),
    ("POST", "/identities/ListApiKeyCredentialProviders", Open(&[400, 403])),
    ("POST", "/identities/DeleteApiKeyCredentialProvider", Open(&[400, 403])),
    // people who are asked: a link of one's own is needed
    ("GET", "/connect/{session}", Open(&[410])),
    ("POST", "/connect/{session}", Open(&[410])),
    ("GET", "/connect/callback/{provider}", Open(&[410])),
    // probes
    ("GET", "/health", Open(&[200])),
    ("GET", "/healthz", Open(&[200])),
    ("GET", "/ping", Open(&[200])),
    ("GET", "/readyz", Open(&[200])),
    // development
    ("GET", "/dev/seed", AdminToken),
    ("POST", "/dev/seed", AdminToken),
    ("GET", "/dev/pkce", AdminToken),
    ("GET", "/dev/clients", AdminToken),
    ("POST", "/dev/clients", AdminToken),
    // pages; a form that is not ours is refused with 400 or 403
    ("GET", "/", Open(&[200])),
    ("GET", "/login", Open(&[200, 303])),
    ("POST", "/login", Open(&[400, 403])),
    ("GET", "/select-account", Open(&[400])),
    ("POST", "/select-account", Open(&[400, 403])),
    ("GET", "/authorize/continue", Open(&[400])),
    ("GET", "/consent", Open(&[400])),
    ("POST", "/consent", Open(&[400, 403])),
    ("GET", "/logout", Open(&[200])),
    ("POST", "/logout", Open(&[200, 400, 403])),
    ("GET", "/setup", Open(&[200, 410])),
    ("POST", "/setup", Open(&[400, 403, 410])),
    ("GET", "/static/gatehouse.css", Open(&[200])),
    ("GET", "/static/gatehouse.svg", Open(&[200])),
    ("GET", "/static/form_post.js", Open(&[200])),
    ("GET", "/favicon.ico", Open(&[200])),
    ("GET", "/static/admin.css", Open(&[200])),
    ("GET", "/static/admin.js", Open(&[200])),
    ("GET", "/static/admin_charts.css", Open(&[200])),
    ("GET", "/static/admin_parts.css", Open(&[200])),
    ("GET", "/static/reference.css", Open(&[200])),
    // people's own pages
    ("GET", "/account", SignedIn),
    ("GET", "/account/activity", SignedIn),
    ("GET", "/account/applications", SignedIn),
    ("GET", "/account/applications/remove", SignedIn),
    ("POST", "/account/applications/remove", SignedIn),
    ("GET", "/account/connections", SignedIn),
    ("GET", "/account/connections/remove", SignedIn),
    ("POST", "/account/connections/remove", SignedIn),
    ("GET", "/account/password", SignedIn),
    ("POST", "/account/password", SignedIn),
    ("GET", "/account/profile", SignedIn),
    ("POST", "/account/profile", SignedIn),
    ("GET", "/account/sessions", SignedIn),
    ("POST", "/account/sessions", SignedIn),
    // the admin API
    ("GET", "/api/openapi.json", Open(&[200])),
    ("GET", "/api/docs", Open(&[200])),
    ("GET", "/api/admin/v1/clients", AdminRead),
    ("POST", "/api/admin/v1/clients", AdminWrite),
    ("GET", "/api/admin/v1/clients/{client_id}", AdminRead),
    ("PUT", "/api/admin/v1/clients/{client_id}", AdminWrite),
    ("PATCH", "/api/admin/v1/clients/{client_id}", AdminWrite),
    ("DELETE", "/api/admin/v1/clients/{client_id}", AdminWrite),
    ("POST", "/api/admin/v1/clients/{client_id}/secret", AdminWrite),
    ("GET", "/api/admin/v1/initial-access-tokens", AdminRead),
    ("POST", "/api/admin/v1/initial-access-tokens", AdminWrite),
    ("DELETE", "/api/admin/v1/initial-access-tokens/{id}", AdminWrite),
    ("GET", "/api/admin/v1/users", AdminRead),
    ("POST", "/api/admin/v1/users", AdminWrite),
    ("GET", "/api/admin/v1/users/{id}", AdminRead),
    ("PUT", "/api/admin/v1/users/{id}", AdminWrite),
    ("PATCH", "/api/admin/v1/users/{id}", AdminWrite),
    ("DELETE", "/api/admin/v1/users/{id}", AdminWrite),
    ("POST", "/api/admin/v1/users/{id}/password", AdminWrite),
    ("POST", "/api/admin/v1/users/{id}/sign-out", AdminWrite),
    ("GET", "/api/admin/v1/resources", AdminRead),
    ("GET", "/api/admin/v1/resources/{identifier}", AdminRead),
    ("PUT", "/api/admin/v1/resources/{identifier}", AdminWrite),
    ("PATCH", "/api/admin/v1/resources/{identifier}", AdminWrite),
    ("DELETE", "/api/admin/v1/resources/{identifier}", AdminWrite),
    ("GET", "/api/admin/v1/providers", AdminRead),
    ("POST", "/api/admin/v1/providers", AdminWrite),
    ("GET", "/api/admin/v1/providers/presets", AdminRead),
    ("GET", "/api/admin/v1/providers/{id}", AdminRead),
    ("PATCH", "/api/admin/v1/providers/{id}", AdminWrite),
    ("DELETE", "/api/admin/v1/providers/{id}", AdminWrite),
    ("POST", "/api/admin/v1/providers/{id}/check", AdminWrite),
    ("GET", "/api/admin/v1/scopes", AdminRead),
    ("GET", "/api/admin/v1/scopes/{name}", AdminRead),
    ("PUT", "/api/admin/v1/scopes/{name}", AdminWrite),
    ("PATCH", "/api/admin/v1/scopes/{name}", AdminWrite),
    ("DELETE", "/api/admin/v1/scopes/{name}", AdminWrite),
    ("GET", "/api/admin/v1/access-keys", AdminRead),
    ("POST", "/api/admin/v1/access-keys", AdminWrite),
    ("GET", "/api/admin/v1/access-keys/{id}", AdminRead),
    ("PATCH", "/api/admin/v1/access-keys/{id}", AdminWrite),
    ("DELETE", "/api/admin/v1/access-keys/{id}", AdminWrite),
    ("GET", "/api/admin/v1/workloads", AdminRead),
    ("POST", "/api/admin/v1/workloads", AdminWrite),
    ("GET", "/api/admin/v1/workloads/{name}", AdminRead),
    ("PATCH", "/api/admin/v1/workloads/{name}", AdminWrite),
    ("DELETE", "/api/admin/v1/workloads/{name}", AdminWrite),
    ("GET", "/api/admin/v1/connections", AdminRead),
    ("GET", "/api/admin/v1/connections/{id}", AdminRead),
    ("DELETE", "/api/admin/v1/connections/{id}", AdminWrite),
    ("GET", "/api/admin/v1/consents", AdminRead),
    ("DELETE", "/api/admin/v1/consents/{user_id}/{client_id}", AdminWrite),
    ("GET", "/api/admin/v1/grants", AdminRead),
    ("GET", "/api/admin/v1/grants/{id}", AdminRead),
    ("POST", "/api/admin/v1/grants/{id}/revoke", AdminWrite),
    ("GET", "/api/admin/v1/sessions", AdminRead),
    ("GET", "/api/admin/v1/sessions/{id}", AdminRead),
    ("DELETE", "/api/admin/v1/sessions/{id}", AdminWrite),
    ("GET", "/api/admin/v1/signing-keys", AdminRead),
    ("POST", "/api/admin/v1/signing-keys/rotate", AdminWrite),
    ("GET", "/api/admin/v1/signing-keys/{kid}", AdminRead),
    ("POST", "/api/admin/v1/signing-keys/{kid}/retire", AdminWrite),
    ("GET", "/api/admin/v1/events", AdminRead),
    ("GET", "/api/admin/v1/events/{event_id}", AdminRead),
    ("GET", "/api/admin/v1/settings", AdminRead),
    ("PATCH", "/api/admin/v1/settings", AdminWrite),
    ("GET", "/api/admin/v1/stats", AdminRead),
    // the admin pages
    ("GET", "/admin/sign-in", Open(&[200, 303, 401])),
    ("POST", "/admin/sign-in", Open(&[200, 303, 400, 403])),
    ("POST", "/admin/sign-out", Open(&[200, 303, 400, 401, 403])),
    ("GET", "/admin", AdminRead),
    ("GET", "/admin/clients", AdminRead),
    ("GET", "/admin/clients/{client_id}", AdminRead),
    ("POST", "/admin/clients/{client_id}", AdminFresh),
    ("GET", "/admin/clients/{client_id}/access", AdminRead),
    ("GET", "/admin/clients/{client_id}/connect", AdminRead),
    ("GET", "/admin/clients/{client_id}/delete", AdminRead),
    ("POST", "/admin/clients/{client_id}/delete", AdminFresh),
    ("GET", "/admin/clients/{client_id}/disabled", AdminRead),
    ("POST", "/admin/clients/{client_id}/disabled", AdminWrite),
    ("GET", "/admin/clients/{client_id}/playground", AdminRead),
    ("POST", "/admin/clients/{client_id}/playground", AdminWrite),
    ("POST", "/admin/clients/{client_id}/playground/register", AdminWrite),
    ("GET", "/admin/clients/{client_id}/secret", AdminRead),
    ("POST", "/admin/clients/{client_id}/secret", AdminFresh),
    ("GET", "/admin/confirm", AdminRead),
    ("POST", "/admin/confirm", AdminWrite),
    ("GET", "/admin/consents", AdminRead),
    ("GET", "/admin/consents/withdraw", AdminRead),
    ("POST", "/admin/consents/withdraw", AdminWrite),
    ("GET", "/admin/events", AdminRead),
    ("GET", "/admin/events/{event_id}", AdminRead),
    ("GET", "/admin/grants", AdminRead),
    ("GET", "/admin/grants/{id}/revoke", AdminRead),
    ("POST", "/admin/grants/{id}/revoke", AdminWrite),
    ("GET", "/admin/initial-access-tokens", AdminRead),
    ("GET", "/admin/initial-access-tokens/{id}/delete", AdminRead),
    ("POST", "/admin/initial-access-tokens/{id}/delete", AdminFresh),
    ("GET", "/admin/new-initial-access-token", AdminRead),
    ("POST", "/admin/new-initial-access-token", AdminFresh),
    ("GET", "/admin/new-client", AdminRead),
    ("POST", "/admin/new-client", AdminFresh),
    ("GET", "/admin/new-scope", AdminRead),
    ("POST", "/admin/new-scope", AdminWrite),
    ("GET", "/admin/new-user", AdminRead),
    ("POST", "/admin/new-user", AdminFresh),
    ("GET", "/admin/playground/callback", AdminRead),
    ("POST", "/admin/playground/redeem", AdminWrite),
    ("POST", "/admin/playground/use", AdminWrite),
    ("GET", "/admin/rotate-signing-key", AdminRead),
    ("POST", "/admin/rotate-signing-key", AdminFresh),
    ("GET", "/admin/providers", AdminRead),
    ("GET", "/admin/new-provider", AdminRead),
    ("POST", "/admin/new-provider", AdminFresh),
    ("GET", "/admin/providers/{id}", AdminRead),
    ("POST", "/admin/providers/{id}", AdminFresh),
    ("GET", "/admin/providers/{id}/check", AdminRead),
    ("POST", "/admin/providers/{id}/check", AdminWrite),
    ("GET", "/admin/providers/{id}/secret", AdminRead),
    ("POST", "/admin/providers/{id}/secret", AdminFresh),
    ("GET", "/admin/providers/{id}/disabled", AdminRead),
    ("POST", "/admin/providers/{id}/disabled", AdminWrite),
    ("GET", "/admin/providers/{id}/delete", AdminRead),
    ("POST", "/admin/providers/{id}/delete", AdminFresh),
    ("GET", "/admin/workloads", AdminRead),
    ("GET", "/admin/new-workload", AdminRead),
    ("POST", "/admin/new-workload", AdminFresh),
    ("GET", "/admin/workloads/{name}", AdminRead),
    ("POST", "/admin/workloads/{name}", AdminFresh),
    ("GET", "/admin/workloads/{name}/connect", AdminRead),
    ("GET", "/admin/workloads/{name}/disabled", AdminRead),
    ("POST", "/admin/workloads/{name}/disabled", AdminWrite),
    ("GET", "/admin/workloads/{name}/delete", AdminRead),
    ("POST", "/admin/workloads/{name}/delete", AdminFresh),
    ("GET", "/admin/connections", AdminRead),
    ("GET", "/admin/connections/{id}/remove", AdminRead),
    ("POST", "/admin/connections/{id}/remove", AdminWrite),
    ("GET", "/admin/resources", AdminRead),
    ("GET", "/admin/new-resource", AdminRead),
    ("POST", "/admin/new-resource", AdminFresh),
    ("GET", "/admin/resources/{identifier}", AdminRead),
    ("POST", "/admin/resources/{identifier}", AdminFresh),
    ("GET", "/admin/resources/{identifier}/delete", AdminRead),
    ("POST", "/admin/resources/{identifier}/delete", AdminFresh),
    ("GET", "/admin/scopes", AdminRead),
    ("GET", "/admin/scopes/{name}", AdminRead),
    ("POST", "/admin/scopes/{name}", AdminWrite),
    ("GET", "/admin/scopes/{name}/delete", AdminRead),
    ("POST", "/admin/scopes/{name}/delete", AdminFresh),
    ("GET", "/admin/sessions", AdminRead),
    ("GET", "/admin/sessions/{id}/end", AdminRead),
    ("POST", "/admin/sessions/{id}/end", AdminWrite),
    ("GET", "/admin/settings", AdminRead),
    ("GET", "/admin/settings/{key}", AdminRead),
    ("POST", "/admin/settings/{key}", AdminFresh),
    ("GET", "/admin/signing-keys", AdminRead),
    ("GET", "/admin/signing-keys/{kid}/retire", AdminRead),
    ("POST", "/admin/signing-keys/{kid}/retire", AdminFresh),
    ("GET", "/admin/users", AdminRead),
    ("GET", "/admin/users/{id}", AdminRead),
    ("POST", "/admin/users/{id}", AdminFresh),
    ("GET", "/admin/users/{id}/access", AdminRead),
    ("GET", "/admin/users/{id}/delete", AdminRead),
    ("POST", "/admin/users/{id}/delete", AdminFresh),
    ("GET", "/admin/users/{id}/disabled", AdminRead),
    ("POST", "/admin/users/{id}/disabled", AdminWrite),
    ("GET", "/admin/users/{id}/password", AdminRead),
    ("POST", "/admin/users/{id}/password", AdminFresh),
    ("GET", "/admin/users/{id}/sessions", AdminRead),
    ("GET", "/admin/users/{id}/sign-out", AdminRead),
    ("POST", "/admin/users/{id}/sign-out", AdminWrite),
];

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    User,
    Auditor,
    Admin,
    ReadToken,
    WriteToken,
    /// A token that acts for an administrator, with the scope `admin:write`
    HandedOn,
    /// A token with `admin:write` of another issuer, signed with the same keys
    Foreign,
}

/// What they get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    LetIn,
    /// 401, or 303 to the sign-in page where people are asked
    WhoAreYou,
    /// 401: what was shown is wrong
    Wrong,
    /// 403
    Forbidden,
    /// 401 or 429
    WrongOrThrottled,
    OneOf(&'static [u16]),
}

fn expected(class: Class, who: Who) -> Expected {
    match (class, who) {
        (Class::Open(statuses), _) => Expected::OneOf(statuses),
        (Class::SignedIn, Who::User | Who::Auditor | Who::Admin) => Expected::LetIn,
        (Class::AdminToken, _) => Expected::WrongOrThrottled,
        (Class::SignedIn, _) | (_, Who::Nobody) => Expected::WhoAreYou,
        (_, Who::Foreign) => Expected::Wrong,
        (_, Who::User | Who::HandedOn) | (Class::AdminWrite | Class::AdminFresh, Who::Auditor | Who::ReadToken) => Expected::Forbidden,
        (Class::AdminRead | Class::AdminWrite | Class::AdminFresh, _) => Expected::LetIn,
    }
}

/// Something that a placeholder can stand for, and that there is not: nothing is changed.
fn sample(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let filled: Vec<&str> = parts
        .iter()
        .map(|part| if part.starts_with('{') { "no-such-thing" } else { part })
        .collect();
    filled.join("/")
}

fn judge(route: &Route, expected: Expected, status: u16, location: &str) -> bool {
    let is_page = route.audience == Audience::Person;
    match expected {
        Expected::WhoAreYou if is_page => {
            status == 303
                && location.contains(if route.access == Access::SignedIn {
                    "/login"
                } else {
                    "/admin/sign-in"
                })
        }
        Expected::WhoAreYou | Expected::Wrong => status == 401,
        Expected::Forbidden => status == 403,
        Expected::WrongOrThrottled => matches!(status, 401 | 429),
        Expected::OneOf(statuses) => statuses.contains(&status),
        // A form without its token is refused later, with 403; on a page that only shows something nothing is.
        Expected::LetIn if is_page && route.methods.iter().any(|method| method.as_str() == "POST") => {
            status < 500 && status != 401 && !location.contains("sign-in")
        }
        Expected::LetIn => status < 500 && !matches!(status, 401 | 403 | 429) && !location.contains("sign-in"),
    }
}

#[test]
fn every_route_has_its_line() {
    let lines: BTreeSet<(&str, &str)> = TABLE.iter().map(|(method, path, _)| (*method, *path)).collect();
    assert_eq!(lines.len(), TABLE.len(), "a line is there twice");
    let mut routes = BTreeSet::new();
    for route in routes::all() {
        for method in route.methods.iter().filter(|method| method.as_str() != "HEAD") {
            assert!(routes.insert((method.as_str(), route.path)), "two rows for {method} {}", route.path);
        }
    }
    let missing: Vec<_> = routes.difference(&lines).collect();
    let gone: Vec<_> = lines.difference(&routes).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "without a line: {missing:?}; without a route: {gone:?}"
    );
    for route in routes::all() {
        for method in route.methods {
            let key = if method.as_str() == "HEAD" { "GET" } else { method.as_str() };
            let (_, _, class) = TABLE
                .iter()
                .find(|(method, path, _)| (*method, *path) == (key, route.path))
                .unwrap();
            let fits = match class {
                Class::Open(_) => route.access == Access::Open,
                Class::AdminToken => route.access == Access::Open && route.feature == Feature::Dev,
                Class::SignedIn => route.access == Access::SignedIn,
                Class::AdminRead => matches!(route.access, Access::Administrator | Access::FreshAdministrator) && method.is_safe(),
                Class::AdminWrite => route.access == Access::Administrator && !method.is_safe(),
                Class::AdminFresh => route.access == Access::FreshAdministrator && !method.is_safe(),
            };
            assert!(fits, "{method} {} is {:?}, not {class:?}", route.path, route.access);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_let_in_where_they_may_and_nowhere_else() {
    let settings = vec![("enable_dev_endpoints", "true".to_owned()), ("agentcore", "on".to_owned())];
    let options = Options {
        settings,
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    let elsewhere = TestApp::start(Database::Sqlite).await;
    app.user("user").await;
    app.user_with("auditor", |new| new.roles = vec!["auditor".to_owned()]).await;
    app.user_with("admin", |new| new.roles = vec!["admin".to_owned()]).await;
    let client = automation(&app).await;
    let page = client.authorize(&Browser::new(), "admin", &[("scope", "openid admin:write")]).await;
    let handed_on = client.redeem(&page.answer("code").unwrap()).await.text("access_token").to_owned();
    let foreign = own_token(&automation(&elsewhere).await, "admin:write").await;
    let session = async |name: &str| Shown::Cookie(SESSION, session_cookie(&app, name).await);
    let callers = [
        (Who::Nobody, Shown::Nothing),
        (Who::User, session("user").await),
        (Who::Auditor, session("auditor").await),
        (Who::Admin, session("admin").await),
        (Who::ReadToken, Shown::Bearer(own_token(&client, "admin:read").await)),
        (Who::WriteToken, Shown::Bearer(own_token(&client, "admin:write").await)),
        (Who::HandedOn, Shown::Bearer(handed_on)),
        (Who::Foreign, Shown::Bearer(foreign)),
    ];
    let mut wrong = Vec::new();
    for route in routes::all() {
        for method in route.methods {
            let key = if method.as_str() == "HEAD" { "GET" } else { method.as_str() };
            let line = TABLE.iter().find(|(method, path, _)| (*method, *path) == (key, route.path));
            let Some((_, _, class)) = line else { continue };
            for (who, shown) in &callers {
                let caller = Caller::new(&app, shown.clone());
                let method = Method::from_bytes(method.as_str().as_bytes()).expect("a method");
                let answer = caller.send(method.clone(), &sample(route.path), None).await;
                let expected = expected(*class, *who);
                if !judge(route, expected, answer.status, answer.header("location")) {
                    wrong.push(format!(
                        "{method} {} by {who:?}: {} instead of {expected:?}",
                        route.path, answer.status
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signed_in_long_ago_looks_on_and_proves_it_again_before_what_is_dangerous() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user_with("admin", |new| new.roles = vec!["admin".to_owned()]).await;
    let session = Caller::new(&app, Shown::Cookie(SESSION, session_cookie(&app, "admin").await));
    app.advance(u64::try_from(FRESH).expect("a time") + 1);
    let token = own_token(&automation(&app).await, "admin:write").await;
    let program = Caller::new(&app, Shown::Bearer(token));
    let (mut wrong, mut pages, mut changes) = (Vec::new(), 0, 0);
    for (method, path, class) in TABLE {
        if !matches!(class, AdminRead | AdminWrite | AdminFresh) {
            continue;
        }
        let route = routes::all().find(|route| route.path == *path && route.methods.iter().any(|one| one.as_str() == *method));
        let route = route.expect("a route");
        let sent = Method::from_bytes(method.as_bytes()).expect("a method");
        let answer = session.send(sent.clone(), &sample(path), None).await;
        let location = answer.header("location");
        let is_right = if *class == AdminFresh {
            pages += 1;
            answer.status == 303 && location.starts_with("/admin/confirm?next=")
        } else if *class == AdminWrite && route.audience == Audience::Operator {
            changes += 1;
            let let_in = program.send(sent, &sample(path), None).await;
            problem(&answer) == (403, "sign-in-too-old", "") && judge(route, Expected::LetIn, let_in.status, let_in.header("location"))
        } else {
            !location.contains("/admin/confirm") && judge(route, Expected::LetIn, answer.status, location)
        };
        if !is_right {
            wrong.push(format!("{method} {path}: {} {location}", answer.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(pages > 10 && changes > 15, "{pages} pages and {changes} changes");
}
