//! Whoever proves who they are is counted, and their address is not; and nobody uses up what somebody else has.

use gatehouse::model::limit::{By, Class};

use super::limited;
use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, send};
use crate::support::{Browser, Database, TestApp};

const GRANT: [(&str, &str); 1] = [("grant_type", "client_credentials")];

/// A request for a token as this client, with this secret, from behind a proxy.
async fn token_from(app: &TestApp, address: &str, client: &TestClient, secret: &str) -> Answer {
    let request = http().post(app.url("/token")).basic_auth(client.id(), Some(secret));
    send(request.header("x-forwarded-for", address).form(&GRANT)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_can_share_an_address() {
    let app = limited(&[("limit_token", "address=5,client=12")]).await;
    let (first, second, public) = (
        app.confidential_client().await,
        app.confidential_client().await,
        app.public_client().await,
    );
    for left in (0..12).rev() {
        let answer = first.post("/token", &GRANT).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("ratelimit-policy"), "\"token-client\";q=12;w=60");
        assert!(
            answer.header("ratelimit").starts_with(&format!("\"token-client\";r={left};")),
            "{:?}",
            answer.headers
        );
        assert_eq!(second.post("/token", &GRANT).await.status, 200);
    }
    let refused = first.post("/token", &GRANT).await;
    assert_eq!((refused.status, refused.error()), (429, "temporarily_unavailable"));
    // Whoever proves nothing stays with their address, whatever they say.
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(public.refresh("ghr_nothing").await.status);
    }
    assert_eq!(statuses, [400, 400, 400, 400, 400, 429]);
}

/// A program that runs wild behind a gateway.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_refused_uses_up_nothing_of_its_address() {
    let app = limited(&[("limit_token", "address=10,client=3")]).await;
    let (wild, other) = (app.confidential_client().await, app.confidential_client().await);
    for number in 0..40 {
        let answer = wild.post("/token", &GRANT).await;
        assert_eq!(answer.status, if number < 3 { 200 } else { 429 }, "{number}");
        assert!(
            answer.header("ratelimit").starts_with("\"token-client\";"),
            "{number}: {:?}",
            answer.headers
        );
    }
    for expected in [200, 200, 200, 429] {
        assert_eq!(other.post("/token", &GRANT).await.status, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_uses_up_what_a_client_has_by_naming_it() {
    let settings = [
        ("limit_token", "client=3"),
        ("limit_failure", "off"),
        ("trusted_proxies", "127.0.0.1"),
    ];
    let app = limited(&settings).await;
    let client = app.confidential_client().await;
    let secret = client.secret.clone().expect("a secret");
    for number in 0..20 {
        let answer = token_from(&app, &format!("192.0.2.{number}"), &client, "wrong").await;
        assert_eq!(answer.status, 401);
        assert!(!answer.headers.contains_key("ratelimit"));
    }
    for expected in [200, 200, 200, 429] {
        assert_eq!(token_from(&app, "198.51.100.1", &client, &secret).await.status, expected);
    }
}

/// Who guesses a secret is stopped before the right one could tell itself apart, and nobody but those at the same place.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_counted_by_where_they_come_from() {
    let settings = [("limit_failure", "address=8,client=3"), ("trusted_proxies", "127.0.0.1")];
    let app = limited(&settings).await;
    let (victim, other) = (app.confidential_client().await, app.confidential_client().await);
    let [secret, others] = [&victim, &other].map(|client| client.secret.clone().expect("a secret"));
    for _ in 0..3 {
        assert_eq!(token_from(&app, "192.0.2.1", &victim, "wrong").await.status, 401);
    }
    for presented in ["wrong", &secret] {
        let refused = token_from(&app, "192.0.2.1", &victim, presented).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "61"));
    }
    assert_eq!(
        token_from(&app, "192.0.2.1", &other, &others).await.status,
        200,
        "another client there"
    );
    assert_eq!(
        token_from(&app, "192.0.2.2", &victim, &secret).await.status,
        200,
        "the client elsewhere"
    );
    // Introspection asks for the same credentials.
    let introspect = http().post(app.url("/introspect")).basic_auth(victim.id(), Some("wrong"));
    let refused = send(introspect.header("x-forwarded-for", "192.0.2.1").form(&[("token", "x")])).await;
    assert_eq!(refused.status, 429);
    // Many clients, each tried seldom: the address itself has a limit.
    let mut statuses = Vec::new();
    for number in 0..8 {
        let request = http().post(app.url("/token")).basic_auth(format!("client{number}"), Some("wrong"));
        statuses.push(send(request.header("x-forwarded-for", "192.0.2.1").form(&GRANT)).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    assert_eq!(token_from(&app, "192.0.2.1", &other, &others).await.status, 429);
    // Whoever watches sees it.
    let refused = [By::Client, By::Address].map(|by| app.app.measures.limited(Class::Failure, by).value());
    assert_eq!(refused, [3, 4]);
    app.advance(61);
    assert_eq!(token_from(&app, "192.0.2.1", &victim, &secret).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_counted_by_who_they_are() {
    let settings = [
        ("limit_authorize", "address=4,account=6"),
        ("limit_userinfo", "address=2,account=3"),
        ("limit_page", "off"),
    ];
    let app = limited(&settings).await;
    for name in ["alice", "bob"] {
        app.user(name).await;
    }
    let client = app.trusted_client().await;
    let (alice, bob) = (Browser::new(), Browser::new());
    for (browser, name) in [(&alice, "alice"), (&bob, "bob")] {
        let page = browser.visit(&app.url("/login")).await;
        browser.sign_in(&page, name, name).await;
    }
    let mut codes = Vec::new();
    for left in (0..6).rev() {
        let page = alice.get(&client.authorize_url(&[])).await;
        assert!(
            page.header("ratelimit").starts_with(&format!("\"authorize-account\";r={left};")),
            "{:?}",
            page.headers
        );
        codes.push(page.answer("code").expect("a code"));
    }
    assert_eq!(alice.get(&client.authorize_url(&[])).await.status, 429);
    assert!(bob.get(&client.authorize_url(&[])).await.answer("code").is_some());
    // Whoever is not signed in is counted by the address.
    let stranger = Browser::new();
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(stranger.get(&client.authorize_url(&[])).await.status.as_u16());
    }
    assert_eq!(statuses, [303, 303, 303, 303, 429]);
    let tokens = client.redeem(&codes[5]).await;
    for expected in [200, 200, 200, 429] {
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, expected);
    }
    for expected in [401, 401, 429] {
        assert_eq!(client.userinfo("nonsense").await.status, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_that_are_typed_are_counted_and_their_page_is_not() {
    let app = limited(&[("limit_sign_in", "address=3")]).await;
    app.user("alice").await;
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    let mut statuses = Vec::new();
    for name in ["bob", "carol", "dave", "erin", "alice"] {
        let answer = browser.submit(&page, &[("username", name), ("password", "alice")]).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    assert_eq!(browser.get(&app.url("/login")).await.status, 200);
}

/// An address that a stranger has written counts for nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_does_not_change_places_by_a_header() {
    let app = limited(&[("limit_token", "address=2")]).await;
    let options = Options {
        settings: vec![("limit_token", "address=2".to_owned()), ("trusted_proxies", "127.0.0.1".to_owned())],
        ..Options::default()
    };
    let behind_proxy = TestApp::start_with(Database::Sqlite, options).await;
    let mut direct = Vec::new();
    let mut forwarded = Vec::new();
    for number in 0..4 {
        let request = http()
            .post(app.url("/token"))
            .header("x-forwarded-for", format!("192.0.2.{number}"));
        direct.push(send(request.header("forwarded", format!("for=192.0.2.{number}"))).await.status);
        let request = http().post(behind_proxy.url("/token"));
        let request = request.header("x-forwarded-for", format!("192.0.2.{number}"));
        forwarded.push(
            send(request.header("x-forwarded-for", b"\xff\xfe, 198.51.100.7".as_slice()))
                .await
                .status,
        );
    }
    assert_eq!(direct, [400, 400, 429, 429]);
    assert_eq!(forwarded, [400, 400, 429, 429], "the last one is what the proxy has seen");
    // One subscriber of IPv6 has a /64.
    let mut statuses = Vec::new();
    for number in 0..4 {
        let request = http().post(behind_proxy.url("/token"));
        statuses.push(
            send(request.header("x-forwarded-for", format!("2001:db8::{number}:1")))
                .await
                .status,
        );
    }
    assert_eq!(statuses, [400, 400, 429, 429]);
}
