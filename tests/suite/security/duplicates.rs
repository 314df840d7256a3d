//! Parameters that are there twice: of two readers each could take another one (RFC 6749 §3.1, §3.2).

use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use gatehouse::web::routes::{self, Audience};
use reqwest::Method;

use super::every_route::sample;
use crate::admin_pages::Desk;
use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::{TestClient, VERIFIER, send};
use crate::support::{Browser, Database, TestApp};

/// The fields of a good request to each endpoint for programs, but for what proves who the client is.
fn good(client: &TestClient) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let text = str::to_owned;
    vec![
        (
            "/token",
            vec![
                ("grant_type", text("authorization_code")),
                ("code", text("ghc_x")),
                ("redirect_uri", client.redirect_uri.clone()),
                ("code_verifier", text(VERIFIER)),
            ],
        ),
        (
            "/token",
            vec![
                ("grant_type", text("refresh_token")),
                ("refresh_token", text("ghr_x")),
                ("scope", text("read")),
            ],
        ),
        ("/token", vec![("grant_type", text("client_credentials")), ("scope", text("read"))]),
        (
            "/token",
            vec![
                ("grant_type", text("urn:ietf:params:oauth:grant-type:token-exchange")),
                ("subject_token", text("x")),
                ("subject_token_type", text("urn:ietf:params:oauth:token-type:access_token")),
                ("audience", text("there")),
            ],
        ),
        ("/introspect", vec![("token", text("x")), ("token_type_hint", text("access_token"))]),
        ("/revoke", vec![("token", text("x")), ("token_type_hint", text("refresh_token"))]),
    ]
}

fn encode(fields: &[(&str, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_of_a_program_may_be_there_twice() {
    let app = TestApp::start(Database::Sqlite).await;
    let client = app.confidential_client().await;
    let secret = client.secret.clone().unwrap();
    for (path, fields) in good(&client) {
        let mut all = fields.clone();
        all.extend([
            ("client_id", client.id().to_owned()),
            ("client_secret", secret.clone()),
            ("something_else", "x".to_owned()),
        ]);
        for (name, value) in &all {
            for (first, second) in [
                (value.clone(), value.clone()),
                (value.clone(), "another".to_owned()),
                ("another".to_owned(), value.clone()),
            ] {
                let mut twice: Vec<(&str, String)> = all.iter().filter(|(known, _)| known != name).cloned().collect();
                twice.extend([(*name, first), (*name, second)]);
                let request = http()
                    .post(app.url(path))
                    .header("content-type", "application/x-www-form-urlencoded");
                let answer = send(request.body(encode(&twice))).await;
                assert_eq!(
                    (answer.status, answer.error()),
                    (400, "invalid_request"),
                    "{path} {name}: {}",
                    answer.body
                );
            }
            // The same name in another spelling is the same name.
            let spelled = name.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
            let body = format!("{}&{spelled}=another", encode(&all));
            let request = http()
                .post(app.url(path))
                .header("content-type", "application/x-www-form-urlencoded");
            let answer = send(request.body(body)).await;
            assert_eq!((answer.status, answer.error()), (400, "invalid_request"), "{path} {name} encoded");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_of_an_authorization_request_may_be_there_twice() {
    let app = TestApp::start(Database::Sqlite).await;
    let client = app.public_client().await;
    let url = url::Url::parse(&client.authorize_url(&[
        ("response_mode", "query"),
        ("prompt", "none"),
        ("max_age", "100"),
        ("login_hint", "alice"),
        ("claims", "{}"),
        ("ui_locales", "en"),
        ("something_else", "x"),
    ]))
    .unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    assert!(pairs.len() > 12);
    for (name, value) in &pairs {
        for other in [value.as_str(), "another"] {
            let mut twice = url.clone();
            twice.query_pairs_mut().append_pair(name, other);
            let page = Browser::new().get(twice.as_str()).await;
            let is_about_the_address = matches!(name.as_str(), "client_id" | "redirect_uri");
            match page.location() {
                None => assert_eq!((page.status.as_u16(), is_about_the_address), (400, true), "{name}"),
                Some(location) => {
                    assert!(location.starts_with("https://app.example/callback?"), "{name}: {location}");
                    assert_eq!(page.answer("error").as_deref(), Some("invalid_request"), "{name}");
                    assert!(page.answer("code").is_none(), "{name}");
                }
            }
            // One half in the query, the other in the body.
            let bare = app.url(&format!(
                "/authorize?{}",
                url::form_urlencoded::Serializer::new(String::new())
                    .append_pair(name, other)
                    .finish()
            ));
            let fields: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let page = Browser::new().post(&bare, &fields).await;
            let refused = page.status == 400 || page.answer("error").as_deref() == Some("invalid_request");
            assert!(refused, "{name} in query and body: {:?}", page.location());
        }
    }
}

/// What stands in the query of a POST is not read where a body is expected.
#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_into_the_body_does_not_count_in_the_query() {
    let app = TestApp::start(Database::Sqlite).await;
    let client = app.confidential_client().await;
    let secret = client.secret.clone().unwrap();
    for (path, fields) in good(&client) {
        let credentials = [("client_id", client.id().to_owned()), ("client_secret", secret.clone())];
        let form = |fields: &[(&str, String)], query: &[(&str, String)]| {
            http()
                .post(app.url(&format!("{path}?{}", encode(query))))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(encode(fields))
        };
        let answer = send(form(&fields, &credentials)).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{path}: credentials in the query: {}",
            answer.status
        );
        let all: Vec<(&str, String)> = fields.iter().cloned().chain(credentials).collect();
        let answer = send(form(&[], &all)).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{path}: everything in the query: {}",
            answer.body
        );
    }
    let tokens = client.tokens("alice", &[]);
    app.user("alice").await;
    let token = tokens.await.text("access_token").to_owned();
    for path in ["/userinfo", "/api/admin/v1/users", "/register/x"] {
        let request = http().get(app.url(&format!("{path}?access_token={token}")));
        assert_eq!(send(request).await.status, 401, "{path}: a token in the address (RFC 9700 §4.3.2)");
    }
}

/// JSON with a key twice is refused wherever JSON is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_of_a_json_body_may_be_there_twice() {
    let settings = vec![("agentcore", "on".to_owned())];
    let options = Options {
        settings,
        ..Options::default()
    };
    let desk = Desk::of(TestApp::start_with(Database::Sqlite, options).await).await;
    let app = &desk.app;
    let client = app
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.scope = Scope::parse("openid read relay vault").unwrap();
            new.grant_types.push(GrantType::ClientCredentials);
        })
        .await;
    let program = crate::relay::Program { client };
    let body = |first: &str, second: &str| {
        format!("{{\"client_name\":\"{first}\",\"client_name\":\"{second}\",\"redirect_uris\":[\"https://app.example/cb\"]}}")
    };
    let (mut tried, mut wrong) = (0, Vec::new());
    for route in routes::all().filter(|route| route.audience == Audience::Operator) {
        for method in route
            .methods
            .iter()
            .filter(|method| ["POST", "PUT", "PATCH"].contains(&method.as_str()))
        {
            let request = http()
                .request(method.as_str().parse().unwrap(), app.url(&sample(route.path)))
                .header("x-admin-token", &desk.token)
                .header("if-match", "*")
                .header("content-type", "application/json");
            let answer = send(request.body(body("a", "b"))).await;
            // Some take no body at all, and look at nothing else when there is nothing of that name.
            if !matches!(answer.status, 400 | 404 | 422) {
                wrong.push(format!("{method} {}: {}", route.path, answer.status));
            }
            tried += 1;
        }
    }
    assert!(tried > 20, "only {tried}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let made = http().post(app.url("/api/admin/v1/clients")).header("x-admin-token", &desk.token);
    let answer = send(made.header("content-type", "application/json").body(body("a", "b"))).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let twice = [
        (
            "/register",
            r#"{"redirect_uris":["https://app.example/cb"],"redirect_uris":["https://evil.example/cb"]}"#,
        ),
        (
            "/register",
            r#"{"redirect_uris":["https://app.example/cb"],"software_id":"a","software_id":"b"}"#,
        ),
        ("/api/callbacks", r#"{"user_id":"a","user_id":"b"}"#),
        ("/api/vault/workload-token", r#"{"workload":"a","workload":"b"}"#),
    ];
    for (path, text) in twice {
        let request = program.request(Method::POST, path).header("content-type", "application/json");
        let answer = send(request.body(text)).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
    }
}

/// A header that says who somebody is may be there once.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_with_credentials_may_be_there_twice() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.confidential_client().await;
    let tokens = client.tokens("alice", &[]).await;
    let operator = crate::api::operator(&app).await;
    let crate::api::Shown::AdminToken(admin) = operator.shown else {
        panic!()
    };
    let bearer = format!("Bearer {}", tokens.text("access_token"));
    let basic = {
        let pair = format!("{}:{}", client.id(), client.secret.as_ref().unwrap());
        let alphabet = gatehouse::base::encoding::base64url(pair.as_bytes())
            .replace('-', "+")
            .replace('_', "/");
        format!("Basic {alphabet}{}", "=".repeat((4 - alphabet.len() % 4) % 4))
    };
    for (path, name, value) in [
        ("/userinfo", "authorization", bearer.as_str()),
        ("/api/admin/v1/users", "x-admin-token", &admin),
        ("/api/admin/v1/users", "authorization", &format!("Bearer {admin}")),
    ] {
        let once = send(http().get(app.url(path)).header(name, value)).await;
        assert_eq!(once.status, 200, "{path} {name}");
        for (first, second) in [(value, value), (value, "Bearer x"), ("Bearer x", value)] {
            let answer = send(http().get(app.url(path)).header(name, first).header(name, second)).await;
            assert!(matches!(answer.status, 400 | 401), "{path} {name}: {}", answer.status);
        }
    }
    for path in ["/token", "/introspect", "/revoke"] {
        let form = [("grant_type", "client_credentials"), ("token", "x")];
        let request = || http().post(app.url(path)).header("authorization", &basic).form(&form);
        assert_eq!(send(request()).await.status, 200, "{path}");
        for second in [basic.as_str(), bearer.as_str(), "Basic eDp5"] {
            let answer = send(request().header("authorization", second)).await;
            assert!(matches!(answer.status, 400 | 401), "{path} {second}: {}", answer.status);
        }
        // A body that says twice what it is.
        let request = http()
            .post(app.url(path))
            .header("authorization", &basic)
            .body("grant_type=client_credentials&token=x");
        let twice = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("content-type", "application/json");
        assert_eq!(send(twice).await.status, 400, "{path}");
    }
}
