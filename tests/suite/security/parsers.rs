//! Texts that two readers could read differently: character sets, marks at the beginning, the character zero, overlong UTF-8, other
//! separators, other media types.

use gatehouse::web::routes::{self, Audience};
use serde_json::json;

use super::every_route::sample;
use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, send};
use crate::support::{Browser, Database, TestApp};

const FORM: &str = "application/x-www-form-urlencoded";

async fn token(client: &TestClient, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = http()
        .post(format!("{}/token", client.base))
        .basic_auth(client.id(), client.secret.as_ref())
        .header("content-type", content_type);
    send(request.body(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_a_form_and_nothing_else() {
    let app = TestApp::start(Database::Sqlite).await;
    let client = app.confidential_client().await;
    let good = "grant_type=client_credentials&scope=read";
    // The same in words that mean the same (media types have no case, RFC 9110 §8.3.1).
    for content_type in [
        FORM,
        "application/x-www-form-urlencoded; charset=utf-8",
        "Application/X-WWW-Form-Urlencoded",
    ] {
        assert_eq!(token(&client, content_type, good).await.status, 200, "{content_type}");
    }
    for content_type in [
        "",
        "text/plain",
        "application/json",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencodedx",
        "application/x-www-form-urlencoded,application/json",
        "application/json, application/x-www-form-urlencoded",
        "x; application/x-www-form-urlencoded",
    ] {
        let answer = token(&client, content_type, good).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_request"), "{content_type:?}");
    }
    // Other character sets, marks of byte order, compressed bodies.
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (what, body) in [
        ("UTF-16", utf16.clone()),
        ("UTF-16 with a mark", [vec![0xff, 0xfe], utf16].concat()),
        ("UTF-8 with a mark", [vec![0xef, 0xbb, 0xbf], good.as_bytes().to_vec()].concat()),
        ("UTF-7", b"grant+AF8-type=client+AF8-credentials".to_vec()),
        ("EBCDIC", vec![0x87, 0x99, 0x81, 0x95, 0xa3]),
        ("gzip", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
    ] {
        for content_type in [
            FORM,
            "application/x-www-form-urlencoded; charset=utf-16",
            "application/x-www-form-urlencoded; charset=utf-7",
        ] {
            let answer = token(&client, content_type, body.clone()).await;
            assert_eq!(answer.status, 400, "{what} as {content_type}: {}", answer.body);
        }
    }
    let request = http()
        .post(app.url("/token"))
        .basic_auth(client.id(), client.secret.as_ref())
        .header("content-type", FORM)
        .header("content-encoding", "gzip")
        .body(vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    assert_eq!(send(request).await.status, 400, "a body that is compressed is not opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_values_are_taken_byte_by_byte() {
    let app = TestApp::start(Database::Sqlite).await;
    let client = app.confidential_client().await;
    for (what, body) in [
        ("semicolons", "grant_type=client_credentials;scope=read"),
        ("a name in brackets", "grant_type[]=client_credentials"),
        ("a name with an index", "grant_type[0]=client_credentials"),
        ("another case", "GRANT_TYPE=client_credentials"),
        ("a blank before", " grant_type=client_credentials"),
        ("a blank behind", "grant_type =client_credentials"),
        ("a zero behind", "grant_type%00=client_credentials"),
        ("a zero in the value", "grant_type=client_credentials%00"),
        ("encoded twice", "grant%255Ftype=client_credentials"),
        ("a value that is encoded twice", "grant_type=client%255Fcredentials"),
        ("overlong", "grant_type=client%c1%9fcredentials"),
        ("overlong in three", "grant_type=client%e0%81%9fcredentials"),
        ("a surrogate", "grant_type=client_credentials&scope=%ed%a0%80"),
        ("beyond Unicode", "grant_type=client_credentials&scope=%f5%80%80%80"),
        ("half a character", "grant_type=client_credentials&scope=%c3"),
        ("full width", "grant_type=client＿credentials"),
        ("a blank at the end", "grant_type=client_credentials "),
        ("a line", "grant_type=client_credentials%0a"),
        ("JSON", "{\"grant_type\":\"client_credentials\"}"),
        ("nothing but a value", "client_credentials"),
        ("percent without digits", "grant_type=client%_credentials"),
        ("percent u", "grant_type=client%u005fcredentials"),
    ] {
        let answer = token(&client, FORM, body).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.body);
        assert!(
            ["invalid_request", "unsupported_grant_type", "invalid_scope"].contains(&answer.error()),
            "{what}: {}",
            answer.body
        );
    }
    // What is the same is the same.
    for body in [
        "grant_type=client%5Fcredentials",
        "%67rant_type=client_credentials",
        "&&grant_type=client_credentials&",
    ] {
        assert_eq!(token(&client, FORM, body).await.status, 200, "{body}");
    }
}

/// Query and form are read by the same rules.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_and_a_form_say_the_same() {
    let app = TestApp::start(Database::Sqlite).await;
    let client = app.public_client().await;
    let good = url::Url::parse(&client.authorize_url(&[("prompt", "none")])).unwrap();
    let good = good.query().unwrap().to_owned();
    for (from, to) in [
        ("", ""),
        ("state=the+state", "state=the%20state"),
        ("state=the+state", "state=%ff"),
        ("state=the+state", "state=%c0%af"),
        ("state=the+state", "state=a%00b"),
        ("state=the+state", "state=a;b=c"),
        ("state=the+state", "state[]=a"),
        ("state=the+state", "state=%u0041"),
        ("state=the+state", "state=a=b"),
        ("state=the+state", "state=a%26b%3dc"),
        ("state=the+state", "%73tate=a"),
        ("client_id=", "client_id%00="),
        ("client_id=", "Client_id="),
        ("redirect_uri=", "redirect_uri=%00"),
        ("&", ";"),
    ] {
        let text = good.replacen(from, to, if from == "&" { usize::MAX } else { 1 });
        let browser = Browser::new();
        let by_query = browser.get(&app.url(&format!("/authorize?{text}"))).await;
        let url = app.url("/authorize");
        let by_form = browser
            .send(http().post(&url).header("content-type", FORM).body(text.clone()), &url)
            .await;
        assert_eq!(
            (by_query.status, by_query.location()),
            (by_form.status, by_form.location()),
            "{text}"
        );
        let state = |text: &str| text.split_once("state=").map(|(_, rest)| rest.to_owned());
        if let Some(location) = by_query.location() {
            assert!(location.starts_with("https://app.example/callback?error="), "{text}: {location}");
            assert!(state(&location).is_none_or(|state| !state.contains('\n')), "{location}");
        }
    }
}

/// JSON: no marks, no comments, no other numbers, and nothing behind it.
#[tokio::test(flavor = "multi_thread")]
async fn json_is_read_strictly() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = crate::api::operator(&app).await;
    let crate::api::Shown::AdminToken(admin) = operator.shown else {
        panic!()
    };
    let good = r#"{"description":"x"}"#;
    let put = async |content_type: &str, body: Vec<u8>| {
        let request = http()
            .put(app.url("/api/admin/v1/scopes/strict"))
            .header("x-admin-token", &admin)
            .header("content-type", content_type);
        send(request.body(body)).await.status
    };
    for (what, body) in [
        ("a mark", [b"\xef\xbb\xbf".to_vec(), good.as_bytes().to_vec()].concat()),
        ("UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("overlong", b"{\"description\":\"\xc0\xaf\"}".to_vec()),
        ("Latin-1", b"{\"description\":\"\xfc\"}".to_vec()),
        ("half a surrogate", br#"{"description":"\ud800"}"#.to_vec()),
        ("a zero", br#"{"description":"\u0000"}"#.to_vec()),
        ("a comment", br#"{"description":"x"/*y*/}"#.to_vec()),
        ("a comma", br#"{"description":"x",}"#.to_vec()),
        ("single quotes", b"{'description':'x'}".to_vec()),
        ("two values", br#"{"description":"x"}{"description":"y"}"#.to_vec()),
        ("a raw line", b"{\"description\":\"x\ny\"}".to_vec()),
        ("NaN", br#"{"description":NaN}"#.to_vec()),
        ("very deep", [vec![b'['; 100_000], vec![b']'; 100_000]].concat()),
        ("a list", b"[]".to_vec()),
        ("twice", br#"{"description":"x","description":"y"}"#.to_vec()),
        ("twice, once escaped", br#"{"description":"x","descripti\u006fn":"y"}"#.to_vec()),
        ("something unknown", br#"{"description":"x","__proto__":{}}"#.to_vec()),
    ] {
        let status = put("application/json", body).await;
        assert!(matches!(status, 400 | 413 | 422), "{what}: {status}");
    }
    for content_type in [
        "",
        "text/plain",
        "text/json",
        FORM,
        "application/jsonx",
        "application/json5",
        "application/xml",
    ] {
        assert_eq!(put(content_type, good.as_bytes().to_vec()).await, 415, "{content_type}");
    }
    assert_eq!(put("application/json; charset=utf-8", good.as_bytes().to_vec()).await, 201);
    let registered = send(http().post(app.url("/register")).json(&json!([]))).await;
    assert_eq!(registered.status, 400);
}

/// A list is no object whose fields stand in their order, and neither is anything else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_object_is_no_body() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = crate::api::operator(&app).await;
    let crate::api::Shown::AdminToken(admin) = operator.shown else {
        panic!()
    };
    let mut tried = 0;
    for route in routes::all().filter(|route| route.audience == Audience::Operator) {
        for method in route
            .methods
            .iter()
            .filter(|method| ["POST", "PUT", "PATCH"].contains(&method.as_str()))
        {
            for body in ["[]", "[\"x\"]", "[null,null]", "\"x\"", "0", "true", "null"] {
                let request = http()
                    .request(method.as_str().parse().unwrap(), app.url(&sample(route.path)))
                    .header("x-admin-token", &admin)
                    .header("if-match", "*")
                    .header("content-type", "application/json");
                let answer = send(request.body(body)).await;
                assert!(
                    matches!(answer.status, 400 | 404 | 412 | 422),
                    "{method} {} {body}: {}",
                    route.path,
                    answer.body
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 150, "only {tried}");
}

/// Paths: what a proxy might have let through because it reads them otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_written_otherwise_opens_nothing() {
    let app = TestApp::start(Database::Sqlite).await;
    let address = app.base.strip_prefix("http://").unwrap().to_owned();
    for path in [
        "/static/../admin",
        "/static/..%2fadmin",
        "/static/%2e%2e/admin",
        "/static/..;/admin",
        "/static/..%5cadmin",
        "/static/.%00./admin",
        "//admin",
        "/./admin",
        "/admin/",
        "/admin/.",
        "/ADMIN",
        "/%61dmin/%2e%2e/api/admin/v1/users",
        "/api/admin/v1//users",
        "/api/admin/v1/users/",
        "/api/admin/v1/users;x=1",
        "/api/admin/v1/users%00",
        "/api/admin/v1/users%2f",
        "/api/admin/v1/users%0a",
        "/api/admin/v1/users%20",
        "/api/admin/v1/users.json",
        "/api/docs/../admin/v1/users",
        "/.well-known/../admin",
        "/dev/seed",
        "/metrics",
    ] {
        // As it is, without a client that tidies it up.
        let answer = super::smuggling::exchange(
            &address,
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await;
        let status = super::smuggling::statuses(&answer);
        let is_refused = status.len() == 1 && matches!(status[0], 303 | 400 | 401 | 404);
        assert!(is_refused, "{path}: {status:?}");
        assert!(!answer.contains("<nav"), "{path} shows a page of the administration");
    }
}
