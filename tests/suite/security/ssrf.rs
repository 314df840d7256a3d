//! Nobody can make this server ask something of the network that it stands in.
//!
//! With an issuer on the public internet, everything that a peer can name is refused before there is a connection, and
//! a server on this machine watches that nobody comes. What happens on a connection is tried on a loopback issuer, which
//! may ask this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::outside::address::special_use;
use gatehouse::outside::{Fetch, FetchError, KeySets, Resolver, Rules, Wanted};
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::jwks::AssertionAlgorithm;
use gatehouse::protocol::token_request::GrantType;
use serde_json::{Value, json};

use crate::support::app::Options;
use crate::support::assertion::{ClientKey, claims, fields};
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Browser, Database, TestApp};

const LIMIT: usize = 5 * 1024;

/// A server that says it is on the public internet.
async fn public_app(resolver: Option<Resolver>) -> TestApp {
    let options = Options {
        settings: vec![("issuer", "https://auth.example".to_owned())],
        resolver,
        ..Options::default()
    };
    TestApp::start_with(Database::Sqlite, options).await
}

/// Every way to write an address that is not public, with a port at which somebody listens.
fn hosts(port: u16) -> Vec<String> {
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.255.255.254",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "3232235777",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::1]",
        "[100::1]",
        "[2001::1]",
        "[2001:db8::1]",
        "[2002:7f00:1::]",
        "[3fff::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "inside.example",
        "both.example",
    ];
    hosts.into_iter().map(|host| format!("{host}:{port}")).collect()
}

/// Names that lead into our network, alone or beside an address that is fine.
fn resolver() -> Resolver {
    Resolver::from_fn(|host| {
        Ok(match host {
            "both.example" => vec!["1.1.1.1".parse().unwrap(), IpAddr::V4(Ipv4Addr::LOCALHOST)],
            _ => vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_documents_lead_nowhere_inside() {
    let elsewhere = Elsewhere::start().await;
    let app = public_app(Some(resolver())).await;
    for scheme in ["https", "http"] {
        for host in hosts(elsewhere.port()) {
            let url = format!("{scheme}://{host}/client.json");
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([
                    ("response_type", "code"),
                    ("client_id", &url),
                    ("redirect_uri", "https://app.example/callback"),
                    ("code_challenge", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
                    ("code_challenge_method", "S256"),
                ])
                .finish();
            let page = Browser::new().get(&app.url(&format!("/authorize?{query}"))).await;
            assert_eq!((page.status.as_u16(), page.location()), (400, None), "{url}");
            for word in ["public internet", "loopback", "refused", "connection"] {
                assert!(!page.body.contains(word), "what we see is nobody's business: {url}: {}", page.body);
            }
            let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", url.as_str())];
            let answer = send(http().post(app.url("/token")).form(&form)).await;
            assert_eq!((answer.status, answer.error()), (401, "invalid_client"), "{url}");
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_addresses_lead_nowhere_inside() {
    let elsewhere = Elsewhere::start().await;
    let key = ClientKey::new(SigningAlgorithm::EdDsa);
    elsewhere.serve("/jwks", Served::json(&json!({ "keys": [key.jwk] })));
    let app = public_app(Some(resolver())).await;
    for host in hosts(elsewhere.port()) {
        let url = format!("https://{host}/jwks");
        let client = app
            .client(AuthMethod::PrivateKeyJwt, |new| {
                new.grant_types.push(GrantType::ClientCredentials);
                new.jwks_uri = Some(url.clone());
            })
            .await;
        let assertion = key.sign("EdDSA", &claims(&app, client.id()));
        let mut form = fields(&assertion).to_vec();
        form.push(("grant_type", "client_credentials"));
        let answer = send(http().post(app.url("/token")).form(&form)).await;
        assert_eq!((answer.status, answer.error()), (401, "invalid_client"), "{url}");
        assert_eq!(answer.text("error_description"), "client authentication failed", "{url}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

fn way_out(is_loopback_allowed: bool, patience: Duration, resolver: Resolver) -> Fetch {
    let rules = Rules {
        is_loopback_allowed,
        patience,
        at_once: 4,
    };
    Fetch::new(rules, resolver).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_is_the_address_and_not_luck() {
    let elsewhere = Elsewhere::start().await;
    let fetch = way_out(false, Duration::from_secs(5), resolver());
    for host in hosts(elsewhere.port()) {
        let outcome = fetch.json(&format!("https://{host}/"), LIMIT).await;
        assert!(matches!(outcome, Err(FetchError::Special(..))), "{host}: {outcome:?}");
    }
    for url in [
        "http://app.example/",
        "ftp://app.example/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "https://user@app.example/",
        "https://user:secret@app.example/",
        "app.example",
        "",
    ] {
        let outcome = fetch.json(url, LIMIT).await;
        assert!(matches!(outcome, Err(FetchError::Url(_))), "{url}: {outcome:?}");
    }
    assert_eq!(elsewhere.connections(), 0);
    // On a loopback issuer this machine is fine, and nothing else of what is above.
    let fetch = way_out(true, Duration::from_secs(5), Resolver::system());
    for host in hosts(elsewhere.port()) {
        let outcome = fetch.json(&format!("https://{host}/"), LIMIT).await;
        assert!(outcome.is_err(), "{host}: there is no TLS");
    }
    let outcome = fetch.json("http://169.254.169.254/latest/meta-data", LIMIT).await;
    assert!(matches!(outcome, Err(FetchError::Url(_))), "{outcome:?}");
    let outcome = fetch.json("https://169.254.169.254/latest/meta-data", LIMIT).await;
    assert!(matches!(outcome, Err(FetchError::Special(..))), "{outcome:?}");
}

#[test]
fn addresses_of_the_public_internet() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.215.14",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "198.17.0.1",
        "198.20.0.1",
    ] {
        assert_eq!(special_use(address.parse().unwrap()), None, "{address}");
    }
    for address in [
        "2606:4700:4700::1111",
        "2001:4860:4860::8888",
        "2a00:1450:4001:81b::200e",
        "2620:fe::fe",
    ] {
        assert_eq!(special_use(address.parse().unwrap()), None, "{address}");
    }
}

/// A name that means one thing when it is checked and another when it is used.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_looked_up_once() {
    let near = Elsewhere::start().await;
    near.serve("/client.json", Served::json(&json!({})));
    let other = Elsewhere::start_at(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), near.port()).await;
    let lookups = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&lookups);
    let rebinding = Resolver::from_fn(move |_| {
        let first = counter.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(vec![IpAddr::V4(Ipv4Addr::new(127, 0, 0, if first { 1 } else { 2 }))])
    });
    let fetch = way_out(true, Duration::from_secs(5), rebinding);
    fetch
        .json(&format!("http://localhost:{}/client.json", near.port()), LIMIT)
        .await
        .unwrap();
    assert_eq!((lookups.load(Ordering::SeqCst), near.connections(), other.connections()), (1, 1, 0));
    // The second time it leads inside, and is looked up, and checked, again.
    let lookups = AtomicUsize::new(0);
    let inside = Resolver::from_fn(move |_| {
        let first = lookups.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(vec![IpAddr::V4(if first {
            Ipv4Addr::LOCALHOST
        } else {
            Ipv4Addr::new(10, 0, 0, 1)
        })])
    });
    let fetch = way_out(true, Duration::from_secs(5), inside);
    let url = format!("http://localhost:{}/client.json", near.port());
    fetch.json(&url, LIMIT).await.unwrap();
    assert!(matches!(fetch.json(&url, LIMIT).await, Err(FetchError::Special(..))));
    // Without TLS only this machine is asked, whatever the name leads to.
    let outside = way_out(
        true,
        Duration::from_secs(5),
        Resolver::from_fn(|_| Ok(vec!["1.1.1.1".parse().unwrap()])),
    );
    assert!(matches!(
        outside.json("http://localhost/client.json", LIMIT).await,
        Err(FetchError::Url(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_small_json_documents() {
    let elsewhere = Elsewhere::start().await;
    let fetch = way_out(true, Duration::from_secs(2), Resolver::system());
    let good = Served::json(&json!({ "a": 1 }));
    let inside = elsewhere.url("/inside");
    for (path, served, expected) in [
        (
            "/moved",
            good.clone().status(301).with("location", &inside),
            FetchError::Status(301),
        ),
        (
            "/found",
            good.clone().status(302).with("location", "http://169.254.169.254/"),
            FetchError::Status(302),
        ),
        (
            "/other",
            good.clone().status(303).with("location", &inside),
            FetchError::Status(303),
        ),
        (
            "/temporary",
            good.clone().status(307).with("location", &inside),
            FetchError::Status(307),
        ),
        (
            "/permanent",
            good.clone().status(308).with("location", &inside),
            FetchError::Status(308),
        ),
        ("/refresh", good.clone().status(201), FetchError::Status(201)),
        ("/empty", good.clone().status(204), FetchError::Status(204)),
        ("/html", good.clone().with("content-type", "text/html"), FetchError::ContentType),
        ("/none", good.clone().with("content-type", ""), FetchError::ContentType),
        (
            "/almost",
            good.clone().with("content-type", "application/jsonx"),
            FetchError::ContentType,
        ),
        ("/gzip", good.clone().with("content-encoding", "gzip"), FetchError::Encoding),
        (
            "/deflate",
            good.clone().with("content-encoding", "deflate, gzip"),
            FetchError::Encoding,
        ),
        (
            "/said",
            Served {
                body: vec![b' '; LIMIT + 1],
                ..good.clone()
            },
            FetchError::TooLarge(LIMIT),
        ),
        (
            "/endless",
            Served {
                body: vec![b' '; 1000],
                is_endless: true,
                ..good.clone()
            },
            FetchError::TooLarge(LIMIT),
        ),
    ] {
        elsewhere.serve(path, served);
        let outcome = fetch.json(&elsewhere.url(path), LIMIT).await;
        assert_eq!(outcome.map(|fetched| fetched.body.len()), Err(expected), "{path}");
    }
    assert_eq!(elsewhere.hits("/inside"), 0);
    for kind in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/client-metadata+json",
    ] {
        elsewhere.serve("/fine", good.clone().with("content-type", kind));
        assert!(fetch.json(&elsewhere.url("/fine"), LIMIT).await.is_ok(), "{kind}");
    }
    elsewhere.serve(
        "/just",
        Served {
            body: vec![b' '; LIMIT],
            ..good
        },
    );
    assert_eq!(fetch.json(&elsewhere.url("/just"), LIMIT).await.unwrap().body.len(), LIMIT);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_ever() {
    let elsewhere = Elsewhere::start().await;
    let patience = Duration::from_millis(500);
    let fetch = way_out(true, patience, Resolver::system());
    let good = Served::json(&json!({ "a": 1 }));
    let late = Served {
        delay: Duration::from_secs(30),
        ..good.clone()
    };
    // A byte now and then: the whole has its time, not each part.
    let drip = Served {
        delay: Duration::from_millis(100),
        body: vec![b' '],
        is_endless: true,
        ..good.clone()
    };
    elsewhere.serve("/late", late);
    elsewhere.serve("/drip", drip);
    for path in ["/late", "/drip"] {
        let begun = Instant::now();
        assert_eq!(
            fetch.json(&elsewhere.url(path), LIMIT).await.map(drop),
            Err(FetchError::Slow),
            "{path}"
        );
        assert!(begun.elapsed() < patience * 4, "{path}");
    }
    // A crowd that waits for something slow keeps others from coming in, for that time and no longer.
    let crowd = (0..20).map(|number| {
        elsewhere.serve(
            &format!("/late/{number}"),
            Served {
                delay: Duration::from_secs(30),
                ..good.clone()
            },
        );
        let (fetch, url) = (fetch.clone(), elsewhere.url(&format!("/late/{number}")));
        async move { fetch.json(&url, LIMIT).await.map(drop) }
    });
    let before = elsewhere.connections();
    let watch = async {
        tokio::time::sleep(patience / 2).await;
        elsewhere.connections() - before
    };
    let (outcomes, so_many) = tokio::join!(futures_util::future::join_all(crowd), watch);
    let of = |expected: FetchError| outcomes.iter().filter(|outcome| **outcome == Err(expected.clone())).count();
    // Who never got out is told so: it is no fault of the host.
    assert_eq!((of(FetchError::Slow), of(FetchError::Busy)), (4, 16), "{outcomes:?}");
    assert!(so_many <= 4, "so many at once, and no more: {so_many}");
    elsewhere.serve("/good", good);
    tokio::time::sleep(patience).await;
    assert!(fetch.json(&elsewhere.url("/good"), LIMIT).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_want_the_same_ask_once() {
    let elsewhere = Elsewhere::start().await;
    let fetch = way_out(true, Duration::from_secs(5), Resolver::system());
    let served = Served {
        delay: Duration::from_millis(100),
        ..Served::json(&json!({ "a": 1 }))
    };
    elsewhere.serve("/one", served);
    let url = elsewhere.url("/one");
    let crowd = futures_util::future::join_all((0..50).map(|_| fetch.json(&url, LIMIT))).await;
    assert!(crowd.iter().all(Result::is_ok));
    assert_eq!(elsewhere.connections(), 1);
    fetch.json(&url, LIMIT).await.unwrap();
    assert_eq!(elsewhere.connections(), 2, "nothing is kept here");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_one_host_are_read_only_so_often_for_strangers() {
    let elsewhere = Elsewhere::start().await;
    let fetch = way_out(true, Duration::from_secs(5), Resolver::system());
    let key_sets = KeySets::default();
    let key = ClientKey::new(SigningAlgorithm::Es256);
    let read = async |number: usize, is_vouched_for: bool, now: i64| {
        let path = format!("/keys/{number}");
        elsewhere.serve(&path, Served::json(&json!({ "keys": [key.jwk] })));
        let url = elsewhere.url(&path);
        let wanted = Wanted {
            url: &url,
            kid: None,
            algorithm: AssertionAlgorithm::Es256,
            is_vouched_for,
        };
        key_sets.with_key(&fetch, wanted, now).await.is_ok()
    };
    for number in 0..30 {
        assert!(read(number, false, 1_000).await, "{number}");
    }
    assert!(
        !read(30, false, 1_010).await,
        "whoever describes clients does not make us flood a host"
    );
    assert_eq!(elsewhere.connections(), 30);
    assert!(read(0, false, 1_059).await, "what is kept is good");
    assert!(
        read(31, true, 1_059).await,
        "who was registered by an operator does not suffer for it"
    );
    assert!(read(30, false, 1_061).await, "and nobody does for long");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_that_a_document_names_is_fetched() {
    let elsewhere = Elsewhere::start().await;
    let watched = Elsewhere::start().await;
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let beacon = format!("https://127.0.0.1:{}/beacon", watched.port());
    let document = json!({
        "client_id": elsewhere.url("/client.json"),
        "redirect_uris": ["https://app.example/callback"],
        "logo_uri": beacon,
        "client_uri": beacon,
        "policy_uri": beacon,
        "tos_uri": beacon,
        "jwks_uri": beacon,
        "software_statement": beacon,
        "sector_identifier_uri": beacon,
        "request_uris": [beacon],
    });
    elsewhere.serve("/client.json", Served::json(&document));
    let mut client = app.public_client().await;
    client.client.id = elsewhere.url("/client.json");
    assert_eq!(client.tokens("alice", &[]).await.status, 200);
    assert_eq!((elsewhere.connections(), watched.connections()), (1, 0));
    let operators = app.client(AuthMethod::None, |new| new.logo_uri = Some(beacon.clone())).await;
    assert_eq!(operators.tokens("alice", &[]).await.status, 200);
    assert_eq!(watched.connections(), 0);
    assert_eq!(document["client_secret"], Value::Null);
}
