//! What is answered to those who ask too often, and what everybody is told of where they stand.

use std::collections::BTreeMap;

use gatehouse::admin::settings;
use gatehouse::identity::admin_token;
use secrecy::ExposeSecret;

use super::{from, limited};
use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::{Answer, send};
use crate::support::{Database, TestApp};

async fn bad_token_request(app: &TestApp) -> Answer {
    send(
        http()
            .post(app.url("/token"))
            .form(&[("grant_type", "client_credentials"), ("client_id", "nobody")]),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_told_how_often_and_when_again() {
    let app = limited(&[("limit_token", "address=3")]).await;
    for left in [2, 1, 0] {
        let answer = bad_token_request(&app).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("ratelimit-policy"), "\"token-address\";q=3;w=60");
        let reset = if left == 0 { 61 } else { 60 };
        assert_eq!(answer.header("ratelimit"), format!("\"token-address\";r={left};t={reset}"));
    }
    for _ in 0..10 {
        let refused = bad_token_request(&app).await;
        assert_eq!((refused.status, refused.error()), (429, "temporarily_unavailable"));
        assert_eq!(refused.header("retry-after"), "61");
        assert_eq!(refused.header("ratelimit"), "\"token-address\";r=0;t=61");
        assert_eq!(refused.header("cache-control"), "no-store");
        assert!(
            !refused.headers.contains_key("www-authenticate"),
            "nothing is wrong with their credentials"
        );
        // Pages of other origins see why.
        assert_eq!(refused.header("access-control-allow-origin"), "*");
        let exposed = refused.header("access-control-expose-headers");
        assert!(
            ["Retry-After", "RateLimit", "RateLimit-Policy"]
                .iter()
                .all(|name| exposed.contains(name)),
            "{exposed}"
        );
    }
    let method = send(http().get(app.url("/token"))).await;
    assert_eq!(method.status, 429, "whatever the method");
    // Other kinds of requests, and other addresses, have limits of their own.
    assert_eq!(send(http().post(app.url("/introspect"))).await.status, 400);
    let elsewhere = send(from("127.0.0.2").post(app.url("/token"))).await;
    assert_eq!(elsewhere.status, 400, "loopback addresses are addresses like others");
    app.advance(61);
    assert_eq!(bad_token_request(&app).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_answered_in_their_own_words() {
    let settings = [
        ("limit_page", "address=1"),
        ("limit_admin", "address=1"),
        ("limit_vault", "address=1"),
        ("limit_metadata", "address=1"),
        ("agentcore", "on"),
    ];
    let app = limited(&settings).await;
    for (path, first) in [
        ("/", 200),
        ("/api/admin/v1/clients", 401),
        ("/identities/GetWorkloadAccessToken", 400),
        ("/.well-known/openid-configuration", 200),
    ] {
        assert_eq!(send(http().get(app.url(path))).await.status, first, "{path}");
    }
    let page = send(http().get(app.url("/"))).await;
    assert_eq!((page.status, page.header("retry-after")), (429, "61"));
    assert!(page.header("content-type").starts_with("text/html"));
    let told = page.body.to_string();
    assert!(told.contains("Too many requests") && told.contains("Wait 61 seconds"), "{told}");
    assert!(!told.contains("reference"), "nobody finds it in the log: {told}");
    let problem = send(http().get(app.url("/api/admin/v1/users"))).await;
    assert_eq!((problem.status, problem.header("content-type")), (429, "application/problem+json"));
    assert_eq!(problem.text("type"), "urn:gatehouse:problem:too-many-requests");
    let throttled = send(http().post(app.url("/identities/oauth2/token"))).await;
    assert_eq!(
        (throttled.status, throttled.header("x-amzn-errortype")),
        (429, "ThrottlingException")
    );
    // Nothing is free because it does not exist.
    assert_eq!(send(http().get(app.url("/nowhere/at/all"))).await.status, 429);
    let metadata = send(http().get(app.url("/jwks"))).await;
    assert_eq!(
        (metadata.status, metadata.header("ratelimit")),
        (429, "\"metadata-address\";r=0;t=61")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_always_answered_and_caches_keep_no_counts() {
    let app = limited(&[
        ("limit_token", "address=1"),
        ("limit_page", "address=1"),
        ("limit_metadata", "address=1"),
        ("limit_admin", "address=1"),
    ])
    .await;
    for path in ["/health", "/healthz", "/ping", "/readyz"] {
        for _ in 0..5 {
            let answer = send(http().get(app.url(path))).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(!answer.headers.contains_key("ratelimit"), "{path}");
        }
    }
    let metadata = send(http().get(app.url("/jwks"))).await;
    assert_eq!(metadata.status, 200);
    assert!(!metadata.headers.contains_key("ratelimit") && !metadata.headers.contains_key("ratelimit-policy"));
}

/// What somebody does who tries the server out, and more, stays below what everybody has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_never_reaches_the_usual_limits() {
    let options = Options {
        usual_limits: true,
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    app.user("alice").await;
    let client = app.public_client().await;
    for _ in 0..20 {
        let tokens = client.tokens("alice", &[]).await;
        let refreshed = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!(refreshed.status, 200);
        assert_eq!(client.userinfo(refreshed.text("access_token")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_change_while_the_server_runs_and_can_be_off() {
    let options = Options {
        usual_limits: true,
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    let set = async |value: Option<&str>| {
        let changes = BTreeMap::from([("limit_token".to_owned(), value.map(str::to_owned))]);
        settings::change(&app.app, &changes, None).await
    };
    assert!(bad_token_request(&app).await.header("ratelimit-policy").contains("q=1200;"));
    set(Some("address=2,client=5")).await.expect("a change");
    assert_eq!(bad_token_request(&app).await.status, 401);
    assert_eq!(bad_token_request(&app).await.status, 429);
    set(Some("off")).await.expect("a change");
    for _ in 0..5 {
        let answer = bad_token_request(&app).await;
        assert_eq!(answer.status, 401);
        assert!(!answer.headers.contains_key("ratelimit"));
    }
    set(None).await.expect("the default again");
    assert!(bad_token_request(&app).await.header("ratelimit-policy").contains("q=1200;"));
    for wrong in [
        "",
        "0",
        "10",
        "address",
        "address=0",
        "address=x",
        "address=1,address=2",
        "account=5",
        "address=10000001",
        "on",
    ] {
        assert!(set(Some(wrong)).await.is_err(), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administration_is_limited_by_who_administers() {
    let app = limited(&[("limit_admin", "address=2,account=4")]).await;
    let token = admin_token::reset(&app.app).await.expect("a token");
    let ask = || {
        send(
            http()
                .get(app.url("/api/admin/v1/clients"))
                .header("x-admin-token", token.expose_secret()),
        )
    };
    for left in [3, 2, 1, 0] {
        let answer = ask().await;
        assert_eq!(answer.status, 200, "the address does not count for who is known");
        assert!(answer.header("ratelimit").starts_with(&format!("\"admin-account\";r={left};")));
    }
    assert_eq!(ask().await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_of_ones_own_are_not_limited_but_who_is_behind_them_is() {
    let settings = [("limit_token", "address=1,client=3"), ("unlimited_networks", "127.0.0.0/30")];
    let app = limited(&settings).await;
    let client = app.confidential_client().await;
    for _ in 0..10 {
        assert_eq!(bad_token_request(&app).await.status, 401);
    }
    let grant = [("grant_type", "client_credentials")];
    for expected in [200, 200, 200, 429] {
        assert_eq!(client.post("/token", &grant).await.status, expected);
    }
    for expected in [400, 429] {
        assert_eq!(send(from("127.0.0.9").post(app.url("/token"))).await.status, expected);
    }
}
