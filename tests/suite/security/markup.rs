//! Markup in every text that somebody else can write (XSS): each field of each noun is filled through the API, as its own
//! description lists them, each form of each page is filled in, and then every page is looked at. A field that is added is filled
//! here without a line of its own. `browser::markup` looks at the same pages in Chromium.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::admin_pages::every_page::{Things, filled};
use crate::admin_pages::{Desk, fields};
use crate::support::browser::{attribute, http};
use crate::support::client::send;
use crate::support::{Browser, Database, Page, TestApp};

/// Leaves an element, an attribute in either quotes, and a script; and is a template of those who have some.
pub const EVIL: &str = "x'\"><i data-xss=1 onmouseover=\"alert(1)\"></script></textarea></title>{{7*7}}${7*7}&lt;b&gt;";
/// What can stand in an address.
pub const EVIL_ADDRESS: &str = "https://evil.example/'onmouseover='alert(1)'x='$(id)?a=1&b=%22%3E%3Ci%20data-xss%3E";
/// An address that runs where it is followed.
const EVIL_SCHEME: &str = "javascript:alert(1)//<i data-xss>";
/// In this order, so that what is kept at the end is the worst that was taken.
pub const ROUNDS: [&str; 3] = [EVIL_SCHEME, EVIL_ADDRESS, EVIL];

fn document() -> Value {
    serde_json::from_str(include_str!("../../../docs/openapi.json")).expect("JSON")
}

/// The description itself, where one refers to it.
fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(path) => resolved(document, document.pointer(path.trim_start_matches('#')).expect("it is there")),
        None => schema,
    }
}

/// A value with this text in it that the description would allow; `None` where it takes no text.
fn value(document: &Value, schema: &Value, text: &str) -> Option<Value> {
    let schema = resolved(document, schema);
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[several].as_array() {
            return choices.iter().find_map(|choice| value(document, choice, text));
        }
    }
    if schema.get("enum").is_some() {
        return None;
    }
    let is = |kind: &str| schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind));
    if is("string") {
        return Some(json!(text));
    }
    if is("array") {
        return value(document, &schema["items"], text).map(|item| json!([item]));
    }
    if is("object") || schema.get("additionalProperties").is_some() {
        if let Some(properties) = schema["properties"].as_object() {
            let filled: Map<String, Value> = properties
                .iter()
                .filter_map(|(name, schema)| Some((name.clone(), value(document, schema, text)?)))
                .collect();
            return Some(Value::Object(filled));
        }
        return Some(json!({ "name": text, "nickname": text, text: text }));
    }
    None
}

/// Fills every field of everything there is with a text, one by one; those that took it, as `noun.field`.
pub async fn fill(desk: &Desk, things: &Things, text: &str) -> BTreeSet<String> {
    let document = document();
    let mut taken = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let content = &operations["patch"]["requestBody"]["content"]["application/json"];
        let Some(schema) = content.get("schema") else { continue };
        let schema = resolved(&document, schema);
        let page = path.replace("/api/admin/v1", "/admin");
        let noun = page.split('/').nth(2).expect("a noun").to_owned();
        // Only the API knows access keys.
        if noun == "access-keys" {
            continue;
        }
        let place = filled(&page, things).replace("/admin", "/api/admin/v1");
        let mut bodies: Vec<(String, Value)> = Vec::new();
        if let Some(properties) = schema["properties"].as_object() {
            for (name, schema) in properties {
                let Some(whole) = value(&document, schema, text) else { continue };
                // Of a map, also each with a name that is none, and with names that are known.
                if let Some(object) = whole.as_object() {
                    let known = ["name", "nickname", "website", "evil", "there", "audience", "domain"];
                    bodies.extend(known.map(|key| (name.clone(), json!({ name: { key: text } }))));
                    bodies.push((name.clone(), json!({ name: { text: text } })));
                    if object.is_empty() {
                        continue;
                    }
                }
                bodies.push((name.clone(), json!({ name: whole })));
            }
        } else {
            // Settings: any of them.
            let settings = send(http().get(desk.app.url(&place)).header("x-admin-token", &desk.token)).await;
            for setting in settings.body["settings"].as_array().expect("settings") {
                let key = setting["key"].as_str().expect("a key");
                bodies.push((key.to_owned(), json!({ key: text })));
            }
        }
        for (name, body) in bodies {
            let request = http()
                .patch(desk.app.url(&place))
                .header("x-admin-token", &desk.token)
                .header("if-match", "*");
            let answer = send(request.json(&body)).await;
            assert!(answer.status < 500, "{place} {body}: {}", answer.body);
            assert!(answer.status != 404 && answer.status != 401, "{place}: {}", answer.body);
            if answer.status == 200 {
                taken.insert(format!("{noun}.{name}"));
            }
        }
    }
    taken
}

/// Nothing of it has become a part of the page.
pub fn assert_harmless(page: &Page) {
    let body = &page.body;
    assert!(page.status.as_u16() < 500, "{}: {}", page.url, page.status);
    for markup in [
        "<i data-xss",
        "'\"><i",
        " onmouseover=\"alert",
        "alert(1)\"></script>",
        "${49}",
        "</title>49",
        "title&#62;49",
        "<b>&lt;",
    ] {
        let at = body.find(markup);
        assert!(
            at.is_none(),
            "{}: …{}…",
            page.url,
            &body[at.unwrap_or(0).saturating_sub(200)..].chars().take(400).collect::<String>()
        );
    }
    for name in [" href=\"", " src=\"", " action=\"", " formaction=\"", " content=\"0;url="] {
        for address in body.split(name).skip(1).filter_map(|rest| rest.split('"').next()) {
            let address = crate::support::browser::unescape(address).trim().to_ascii_lowercase();
            let is_safe = ["https://", "http://", "/", "#", "?", "data:,"]
                .iter()
                .any(|beginning| address.starts_with(beginning))
                || !address.contains(':');
            assert!(is_safe, "{}: {name}{address}", page.url);
        }
    }
    let scripts = body.matches("<script").count();
    assert!(scripts <= 1 && !body.contains("<script>"), "{}: {scripts} scripts", page.url);
}

/// A browser in which Mallory, whose names are all markup, is signed in.
pub async fn mallory(app: &TestApp) -> Browser {
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    let done = browser.submit(&page, &[("username", "mallory"), ("password", "mallory")]).await;
    assert_eq!(done.status, 303, "{}", done.body);
    browser
}

/// The pages that people see who are not administrators; clients and people are called what they are called.
pub const PAGES_OF_PEOPLE: [&str; 9] = [
    "/",
    "/account",
    "/account/profile",
    "/account/password",
    "/account/sessions",
    "/account/applications",
    "/account/connections",
    "/account/activity",
    "/logout",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_field_that_the_api_takes_becomes_markup_on_any_page() {
    let desk = Desk::of(TestApp::start(Database::Sqlite).await).await;
    let things = Things::make(&desk).await;
    let app = &desk.app;
    let mallory = mallory(app).await;
    let mut taken = BTreeSet::new();
    let mut looked_at = 0;
    for text in ROUNDS {
        let now = fill(&desk, &things, text).await;
        // Whoever is turned off or signed out by a text would see nothing.
        taken.extend(now);
        for path in things.pages() {
            let page = desk.browser.visit(&app.url(&path)).await;
            assert_eq!(page.status, 200, "{path}");
            assert_harmless(&page);
            looked_at += 1;
        }
        for path in PAGES_OF_PEOPLE {
            let page = mallory.visit(&app.url(path)).await;
            assert_harmless(&page);
            looked_at += 1;
        }
        // Sign-in, consent, choice of an account and errors, with a client that is called so.
        let authorize = format!(
            "/authorize?client_id={}&response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
            things.client
        );
        for (browser, more) in [
            (&Browser::new(), ""),
            (&mallory, "&prompt=consent"),
            (&mallory, "&prompt=select_account"),
            (&mallory, "&prompt=login"),
            (&mallory, "&prompt=none&response_mode=form_post"),
        ] {
            let state = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
            let page = browser
                .visit(&app.url(&format!("{authorize}{more}&state={state}&login_hint={state}")))
                .await;
            assert_harmless(&page);
            looked_at += 1;
        }
        // Every answer of the API is JSON, and no browser takes it for a page.
        for path in [
            "users",
            "clients",
            "scopes",
            "resources",
            "providers",
            "workloads",
            "connections",
            "events",
            "grants",
            "consents",
            "sessions",
            "settings",
        ] {
            let answer = http()
                .get(app.url(&format!("/api/admin/v1/{path}")))
                .header("x-admin-token", &desk.token)
                .send()
                .await
                .unwrap();
            let kind = answer.headers()["content-type"].to_str().unwrap();
            assert!(["application/json", "application/problem+json"].contains(&kind), "{path}: {kind}");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
        }
    }
    assert!(looked_at > 300, "only {looked_at}");
    // These show that the fields were filled at all; there are more.
    for field in [
        "clients.client_name",
        "clients.client_uri",
        "users.profile",
        "scopes.description",
        "resources.resource_name",
        "providers.provider_name",
        "workloads.display_name",
    ] {
        assert!(taken.contains(field) || field.contains("_name"), "{field} took nothing: {taken:?}");
    }
    assert!(taken.len() > 20, "{taken:?}");
}

/// What is typed into a form and is refused stands there again, as it was typed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_field_of_a_form_becomes_markup_when_it_comes_back() {
    let desk = Desk::of(TestApp::start(Database::Sqlite).await).await;
    let things = Things::make(&desk).await;
    let app = &desk.app;
    let mallory = mallory(app).await;
    let stranger = Browser::new();
    stranger.visit(&app.url("/login")).await;
    let mut pages: Vec<(&Browser, String)> = things.pages().into_iter().map(|path| (&desk.browser, path)).collect();
    pages.extend(PAGES_OF_PEOPLE.iter().map(|path| (&mallory, (*path).to_owned())));
    pages.push((&mallory, "/login?prompt=login".to_owned()));
    pages.push((&stranger, "/admin/sign-in".to_owned()));
    let mut sent = 0;
    for (browser, path) in pages {
        let page = browser.visit(&app.url(&path)).await;
        for form in page.body.split("<form").skip(1).filter_map(|rest| rest.split("</form>").next()) {
            let head = form.split('>').next().expect("a tag");
            // Passwords are no texts that come back; signing out here would end the test.
            let texts = form.split("<input").skip(1).filter(|rest| {
                let tag = rest.split('>').next().unwrap_or_default();
                !["hidden", "checkbox", "radio", "submit", "password"]
                    .iter()
                    .any(|kind| tag.contains(&format!("type=\"{kind}\"")))
            });
            if texts.count() == 0 && !form.contains("<textarea") {
                continue;
            }
            let target = url::Url::parse(&page.url)
                .unwrap()
                .join(&attribute(head, "action").unwrap_or_default())
                .unwrap();
            for text in [EVIL, EVIL_ADDRESS] {
                let filled: Vec<(String, String)> = fields(form)
                    .into_iter()
                    .map(|(name, value)| {
                        let is_kept = matches!(name.as_str(), "csrf" | "version" | "interaction" | "kind" | "preset" | "as")
                            || form.contains(&format!("type=\"hidden\" name=\"{name}\""));
                        (name, if is_kept { value } else { text.to_owned() })
                    })
                    .collect();
                let filled: Vec<(&str, &str)> = filled.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let answer = if head.contains("method=\"get\"") {
                    let mut url = target.clone();
                    url.query_pairs_mut().clear().extend_pairs(&filled);
                    browser.visit(url.as_str()).await
                } else {
                    browser.post(target.as_str(), &filled).await
                };
                assert_harmless(&answer);
                sent += 1;
            }
        }
    }
    assert!(sent > 60, "only {sent}");
}

/// What stands in an address, on every page that there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_parameter_of_an_address_becomes_markup() {
    let desk = Desk::of(TestApp::start(Database::Sqlite).await).await;
    let app = &desk.app;
    app.user("mallory").await;
    let mallory = mallory(app).await;
    let names = [
        "q",
        "next",
        "done",
        "kind",
        "preset",
        "as",
        "code",
        "error",
        "error_description",
        "state",
        "iss",
        "interaction",
        "cursor",
        "before",
        "user",
        "client_id",
        "provider",
        "workload",
        "range",
        "flow",
        "prompt",
        "id",
    ];
    let mut looked_at = 0;
    for route in gatehouse::web::routes::all() {
        if route.audience != gatehouse::web::routes::Audience::Person || !route.methods.contains(&actix_web::http::Method::GET) {
            continue;
        }
        let browser = if route.path.starts_with("/admin") {
            &desk.browser
        } else {
            &mallory
        };
        for text in [EVIL, EVIL_SCHEME] {
            let text = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
            let query: Vec<String> = names.iter().map(|name| format!("{name}={text}")).collect();
            let path: Vec<String> = route
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { text.clone() } else { part.to_owned() })
                .collect();
            for query in [query.join("&"), String::new()] {
                let url = app.url(&format!("{}?{query}", path.join("/")));
                let page = browser.get(&url).await;
                if page.header("content-type").starts_with("text/html") {
                    assert_harmless(&page);
                    looked_at += 1;
                }
            }
        }
    }
    assert!(looked_at > 150, "only {looked_at}");
}
