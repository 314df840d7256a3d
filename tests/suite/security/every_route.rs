//! What holds for every row of the table of routes, for good answers and for refusals: headers, caching, CORS, methods. A route
//! that is added is looked at here without a line of its own.

use gatehouse::web::routes::{self, Access, Audience, Cors, Feature, Route};
use reqwest::Method;

use crate::admin_pages::Desk;
use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::{Database, TestApp};

const ELSEWHERE: &str = "https://evil.example";

/// What may be kept by a cache: it is the same for everybody.
fn is_public(path: &str) -> bool {
    ["/static/", "/favicon.ico", "/jwks", "/.well-known/", "/api/openapi.json"]
        .iter()
        .any(|beginning| path.starts_with(beginning))
}

/// A server on which everything is switched on, with somebody who administers it.
async fn desk() -> Desk {
    let settings = [
        ("enable_dev_endpoints", "true"),
        ("agentcore", "on"),
        ("relay_origins", "https://listed.example"),
    ];
    let options = Options {
        settings: settings.map(|(key, value)| (key, value.to_owned())).to_vec(),
        ..Options::default()
    };
    Desk::of(TestApp::start_with(Database::Sqlite, options).await).await
}

/// The path of a row, with something that there is not in its placeholders.
pub fn sample(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .map(|part| if part.starts_with('{') { "no-such-thing" } else { part })
        .collect();
    parts.join("/")
}

/// What was answered, with what was asked for.
struct Seen {
    route: &'static Route,
    what: String,
    answer: reqwest::Response,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.answer
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().expect("a header"))
    }

    fn status(&self) -> u16 {
        self.answer.status().as_u16()
    }
}

/// Every cookie that a browser has in which an administrator signs in.
async fn cookies_of_an_administrator(desk: &Desk) -> Vec<String> {
    let app = &desk.app;
    app.user_with("admin", |new| new.roles = vec!["admin".to_owned()]).await;
    let page = desk.browser.visit(&app.url("/login")).await;
    desk.browser.submit(&page, &[("username", "admin"), ("password", "admin")]).await;
    let cookies = desk.browser.cookies();
    cookies.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// Everything that every row answers: each method of it and one that it does not have, by nobody and by whoever has every
/// cookie and the admin token. Those that wait for somebody are not waited for.
async fn answers(desk: &Desk) -> Vec<Seen> {
    let app = &desk.app;
    let cookies = cookies_of_an_administrator(desk).await;
    assert!(cookies.len() >= 4, "{cookies:?}");
    let mut seen = Vec::new();
    for route in routes::all() {
        let unknown = Method::from_bytes(b"PROPFIND").expect("a method");
        for method in route
            .methods
            .iter()
            .map(|method| method.as_str().parse().expect("a method"))
            .chain([unknown, Method::TRACE])
        {
            for is_known in [false, true] {
                // Both ends: what leads in, and what is refused.
                let mut request = http()
                    .request(method.clone(), app.url(&sample(route.path)))
                    .header("origin", ELSEWHERE);
                request = request.header(
                    "accept",
                    if route.audience == Audience::Person {
                        "text/html"
                    } else {
                        "application/json"
                    },
                );
                if is_known {
                    request = request.header("cookie", cookies.join("; "));
                    if route.audience != Audience::Person {
                        request = request.header("x-admin-token", &desk.token);
                    }
                }
                let answer = request.send().await.expect("an answer");
                let what = format!(
                    "{method} {} {}",
                    route.path,
                    if is_known { "by an administrator" } else { "by nobody" }
                );
                seen.push(Seen { route, what, answer });
            }
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_every_route_is_protected() {
    let desk = desk().await;
    let mut wrong = Vec::new();
    let seen = answers(&desk).await;
    assert!(seen.len() > 600, "only {}", seen.len());
    for one in &seen {
        let policy = one.header("content-security-policy");
        let mut fault = |problem: &str| wrong.push(format!("{}: {problem} ({})", one.what, one.status()));
        // Clickjacking, scripts of others, guessing what a file is, addresses in Referer.
        for rule in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action "] {
            if !policy.contains(rule) {
                fault(&format!("no {rule} in {policy:?}"));
            }
        }
        if policy.contains("unsafe") || policy.contains('*') || policy.contains("data:") {
            fault(policy);
        }
        for (name, expected) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            if one.header(name) != expected {
                fault(&format!("{name}: {}", one.header(name)));
            }
        }
        if one.header("x-request-id").len() < 8 {
            fault("no request id");
        }
        if one.answer.headers().contains_key("server") || one.answer.headers().contains_key("x-powered-by") {
            fault("says what it is made of");
        }
        if one.status() >= 500 {
            fault("a fault of ours");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A site that opened a page of ours in a window of its own has no hold of it, where somebody is known. The pages of a sign-in are
/// opened so by applications, which wait for them to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_people_are_not_reached_from_other_windows() {
    let desk = desk().await;
    let mut pages = 0;
    for one in answers(&desk).await {
        let is_for_known = one.route.audience == Audience::Person && one.route.access != Access::Open;
        let expected = if is_for_known { "same-origin" } else { "" };
        assert_eq!(one.header("cross-origin-opener-policy"), expected, "{}", one.what);
        pages += usize::from(is_for_known);
    }
    assert!(pages > 100, "only {pages}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_what_is_for_everybody_is_kept_by_caches() {
    let desk = desk().await;
    let (mut wrong, mut kept) = (Vec::new(), 0);
    for one in answers(&desk).await {
        let rule = one.header("cache-control");
        if rule == "no-store" {
            continue;
        }
        // Whatever belongs to nobody, and was not refused, may be kept; and it must not depend on who asks.
        let is_fine = is_public(one.route.path) && one.status() < 400 && !one.answer.headers().contains_key("set-cookie");
        if is_fine && (rule.contains("max-age") || rule.contains("no-cache")) {
            kept += 1;
        } else {
            wrong.push(format!("{}: {} {rule:?}", one.what, one.status()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(kept > 10, "only {kept}");
}

/// Whose cookies count is nobody's to read, and who may read counts no cookie.
#[test]
fn the_table_opens_no_route_to_others_that_knows_cookies() {
    for route in routes::all() {
        let knows_cookies = route.access != Access::Open || matches!(route.audience, Audience::Person | Audience::Operator);
        if knows_cookies {
            assert_eq!(route.cors, Cors::Closed, "{}", route.path);
        }
        if route.feature == Feature::Dev {
            assert_eq!(route.cors, Cors::Closed, "{}", route.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_origins_read_what_the_table_says() {
    let desk = desk().await;
    let mut wrong = Vec::new();
    for one in answers(&desk).await {
        let allowed = one.header("access-control-allow-origin");
        let expected = if one.route.cors == Cors::Open { "*" } else { "" };
        if allowed != expected || one.answer.headers().contains_key("access-control-allow-credentials") {
            wrong.push(format!("{}: {allowed:?} instead of {expected:?}", one.what));
        }
        // Nobody gets a cookie by a request that any page can make and read.
        if one.route.cors != Cors::Closed && one.answer.headers().contains_key("set-cookie") {
            wrong.push(format!("{} sets a cookie", one.what));
        }
    }
    // What a browser asks beforehand; of a route that is closed it learns nothing that lets it go on.
    for route in routes::all() {
        for origin in [ELSEWHERE, "https://listed.example", "null", "https://listed.example.evil.example"] {
            let method = route.methods[0].as_str();
            let request = http()
                .request(Method::OPTIONS, desk.app.url(&sample(route.path)))
                .header("origin", origin)
                .header("access-control-request-method", method)
                .header("access-control-request-headers", "authorization, x-admin-token");
            let answer = request.send().await.expect("an answer");
            let header = |name: &str| {
                let value = answer.headers().get(name);
                value.map_or(String::new(), |value| value.to_str().expect("a header").to_owned())
            };
            let allowed = header("access-control-allow-origin");
            let expected = match route.cors {
                Cors::Open => "*",
                Cors::Listed if origin == "https://listed.example" => origin,
                Cors::Listed | Cors::Closed => "",
            };
            let headers = header("access-control-allow-headers").to_lowercase();
            let shows_admin_token = headers.contains("x-admin-token") && route.cors == Cors::Open;
            if allowed != expected || shows_admin_token || headers.contains('*') || !header("access-control-allow-credentials").is_empty() {
                wrong.push(format!("OPTIONS {} from {origin}: {allowed:?} {headers}", route.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_says_what_it_is() {
    let desk = desk().await;
    let mut wrong = Vec::new();
    for one in answers(&desk).await {
        let (kind, what, status) = (one.header("content-type").to_owned(), one.what.clone(), one.status());
        let is_head = what.starts_with("HEAD ");
        let audience = one.route.audience;
        let path = one.route.path;
        let body = one.answer.bytes().await.expect("a body");
        if is_head && !body.is_empty() {
            wrong.push(format!("{what}: a body"));
        }
        if body.is_empty() {
            continue;
        }
        let expected: &[&str] = match audience {
            _ if status < 400 && is_public(path) => &[
                "text/css; charset=utf-8",
                "text/javascript; charset=utf-8",
                "image/svg+xml",
                "application/json",
                "application/jwk-set+json",
            ],
            Audience::Person => &["text/html; charset=utf-8"],
            Audience::Operator => &["application/json", "application/problem+json"],
            Audience::Program => &["application/json"],
            Audience::AgentCore => &["application/json", "application/x-amz-json-1.1"],
        };
        if !expected.contains(&kind.as_str()) {
            wrong.push(format!("{what}: {status} {kind}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Only the methods of the table do anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_that_are_not_in_the_table_are_refused() {
    let desk = desk().await;
    let known: Vec<(&str, &str)> = routes::all()
        .flat_map(|route| route.methods.iter().map(|method| (route.path, method.as_str())))
        .collect();
    let mut tried = 0;
    for route in routes::all() {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", "Post"] {
            if known.contains(&(route.path, method)) {
                continue;
            }
            let request = http().request(method.parse().expect("a method"), desk.app.url(&sample(route.path)));
            let answer = request.header("x-admin-token", &desk.token).send().await.expect("an answer");
            // Programs of AWS know no such status.
            let expected = if route.audience == Audience::AgentCore { 400 } else { 405 };
            assert_eq!(answer.status().as_u16(), expected, "{method} {}", route.path);
            let allowed = answer.headers()["allow"].to_str().expect("a header").to_owned();
            assert!(
                allowed.split(", ").all(|one| known.contains(&(route.path, one))),
                "{}: {allowed}",
                route.path
            );
            tried += 1;
        }
    }
    assert!(tried > 900, "only {tried}");
}

/// What programs call is opened by what they show, and never by what a browser brings along (CSRF, confused deputies).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_open_nothing_that_is_for_programs() {
    let desk = desk().await;
    let app = &desk.app;
    let cookies = cookies_of_an_administrator(&desk).await;
    let mut compared = 0;
    for route in routes::all().filter(|route| matches!(route.audience, Audience::Program | Audience::AgentCore)) {
        for method in route.methods {
            let request = || http().request(method.as_str().parse().expect("a method"), app.url(&sample(route.path)));
            let nobody = request().send().await.expect("an answer");
            let with_cookies = request()
                .header("cookie", cookies.join("; "))
                .header("sec-fetch-site", "same-origin")
                .send()
                .await
                .expect("an answer");
            // Guesses are counted, so the second may be told to wait.
            let (without, with) = (nobody.status().as_u16(), with_cookies.status().as_u16());
            assert!(
                with == without || with == 429,
                "{method} {}: {without}, and {with} with cookies",
                route.path
            );
            compared += 1;
        }
    }
    assert!(compared > 50, "only {compared}");
}
