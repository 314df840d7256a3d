//! Malformed requests at every endpoint.

use crate::support::browser::http;
use crate::support::client::{Answer, send};
use crate::support::{Browser, Database, TestApp};

const PROGRAM_ENDPOINTS: [&str; 3] = ["/token", "/introspect", "/revoke"];

fn is_registered_error(answer: &Answer) -> bool {
    ["invalid_request", "invalid_client", "unsupported_grant_type"].contains(&answer.error())
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_bodies() {
    let app = TestApp::start(Database::Sqlite).await;
    let form = "application/x-www-form-urlencoded";
    let bodies: [(&str, &str, Vec<u8>); 9] = [
        ("empty", form, Vec::new()),
        ("no content type", "", b"grant_type=client_credentials".to_vec()),
        ("JSON", "application/json", br#"{"grant_type":"client_credentials"}"#.to_vec()),
        ("invalid UTF-8", form, b"grant_type=%ff%fe&token=%ff".to_vec()),
        ("raw bytes", form, vec![0xff, 0xfe, 0x00, 0x01]),
        ("NUL", form, b"grant_type=client%00credentials&token=%00".to_vec()),
        (
            "twice",
            form,
            b"grant_type=client_credentials&grant_type=client_credentials&token=a&token=b".to_vec(),
        ),
        ("many", form, "a=b&".repeat(5000).into_bytes()),
        (
            "unknown twice",
            form,
            b"grant_type=client_credentials&token=x&x=1&x=2&client_id=a".to_vec(),
        ),
    ];
    for path in PROGRAM_ENDPOINTS {
        for (name, content_type, body) in &bodies {
            let mut request = http().post(app.url(path)).body(body.clone());
            if !content_type.is_empty() {
                request = request.header("content-type", *content_type);
            }
            let answer = send(request).await;
            assert!(matches!(answer.status, 400 | 401), "{path} {name}: {}", answer.status);
            assert!(is_registered_error(&answer), "{path} {name}: {}", answer.body);
            assert_eq!(answer.header("cache-control"), "no-store", "{path} {name}");
        }
        let large = http().post(app.url(path)).header("content-type", form).body(vec![b'a'; 1 << 20]);
        let answer = send(large).await;
        assert_eq!((answer.status, answer.error()), (413, "invalid_request"), "{path}");
        let answer = send(http().get(app.url(path))).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{path}");
        assert_eq!(send(http().put(app.url(path))).await.status, 405, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_and_strange_parameters_of_an_authorization_request() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.trusted_client().await;
    let browser = Browser::new();
    let long = "s".repeat(10_000);
    let page = browser.get(&client.authorize_url(&[("state", &long)])).await;
    assert_eq!(page.answer("error").unwrap(), "invalid_request");
    assert!(page.answer("state").is_none(), "it is too long to carry");
    let fits = "s".repeat(8192);
    let page = client.authorize(&browser, "alice", &[("state", &fits)]).await;
    assert_eq!(page.answer("state").unwrap(), fits);
    let strange = "a b+c&d=e%f#g\u{202e}\u{1f512}\"'<script>\r\nSet-Cookie: x=y";
    let page = browser.visit(&client.authorize_url(&[("state", strange)])).await;
    assert_eq!(page.answer("state").unwrap(), strange, "returned unchanged");
    assert!(page.headers.get("set-cookie").is_none());
    let long_nonce = "n".repeat(1025);
    assert_eq!(
        browser
            .get(&client.authorize_url(&[("nonce", &long_nonce)]))
            .await
            .answer("error")
            .unwrap(),
        "invalid_request"
    );
    let many_scopes = (0..101).map(|number| format!("s{number}")).collect::<Vec<_>>().join(" ");
    assert_eq!(
        browser
            .get(&client.authorize_url(&[("scope", &many_scopes)]))
            .await
            .answer("error")
            .unwrap(),
        "invalid_scope"
    );
    for query in ["client_id=%ff", "client_id=a%00b", "client_id=a&client_id=b", "", "%", "&&&=&"] {
        let page = browser.get(&app.url(&format!("/authorize?{query}"))).await;
        assert_eq!(page.status, 400, "{query}");
        assert!(page.location().is_none(), "{query}");
    }
    let huge = "x".repeat(60_000);
    let status = browser.get(&app.url(&format!("/authorize?{huge}"))).await.status.as_u16();
    assert!(matches!(status, 400 | 414 | 431), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn interactions_that_are_not_ours() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.public_client().await;
    let browser = Browser::new();
    let right = browser.get(&client.authorize_url(&[])).await.answer("interaction").unwrap();
    let mut tampered = right.clone().into_bytes();
    tampered[30] = if tampered[30] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    for path in ["/login", "/consent", "/select-account", "/authorize/continue"] {
        for wrong in [tampered.as_str(), "AAAA", "%00", "..%2f..", &right[1..]] {
            let page = browser.get(&app.url(&format!("{path}?interaction={wrong}"))).await;
            assert_eq!(page.status, 400, "{path} {wrong}");
        }
        // In another browser the request begins anew there; nothing of this one goes along.
        let stranger = Browser::new();
        stranger.get(&app.url("/login")).await;
        let page = stranger.get(&app.url(&format!("{path}?interaction={right}"))).await;
        assert!(
            page.location().unwrap().starts_with(&app.url("/authorize?")),
            "{path} in another browser"
        );
    }
    // A browser that keeps no cookies is told so, instead of being sent around for ever.
    let page = http().get(client.authorize_url(&[])).send().await.unwrap();
    let login = page.headers()["location"].to_str().unwrap().to_owned();
    let answer = http().get(app.url(&login)).header("accept", "text/html").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("Cookies are needed"));
    app.advance(3601);
    let page = browser.get(&app.url(&format!("/login?interaction={right}"))).await;
    assert!(page.location().unwrap().starts_with(&app.url("/authorize?")), "an hour is over");
    assert!(browser.follow(page).await.body.contains("name=\"password\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths() {
    let app = TestApp::start(Database::Sqlite).await;
    let page = Browser::new().get(&app.url("/no/such/page")).await;
    assert_eq!(page.status, 404);
    assert!(page.header("content-type").starts_with("text/html") && page.body.contains("Page not found"));
    let answer = send(http().get(app.url("/no/such/page")).header("accept", "application/json")).await;
    assert_eq!((answer.status, answer.error()), (404, "invalid_request"));
    for path in [
        "/dev/seed",
        "/dev/pkce",
        "/dev/clients",
        "/static/../Cargo.toml",
        "/static/%2e%2e/x",
        "//evil.example/",
        "/token/",
        "/.git/config",
    ] {
        assert_eq!(Browser::new().get(&app.url(path)).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_clients_and_users_are_text_and_never_markup() {
    let app = TestApp::start(Database::Sqlite).await;
    let evil = "<img src=x onerror=alert(1)>\"'&{{7*7}}";
    app.user_with("alice", |new| {
        new.profile.insert("name".to_owned(), evil.into());
    })
    .await;
    let client = app
        .client(gatehouse::protocol::client_authentication::AuthMethod::None, |new| {
            new.name = evil.to_owned();
            new.logo_uri = Some("https://logo.example/x.png?a=\"><script>".to_owned());
        })
        .await;
    let browser = Browser::new();
    let mut pages = vec![browser.visit(&client.authorize_url(&[("login_hint", evil)])).await];
    pages.push(browser.sign_in(&pages[0], "alice", "alice").await);
    pages.push(browser.visit(&client.authorize_url(&[("prompt", "select_account")])).await);
    let wrong = Browser::new();
    let login = wrong.visit(&app.url("/login")).await;
    pages.push(wrong.submit(&login, &[("username", evil), ("password", "x")]).await);
    pages.push(
        Browser::new()
            .visit(&app.url("/setup?code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"))
            .await,
    );
    for page in pages {
        assert!(
            !page.body.contains("<img src=x") && !page.body.contains("<script>"),
            "{}: {}",
            page.url,
            page.body
        );
    }
}
