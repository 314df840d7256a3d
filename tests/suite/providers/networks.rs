//! Networks of the operator's that providers may be in: these and no others, for providers and nobody else.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatehouse::federation::providers::{ProviderError, register};
use gatehouse::model::provider::{Endpoints, ProviderSettings};
use gatehouse::outside::address::{is_named, nameable, special_use};
use gatehouse::outside::{FetchError, Resolver};
use ipnet::IpNet;
use tokio::net::TcpListener;

use super::settings;
use crate::support::app::Options;
use crate::support::{Database, TestApp};

fn networks(text: &str) -> Vec<IpNet> {
    text.split_whitespace()
        .map(|text| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).unwrap())
        .collect()
}

#[test]
fn a_network_opens_what_is_private_in_it_and_nothing_else() {
    // Wider than any that is taken, to be sure.
    let all = networks("0.0.0.0/0 ::/0");
    for address in [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "fc00::1",
        "fd12::1",
    ] {
        assert!(is_named(address.parse().unwrap(), &all), "{address}");
        assert!(!is_named(address.parse().unwrap(), &[]), "{address}");
    }
    let never_by_a_network = [
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254",
        "0.0.0.0",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::a9fe:a9fe",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "2001::1",
        "ff02::1",
    ];
    for address in never_by_a_network {
        let address: IpAddr = address.parse().unwrap();
        assert!(!is_named(address, &all) && special_use(address).is_some(), "{address}");
    }
    for address in [
        "127.0.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "fd00:ec2::254",
        "::1",
        "10.0.0.1",
        "192.0.0.192",
    ] {
        assert!(is_named(address.parse().unwrap(), &networks(address)), "{address} alone");
        assert!(nameable(networks(address)[0]).is_ok(), "{address}");
    }
    for address in [
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "fe80::1",
    ] {
        assert!(!is_named(address.parse().unwrap(), &networks(address)), "{address} not even alone");
        assert!(nameable(networks(address)[0]).is_err(), "{address}");
    }
    let some = networks("10.1.0.0/16 fd12:3456::/32 192.168.7.7");
    for (address, is_inside) in [
        ("10.1.255.255", true),
        ("10.2.0.0", false),
        ("192.168.7.7", true),
        ("192.168.7.8", false),
        ("fd12:3456:ffff::1", true),
        ("fd12:3457::1", false),
        ("::ffff:10.1.0.1", false),
    ] {
        assert_eq!(is_named(address.parse().unwrap(), &some), is_inside, "{address}");
    }
}

#[test]
fn only_private_networks_can_be_named() {
    for text in [
        "10.0.0.0/8",
        "10.1.2.0/24",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fd12::/16",
    ] {
        assert_eq!(nameable(text.parse().unwrap()).unwrap().to_string(), text);
    }
    assert_eq!(nameable("10.1.2.3/24".parse().unwrap()).unwrap().to_string(), "10.1.2.0/24");
    for text in [
        "0.0.0.0/0",
        "10.0.0.0/7",
        "::/0",
        "127.0.0.0/8",
        "127.0.0.0/31",
        "169.254.0.0/16",
        "169.254.169.254/31",
        "8.8.8.0/24",
        "8.8.8.8/32",
        "172.0.0.0/8",
        "2001:db8::/32",
        "fe80::/10",
        "::ffff:10.0.0.0/104",
        "2000::1/128",
    ] {
        let problem = nameable(text.parse().unwrap()).unwrap_err();
        assert!(problem.contains("must be inside of"), "{text}: {problem}");
    }
}

/// A server that says it is on the public internet, and may ask these networks.
async fn app(networks: &str, resolver: Option<Resolver>) -> TestApp {
    let options = Options {
        settings: vec![
            ("issuer", "https://auth.example".to_owned()),
            ("provider_networks", networks.to_owned()),
        ],
        resolver,
        ..Options::default()
    };
    TestApp::start_with(Database::Sqlite, options).await
}

fn at(host: &str) -> ProviderSettings {
    ProviderSettings {
        endpoints: Some(Endpoints {
            authorization_endpoint: format!("{host}/authorize").parse().unwrap(),
            token_endpoint: format!("{host}/token").parse().unwrap(),
            revocation_endpoint: None,
            userinfo_endpoint: None,
        }),
        ..settings("oauth2", &[])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_may_be_in_a_network_that_was_named() {
    let app = app("10.1.0.0/16, 192.168.7.7", None).await;
    for (number, host) in ["https://10.1.2.3", "https://10.1.2.3:8443", "https://192.168.7.7"]
        .iter()
        .enumerate()
    {
        register(&app.app, &format!("in{number}"), at(host), None).await.unwrap();
    }
    for host in [
        "https://10.2.0.1",
        "https://192.168.7.8",
        "http://10.1.2.3",
        "https://127.0.0.1",
        "https://localhost",
        "https://169.254.169.254",
        "https://[::ffff:10.1.2.3]",
        "https://0x7f.1",
    ] {
        let refused = register(&app.app, "out", at(host), None).await;
        assert!(matches!(refused, Err(ProviderError::Invalid(_))), "{host}: {refused:?}");
    }
}

/// Somebody on this machine who hangs up on everybody: the port, and how many came.
async fn counter() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let own = Arc::clone(&count);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            own.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_reaches_what_was_named_for_providers() {
    let (port, count) = counter().await;
    let connections = || count.load(Ordering::SeqCst);
    let resolver = Resolver::from_fn(|host| {
        Ok(match host {
            "named.example" => vec!["127.0.0.1".parse().unwrap()],
            "both.example" => vec!["127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap()],
            _ => vec!["127.0.0.3".parse().unwrap()],
        })
    });
    let app = app("127.0.0.1", Some(resolver)).await;
    let url = |host: &str| format!("https://{host}:{port}/jwks");
    for (name, fetch) in [("provider", &app.app.provider_fetch), ("documents", &app.app.provider_documents)] {
        let before = connections();
        for host in ["named.example", "127.0.0.1"] {
            let outcome = fetch.json(&url(host), 1000).await;
            assert!(matches!(outcome, Err(FetchError::Connection(_))), "{name} {host}: {outcome:?}");
        }
        assert!(connections() > before, "{name}: somebody came, who spoke TLS");
        let before = connections();
        for host in ["both.example", "other.example", "127.0.0.2", "[::1]"] {
            let outcome = fetch.json(&url(host), 1000).await;
            assert!(matches!(outcome, Err(FetchError::Special(..))), "{name} {host}: {outcome:?}");
        }
        let plain = format!("http://127.0.0.1:{port}/jwks");
        assert!(matches!(fetch.json(&plain, 1000).await, Err(FetchError::Url(_))), "{name}");
        assert_eq!(connections(), before, "{name}");
    }
    let before = connections();
    for (name, fetch) in [
        ("strangers", &app.app.fetch),
        ("known clients", &app.app.known_fetch),
        ("the operator's clients", &app.app.operator_fetch),
        ("posts", &app.app.posts),
    ] {
        for host in ["named.example", "127.0.0.1"] {
            let outcome = fetch.json(&url(host), 1000).await;
            assert!(matches!(outcome, Err(FetchError::Special(..))), "{name} {host}: {outcome:?}");
        }
    }
    assert_eq!(connections(), before);
}
