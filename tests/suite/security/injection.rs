//! Texts of others in headers, in log lines and in the audit log: line breaks, sequences that terminals obey, and characters that
//! turn the direction of writing.

use std::collections::BTreeMap;

use gatehouse::protocol::client_authentication::AuthMethod;
use serde_json::{Value, json};

use crate::api::operator;
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::process::Sandbox;
use crate::support::{Browser, Database, TestApp};

/// A header of its own, a line of its own, colours, another title of the window, and what reads backwards.
const EVIL: &str = "x\r\nSet-Cookie: evil=1\r\nX-Evil: 1\n2026-01-01T00:00:00Z  INFO forged=1 \u{1b}[31m\u{1b}]0;evil\u{7}\u{9b}31m\u{202e}\u{2066}\u{2028}\u{85}\u{8}\u{7f}";

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Everything that a request can say, at everything that answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_of_a_request_becomes_a_header() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.trusted_client().await;
    let evil = encoded(EVIL);
    let parameters = [
        "state",
        "scope",
        "nonce",
        "redirect_uri",
        "client_id",
        "response_type",
        "response_mode",
        "prompt",
        "login_hint",
        "claims",
        "resource",
        "acr_values",
        "ui_locales",
        "id_token_hint",
        "code_challenge",
        "next",
        "interaction",
        "code",
        "error",
        "error_description",
        "iss",
        "q",
        "done",
        "kind",
        "preset",
        "flow",
        "cursor",
        "uri",
        "user",
        "provider",
    ];
    let good = url::Url::parse(&client.authorize_url(&[])).unwrap();
    let mut urls: Vec<String> = Vec::new();
    for name in parameters {
        let pairs: Vec<(String, String)> = good.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
        let mut url = good.clone();
        url.query_pairs_mut().clear().extend_pairs(pairs).append_pair(name, EVIL);
        urls.push(url.to_string());
        for path in [
            "/login",
            "/consent",
            "/select-account",
            "/setup",
            "/callback",
            "/oauth2/callback",
            "/admin/sign-in",
            "/admin/clients",
            "/connect/callback/x",
        ] {
            urls.push(app.url(&format!("{path}?{name}={evil}")));
        }
    }
    for path in [
        "/",
        "/register/",
        "/connect/",
        "/connect/callback/",
        "/api/callback/",
        "/admin/users/",
        "/api/admin/v1/users/",
        "/.well-known/oauth-protected-resource/",
    ] {
        urls.push(app.url(&format!("{path}{evil}")));
    }
    let mut looked_at = 0;
    for url in urls {
        let answer = http().get(&url).header("accept", "text/html").send().await.unwrap();
        let headers = answer.headers();
        assert!(!headers.contains_key("x-evil"), "{url}");
        for cookie in headers.get_all("set-cookie") {
            assert!(!cookie.to_str().unwrap().contains("evil"), "{url}");
        }
        for (name, value) in headers {
            // What is echoed is encoded, so that it stays a part of its value.
            let plain = value.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte));
            assert!(plain, "{url}: {name}: {value:?}");
        }
        assert!(answer.status().as_u16() < 500, "{url}");
        looked_at += 1;
    }
    assert!(looked_at > 200, "only {looked_at}");
    // The one that is meant to come back does, as it was.
    let page = client.authorize(&Browser::new(), "alice", &[("state", EVIL)]).await;
    assert_eq!(page.answer("state").as_deref(), Some(EVIL));
    assert!(page.headers.get("x-evil").is_none());
}

/// What is stored and then stands in a header: addresses of applications in the content policy, challenges, places to go on to.
#[tokio::test(flavor = "multi_thread")]
async fn no_stored_text_loosens_the_content_policy() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let operator = operator(&app).await;
    let mut kept = 0;
    for uri in [
        "https://app.example;script-src 'unsafe-inline'/cb",
        "https://app.example,script-src/cb",
        "https://app.example/;script-src *",
        "https://app.example/cb;script-src%20*",
        "https://app.example:8443/cb,x",
        "https://a;b.example/cb",
        "https://a'b.example/cb",
        "https://a$b.example/cb",
        "https://[2001:db8::1]/cb;default-src",
        "com.example.app:/;script-src",
        "a;b:/cb",
        "https://app.example/'none'",
    ] {
        for field in ["redirect_uris", "logo_uri"] {
            let mut body = json!({ "client_name": "App", "redirect_uris": ["https://app.example/cb"] });
            body[field] = if field == "redirect_uris" { json!([uri]) } else { json!(uri) };
            let made = operator.post("/clients", &body).await;
            if made.status != 201 {
                assert_eq!(made.status, 422, "{uri}: {}", made.body);
                continue;
            }
            kept += 1;
            let stored = app
                .app
                .store
                .read()
                .await
                .unwrap()
                .client(made.text("client_id"))
                .await
                .unwrap()
                .unwrap();
            let client = crate::support::client::TestClient::new(&app, stored, None);
            let browser = Browser::new();
            let login = browser.visit(&client.authorize_url(&[("scope", "openid")])).await;
            let consent = browser.sign_in(&login, "alice", "alice").await;
            for page in [login, consent] {
                let policy = page.header("content-security-policy").to_owned();
                let directives: Vec<&str> = policy.split(';').map(|one| one.trim().split(' ').next().unwrap()).collect();
                let expected = [
                    "default-src",
                    "style-src",
                    "img-src",
                    "script-src",
                    "form-action",
                    "base-uri",
                    "frame-ancestors",
                ];
                assert_eq!(directives, expected, "{uri}: {policy}");
                assert!(
                    policy.contains("script-src 'none'") && !policy.contains("unsafe") && !policy.contains('*'),
                    "{uri}: {policy}"
                );
                assert!(!policy.contains(','), "a second policy: {policy}");
            }
        }
    }
    assert!(kept > 4, "only {kept} could be kept");
}

/// Every field that the log or the audit log could show, with everything in it.
async fn say_everything(issuer: &str, evil: &str, admin_token: &str) {
    let url = |path: &str| format!("{issuer}{path}");
    let browser = Browser::new();
    let form = |fields: &[(&str, &str)]| {
        fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>()
    };
    let requests = [
        http().post(url("/token")).form(&form(&[("grant_type", evil), ("client_id", evil)])),
        http().post(url("/token")).form(&form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", evil),
            ("client_id", "app"),
        ])),
        http().post(url("/token")).form(&form(&[
            ("grant_type", "authorization_code"),
            ("code", evil),
            ("client_id", "app"),
            ("redirect_uri", evil),
        ])),
        http()
            .post(url("/token"))
            .form(&form(&[(evil, "x"), (evil, "y"), ("client_id", "app")])),
        http()
            .post(url("/token"))
            .basic_auth(evil, Some(evil))
            .form(&form(&[("grant_type", "client_credentials"), ("scope", evil)])),
        http()
            .post(url("/introspect"))
            .form(&form(&[("token", evil), ("client_id", evil), ("client_secret", evil)])),
        http()
            .post(url("/register"))
            .json(&json!({ "client_name": evil, "redirect_uris": [evil], "scope": evil, evil: evil })),
        http()
            .post(url("/register"))
            .json(&json!({ "client_name": evil, "redirect_uris": ["https://app.example/cb"], "software_id": evil })),
        http()
            .post(url("/userIdentifier/token"))
            .bearer_auth("x")
            .json(&json!({ "user_token": evil })),
        http()
            .get(url(&format!("/userinfo?{}", encoded(evil))))
            .header("user-agent", "curl \u{202e}x"),
        http().get(url(&format!("/callback?state={0}&code={0}", encoded(evil)))),
        http().get(url(&format!("/{}", encoded(evil)))),
        http()
            .post(url("/api/admin/v1/users"))
            .header("x-admin-token", admin_token)
            .json(&json!({ "username": evil, evil: evil })),
        http()
            .post(url("/api/admin/v1/users"))
            .header("x-admin-token", admin_token)
            .json(&json!({ "username": "mallory", "roles": [evil], "profile": { "name": evil, "nickname": evil } })),
        http()
            .put(url("/api/admin/v1/scopes/evil"))
            .header("x-admin-token", admin_token)
            .json(&json!({ "description": evil })),
        http()
            .post(url("/api/admin/v1/clients"))
            .header("x-admin-token", admin_token)
            .json(&json!({ "client_id": evil, "client_name": evil, "redirect_uris": [evil] })),
        http()
            .post(url("/api/admin/v1/initial-access-tokens"))
            .header("x-admin-token", admin_token)
            .json(&json!({ "name": evil })),
    ];
    for request in requests {
        let answer = send(request).await;
        assert!(answer.status < 500, "{}", answer.body);
    }
    for path in [
        "/authorize?client_id={}",
        "/authorize?client_id=app&redirect_uri={}",
        "/authorize?client_id=app&response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope={}&state={}",
        "/authorize?client_id=https%3A%2F%2Fevil.example%2F{}&response_type=code",
        "/authorize?client_id=app&response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&{}=1&{}=2",
    ] {
        browser.get(&url(&path.replace("{}", &encoded(evil)))).await;
    }
    let page = browser.visit(&url("/login")).await;
    for (username, password) in [(evil, "x"), ("x", evil)] {
        browser.submit(&page, &[("username", username), ("password", password)]).await;
    }
    let page = browser.visit(&url("/admin/sign-in")).await;
    browser.submit(&page, &[("admin_token", evil), ("next", evil)]).await;
}

/// A line without what stands in quotes.
fn unquoted(line: &str) -> String {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let mut outside = String::new();
    for c in line.chars() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if !is_quoted => outside.push(c),
            _ => {}
        }
    }
    outside
}

/// Nothing of it begins a line of its own, colours one, or reads backwards, in either form of the log and at its finest level.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_of_a_request_becomes_a_line_of_the_log() {
    for format in ["text", "json"] {
        let admin_token = "an-admin-token-of-the-operator";
        let sandbox = Sandbox::new()
            .with("GATEHOUSE_LOG_LEVEL", "trace")
            .with("GATEHOUSE_LOG_FORMAT", format)
            .with("GATEHOUSE_AUDIT_LOG", "stdout")
            .with("ADMIN_TOKEN", admin_token);
        sandbox
            .run(&[
                "client",
                "add",
                "App",
                "--id",
                "app",
                "--redirect-uri",
                "https://app.example/cb",
                "--kind",
                "spa",
                "--json",
            ])
            .json();
        let mut server = sandbox.serve();
        say_everything(&sandbox.issuer(), EVIL, admin_token).await;
        server.terminate();
        assert!(server.await_exit().success());
        let log = server.output();
        assert!(log.lines().count() > 30, "{log}");
        for line in log.lines() {
            assert!(
                !line.starts_with("2026-01-01T00:00:00Z") && !line.starts_with("X-Evil"),
                "{format}: a line of its own: {line}"
            );
            let obeyed = line
                .chars()
                .find(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}'));
            assert!(obeyed.is_none(), "{format}: {obeyed:?} in {line:?}");
            // Nor is it a field of a line of ours.
            if format == "text" && line.contains(" event=\"") {
                assert!(!unquoted(line).contains("forged="), "{line}");
            }
            if line.starts_with('{') {
                let fields: BTreeMap<String, Value> = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                assert!(!fields.contains_key("forged"), "{line}");
            }
        }
    }
}

/// What people read of others has no characters that make it read otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_people_read_turn_nothing_around() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = operator(&app).await;
    for evil in [
        "Bank\u{202e}elgooG",
        "Bank\u{2066}",
        "Ba\u{200b}nk",
        "Bank\r\nof",
        "Bank\u{0}",
        "Bank\u{1b}[31m",
        "\u{feff}Bank",
        "Bank\u{ad}",
    ] {
        let body = json!({ "client_name": evil, "redirect_uris": ["https://app.example/cb"] });
        let made = operator.post("/clients", &body).await;
        assert!(matches!(made.status, 400 | 422), "{evil:?}: {}", made.body);
        let registered = send(http().post(app.url("/register")).json(&body)).await;
        let shown = registered.body["client_name"].as_str().unwrap_or_default();
        assert!(
            registered.status == 400 || shown.chars().all(|c| !c.is_control() && c != '\u{202e}'),
            "{evil:?}: {}",
            registered.body
        );
    }
    // Where a name could be kept before, the page still keeps it apart from what stands around it.
    app.user("alice").await;
    let client = app.client(AuthMethod::None, |_| {}).await;
    let browser = Browser::new();
    let page = browser.visit(&client.authorize_url(&[])).await;
    let page = browser.sign_in(&page, "alice", "alice").await;
    assert!(
        page.body.contains("<bdi>Example App</bdi>") && page.body.contains("<bdi>alice</bdi>"),
        "{}",
        page.body
    );
}
