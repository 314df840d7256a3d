//! Metadata and keys (RFC 8414, OpenID Connect Discovery, RFC 7517).

use std::net::Ipv4Addr;

use serde_json::Value;

use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::wire::exchange;
use crate::support::{Database, TestApp, on_every_database};

on_every_database! {
    async fn both_documents_say_what_works(app: TestApp) {
        let oidc = send(http().get(app.url("/.well-known/openid-configuration"))).await;
        let oauth = send(http().get(app.url("/.well-known/oauth-authorization-server"))).await;
        assert_eq!(oidc.status, 200);
        assert_eq!(oidc.body, oauth.body);
        let document = &oidc.body;
        assert_eq!(document["issuer"], app.base);
        for (name, path) in [
            ("authorization_endpoint", "/authorize"),
            ("token_endpoint", "/token"),
            ("introspection_endpoint", "/introspect"),
            ("revocation_endpoint", "/revoke"),
            ("userinfo_endpoint", "/userinfo"),
            ("jwks_uri", "/jwks"),
        ] {
            assert_eq!(document[name], format!("{}{path}", app.base));
        }
        assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]));
        assert_eq!(document["authorization_response_iss_parameter_supported"], true);
        assert_eq!(document["response_types_supported"], serde_json::json!(["code"]));
        assert_eq!(oidc.header("access-control-allow-origin"), "*");
        let again = http().get(app.url("/.well-known/openid-configuration")).header("if-none-match", oidc.header("etag")).send().await.unwrap();
        assert_eq!(again.status(), 304);
        assert_eq!(again.bytes().await.unwrap().len(), 0);
    }

    async fn the_jwks_has_a_key_of_each_kind_and_nothing_private(app: TestApp) {
        for path in ["/jwks", "/.well-known/jwks.json"] {
            let jwks = send(http().get(app.url(path))).await;
            let keys = jwks.body["keys"].as_array().unwrap().clone();
            let mut algorithms: Vec<&str> = keys.iter().map(|key| key["alg"].as_str().unwrap()).collect();
            algorithms.sort_unstable();
            assert_eq!(algorithms, ["ES256", "EdDSA", "RS256"]);
            for key in &keys {
                for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                    assert_eq!(key.get(private), None::<&Value>);
                }
            }
            assert!(jwks.header("cache-control").contains("max-age=300"));
            assert_eq!(raw_not_modified(&app, path, jwks.header("etag")).await, "", "a 304 has no body that could be taken for the next answer");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_with_a_path_is_found_in_every_form() {
    let app = TestApp::start_with(
        Database::Sqlite,
        Options {
            path: "/tenant/one",
            ..Options::default()
        },
    )
    .await;
    let root = app.base.strip_suffix("/tenant/one").unwrap();
    for url in [
        format!("{}/.well-known/openid-configuration", app.base),
        format!("{root}/.well-known/openid-configuration/tenant/one"),
        format!("{}/.well-known/oauth-authorization-server", app.base),
        format!("{root}/.well-known/oauth-authorization-server/tenant/one"),
    ] {
        let answer = send(http().get(&url)).await;
        assert_eq!(answer.status, 200, "{url}");
        assert_eq!(answer.body["issuer"], app.base, "{url}");
        assert_eq!(answer.body["token_endpoint"], format!("{}/token", app.base), "{url}");
    }
    assert_eq!(send(http().get(format!("{root}/health"))).await.status, 200);
    app.user("alice").await;
    let client = app.public_client().await;
    assert_eq!(client.tokens("alice", &[]).await.status, 200, "and the pages work there");
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_is_open_where_browsers_need_it_and_nowhere_else() {
    let app = TestApp::start(Database::Sqlite).await;
    for path in [
        "/token",
        "/revoke",
        "/introspect",
        "/userinfo",
        "/jwks",
        "/.well-known/openid-configuration",
    ] {
        let preflight = http()
            .request(reqwest::Method::OPTIONS, app.url(path))
            .header("origin", "https://spa.example")
            .send()
            .await
            .unwrap();
        assert_eq!(preflight.status(), 204, "{path}");
        assert_eq!(preflight.headers()["access-control-allow-origin"], "*", "{path}");
        assert!(
            preflight.headers()["access-control-allow-headers"]
                .to_str()
                .unwrap()
                .contains("Authorization"),
            "{path}"
        );
        assert!(preflight.headers().get("access-control-allow-credentials").is_none());
    }
    let error = send(http().post(app.url("/token"))).await;
    assert_eq!(error.header("access-control-allow-origin"), "*", "errors, too");
    let missing = send(http().get(app.url("/.well-known/nothing"))).await;
    assert_eq!((missing.status, missing.header("access-control-allow-origin")), (404, "*"));
    for path in ["/authorize", "/login", "/consent", "/logout", "/setup", "/", "/nothing"] {
        let answer = send(http().get(app.url(path)).header("origin", "https://spa.example")).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

/// What follows the headers of a 304 on the wire.
async fn raw_not_modified(app: &TestApp, path: &str, etag: &str) -> String {
    let address = app.base.strip_prefix("http://").unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nIf-None-Match: {etag}\r\nConnection: close\r\n\r\n");
    let answer = exchange(address.parse().unwrap(), Ipv4Addr::LOCALHOST.into(), request.as_bytes())
        .await
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 304"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
