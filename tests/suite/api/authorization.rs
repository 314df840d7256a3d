//! Every endpoint × everybody: who is let in. A route that has no line here fails the test.

mod table;

use std::collections::BTreeSet;

use gatehouse::admin::access::FRESH;
use gatehouse::web::routes::{self, Access, Audience, Feature, Route};
use reqwest::Method;

use self::table::TABLE;
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

use Class::{AdminFresh, AdminRead, AdminWrite};

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
