//! Forms that other sites send (CSRF, login CSRF): every row of the table that changes something for a person, with every kind
//! of token that is not the right one. A form that is added is tried here without a line of its own.

use actix_web::http::Method;
use gatehouse::base::encoding::from_base64url;
use gatehouse::base::id::id_from_bytes;
use gatehouse::identity::form_token::{self, BrowserId, Form};
use gatehouse::web::routes::{self, Audience, Route};

use super::every_route::sample;
use crate::admin_pages::Desk;
use crate::admin_pages::every_page::{Things, filled};
use crate::support::browser::http;
use crate::support::{Browser, Database, Page, TestApp};
use crate::vault::flow;

/// Every purpose that a form can have.
const FORMS: [Form; 9] = [
    Form::SignIn,
    Form::SelectAccount,
    Form::Consent,
    Form::Connect,
    Form::SignOut,
    Form::Setup,
    Form::AdminSignIn,
    Form::Administration,
    Form::Account,
];

/// Fails to compile when a purpose is added: it belongs into the list above, too.
const fn is_listed(form: Form) -> bool {
    match form {
        Form::SignIn
        | Form::SelectAccount
        | Form::Consent
        | Form::Connect
        | Form::SignOut
        | Form::Setup
        | Form::AdminSignIn
        | Form::Administration
        | Form::Account => true,
    }
}

/// Which form is sent to a path; `None` where other sites may send people, which must therefore change nothing for them.
fn form_of(path: &str) -> Option<Form> {
    Some(match path {
        // A request of a client: it is answered by pages that ask. And the answer of a provider, known by its state.
        "/authorize" | "/callback" => return None,
        "/login" => Form::SignIn,
        "/select-account" => Form::SelectAccount,
        "/consent" => Form::Consent,
        "/logout" => Form::SignOut,
        "/setup" => Form::Setup,
        "/connect/{session}" => Form::Connect,
        "/admin/sign-in" => Form::AdminSignIn,
        path if path.starts_with("/admin/") => Form::Administration,
        path if path.starts_with("/account/") => Form::Account,
        other => panic!("whose form is {other}? Say it here, and why"),
    })
}

/// Somebody at a browser, in a session.
struct Person<'b> {
    app: &'b TestApp,
    browser: &'b Browser,
    /// The cookie of the session
    cookie: &'static str,
}

impl Person<'_> {
    /// The token that a form for this browser has.
    fn token(&self, form: Form) -> String {
        let cookies = self.browser.cookies();
        let browser = BrowserId::parse(&cookies["gatehouse_browser"]).expect("a browser");
        let is_before_sign_in = matches!(form, Form::Setup | Form::AdminSignIn);
        let session = cookies.get(self.cookie).filter(|_| !is_before_sign_in).map(|cookie| {
            let bytes = from_base64url(cookie).expect("a cookie of ours");
            id_from_bytes(bytes[..16].try_into().expect("an id"))
        });
        form_token::token(&self.app.app, form, &browser, session.as_deref())
    }

    async fn send(&self, path: &str, tokens: &[&str], site: Option<&str>) -> Page {
        let url = self.app.url(path);
        let fields: Vec<(&str, &str)> = tokens.iter().map(|token| ("csrf", *token)).collect();
        let mut request = http().post(&url).form(&fields);
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        // The cookies stay as they are, whatever is answered.
        let cookies: Vec<String> = self
            .browser
            .cookies()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Browser::new().send(request.header("cookie", cookies.join("; ")), &url).await
    }
}

/// Refused because of where the form came from, and for no other reason.
fn is_stale(page: &Page) -> bool {
    page.status == 403 && page.body.contains("Please open the page again")
}

fn posts() -> impl Iterator<Item = &'static Route> {
    routes::all().filter(|route| route.audience == Audience::Person && route.methods.contains(&Method::POST))
}

/// Everything that another site could try, on one route.
async fn refuses_everything_else(person: &Person<'_>, path: &str, form: Form, wrong: &mut Vec<String>) {
    let right = person.token(form);
    let stranger = Browser::new();
    stranger.get(&person.app.url("/login")).await;
    let of_stranger = Person {
        app: person.app,
        browser: &stranger,
        cookie: person.cookie,
    };
    let (foreign, longer) = (of_stranger.token(form), format!("{right}A"));
    let mut tries: Vec<(String, Vec<&str>, Option<&str>)> = vec![
        ("no token".to_owned(), vec![], None),
        ("an empty token".to_owned(), vec![""], None),
        ("a forged token".to_owned(), vec!["forged"], None),
        ("the token of another browser".to_owned(), vec![&foreign], None),
        ("a token and more".to_owned(), vec![&longer], None),
        ("half a token".to_owned(), vec![&right[..20]], None),
        ("from another site".to_owned(), vec![&right], Some("cross-site")),
        ("from a neighbour".to_owned(), vec![&right], Some("same-site")),
        ("from nobody knows where".to_owned(), vec![&right], Some("elsewhere")),
    ];
    let others: Vec<(Form, String)> = FORMS
        .iter()
        .filter(|other| **other != form)
        .map(|other| (*other, person.token(*other)))
        .collect();
    tries.extend(
        others
            .iter()
            .map(|(other, token)| (format!("the token of {other:?}"), vec![token.as_str()], None)),
    );
    for (what, tokens, site) in tries {
        let page = person.send(path, &tokens, site).await;
        if !is_stale(&page) {
            wrong.push(format!("{path} with {what}: {}", page.status));
        }
    }
    // Two tokens are none, whichever is right.
    for tokens in [[right.as_str(), "forged"], ["forged", &right]] {
        let page = person.send(path, &tokens, None).await;
        if !matches!(page.status.as_u16(), 400 | 403) {
            wrong.push(format!("{path} with two tokens: {}", page.status));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_of_a_person_is_refused_unless_it_is_ours() {
    assert!(FORMS.iter().all(|form| is_listed(*form)));
    let desk = Desk::of(TestApp::start(Database::Sqlite).await).await;
    let things = Things::make(&desk).await;
    let app = &desk.app;
    app.user("alice").await;
    let alices = Browser::new();
    let page = alices.visit(&app.url("/login")).await;
    alices.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
    let (alice, administrator) = (
        Person {
            app,
            browser: &alices,
            cookie: "gatehouse_session",
        },
        Person {
            app,
            browser: &desk.browser,
            cookie: "gatehouse_admin",
        },
    );
    let (mut wrong, mut right) = (Vec::new(), Vec::new());
    for route in posts() {
        // These want a server of their own, below.
        let (Some(form), false) = (form_of(route.path), matches!(route.path, "/setup" | "/connect/{session}")) else {
            continue;
        };
        let (person, path) = if route.path.starts_with("/admin") {
            (&administrator, filled(route.path, &things))
        } else {
            (&alice, sample(route.path))
        };
        refuses_everything_else(person, &path, form, &mut wrong).await;
        right.push((person, path, form));
    }
    assert!(right.len() > 40, "only {}", right.len());
    // And what is ours is let in, so that none of the above was refused for another reason. Signing out is last.
    right.sort_by_key(|(_, path, _)| path.contains("logout") || path.contains("sign-out"));
    for (person, path, form) in right {
        let page = person.send(&path, &[&person.token(form)], Some("same-origin")).await;
        // What the playground goes on with is sealed in a field of its own, which is missing here.
        let is_refused = is_stale(&page) && !path.starts_with("/admin/playground/");
        if is_refused || page.status.as_u16() >= 500 {
            wrong.push(format!("{path} with the right token: {}", page.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn set_up_is_refused_unless_the_form_is_ours() {
    let app = TestApp::start(Database::Sqlite).await;
    let browser = Browser::new();
    browser.visit(&app.url("/setup")).await;
    let person = Person {
        app: &app,
        browser: &browser,
        cookie: "gatehouse_session",
    };
    let mut wrong = Vec::new();
    refuses_everything_else(&person, "/setup", Form::Setup, &mut wrong).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let page = person.send("/setup", &[&person.token(Form::Setup)], None).await;
    assert!(!is_stale(&page) && page.body.contains("This is not the code"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_to_an_agent_is_refused_unless_the_form_is_ours() {
    let world = flow::world(TestApp::start(Database::Sqlite).await).await;
    let (link, _) = flow::question(&world.ask(&world.alice, serde_json::json!({})).await);
    let browser = Browser::new();
    let page = browser.visit(&link).await;
    browser.sign_in(&page, "alice", "alice").await;
    let person = Person {
        app: &world.app,
        browser: &browser,
        cookie: "gatehouse_session",
    };
    let path = link.strip_prefix(&world.app.base).expect("a link of ours").to_owned();
    let mut wrong = Vec::new();
    refuses_everything_else(&person, &path, Form::Connect, &mut wrong).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let page = person.send(&path, &[&person.token(Form::Connect)], None).await;
    assert!(!is_stale(&page), "{}", page.body);
}

/// Other sites may send people to these: they see a question then, and nothing has happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_other_sites_may_send_people_nothing_happens_by_itself() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.public_client().await;
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
    let before = app.app.store.read().await.unwrap().use_of_client(client.id()).await.unwrap();
    let url = url::Url::parse(&client.authorize_url(&[])).unwrap();
    let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let request = http()
        .post(app.url("/authorize"))
        .form(&fields)
        .header("sec-fetch-site", "cross-site");
    let page = browser.send(request, &app.url("/authorize")).await;
    let page = browser.follow(page).await;
    assert!(page.body.contains("name=\"decision\""), "a question, not a grant: {}", page.body);
    let after = app.app.store.read().await.unwrap().use_of_client(client.id()).await.unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    let request = http()
        .post(app.url("/callback"))
        .form(&[("code", "x"), ("state", "gh_state_unknown-and-long-enough")])
        .header("sec-fetch-site", "cross-site");
    let page = browser.send(request, &app.url("/callback")).await;
    assert_eq!(page.status, 410, "{}", page.body);
    // By a link, a picture or a frame nobody is signed out, and nothing is allowed or taken away.
    for path in [
        "/logout",
        "/account/applications/remove?client_id=x",
        "/account/connections/remove?id=x",
        "/admin/sign-out",
    ] {
        browser.get(&app.url(path)).await;
    }
    assert!(browser.visit(&app.url("/")).await.body.contains("alice"));
}

/// At the API a cookie is worth something, too, but only together with a header that no other site can forge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_takes_no_cookie_from_another_site() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user_with("admin", |new| new.roles = vec!["admin".to_owned()]).await;
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    browser.submit(&page, &[("username", "admin"), ("password", "admin")]).await;
    let cookie = format!("gatehouse_session={}", browser.cookies()["gatehouse_session"]);
    let changes = routes::all()
        .filter(|route| route.audience == Audience::Operator)
        .flat_map(|route| {
            route
                .methods
                .iter()
                .filter(|method| !method.is_safe())
                .map(move |method| (route, method))
        });
    let own = app.app.issuer.origin();
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (route, method) in changes {
        let send = |headers: Vec<(&'static str, String)>| {
            let method = method.as_str().parse().expect("a method");
            let mut request = http().request(method, app.url(&sample(route.path))).header("cookie", &cookie);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            async move { request.send().await.expect("an answer") }
        };
        for headers in [
            vec![],
            vec![("sec-fetch-site", "cross-site".to_owned())],
            vec![("sec-fetch-site", "same-site".to_owned())],
            vec![("sec-fetch-site", "none".to_owned())],
            vec![("sec-fetch-site", "cross-site".to_owned()), ("origin", own.clone())],
            vec![
                ("sec-fetch-site", "cross-site".to_owned()),
                ("sec-fetch-site", "same-origin".to_owned()),
            ],
            vec![("origin", "https://evil.example".to_owned())],
            vec![("origin", "null".to_owned())],
            vec![("origin", format!("{own}.evil.example"))],
        ] {
            let what = format!("{method} {} with {headers:?}", route.path);
            let answer = send(headers).await;
            if answer.status() != 403 {
                wrong.push(format!("{what}: {}", answer.status()));
            }
        }
        let answer = send(vec![("sec-fetch-site", "same-origin".to_owned())]).await;
        if answer.status() == 403 {
            wrong.push(format!("{method} {} from our own page", route.path));
        }
        tried += 1;
    }
    assert!(tried > 25, "only {tried}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
