//! The metadata of providers: whose it is, what may stand in it, and how long it lasts.

use std::time::{Duration, Instant};

use gatehouse::federation::providers::{ProviderProblem, profile_now};
use gatehouse::model::provider::ProviderSettings;
use gatehouse::outside::{Discovery, DiscoveryError, Fetch, FetchError, Resolver, Rules};
use gatehouse::protocol::provider::{ClientAuth, Revocation, WhoamiSource};
use serde_json::{Value, json};

use super::{provider, resolve, settings};
use crate::support::app::Options;
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Database, TestApp};

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

fn way_out(patience: Duration) -> Fetch {
    let rules = Rules {
        is_loopback_allowed: true,
        patience,
        at_once: 4,
    };
    Fetch::new(rules, Resolver::system()).unwrap()
}

fn metadata(elsewhere: &Elsewhere, path: &str) -> Value {
    let url = |end: &str| elsewhere.url(&format!("{path}{end}"));
    json!({
        "issuer": url(""),
        "authorization_endpoint": url("/authorize"),
        "token_endpoint": url("/token"),
        "jwks_uri": url("/jwks"),
        "revocation_endpoint": url("/revoke"),
        "userinfo_endpoint": url("/userinfo"),
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "something_else": [1, { "a": null }],
    })
}

fn of_issuer(issuer: &str) -> ProviderSettings {
    ProviderSettings {
        issuer: Some(issuer.to_owned()),
        ..settings("oidc", &[])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_says_about_itself() {
    let elsewhere = Elsewhere::start().await;
    let app = TestApp::start(Database::Sqlite).await;
    elsewhere.serve(&format!("/realm{OPENID}"), Served::json(&metadata(&elsewhere, "/realm")));
    let issuer = elsewhere.url("/realm");
    let profile = resolve(&app, of_issuer(&issuer)).await.unwrap();
    assert_eq!(profile.issuer.as_deref(), Some(issuer.as_str()));
    assert_eq!(profile.authorization_endpoint.as_str(), elsewhere.url("/realm/authorize"));
    assert_eq!(profile.token_endpoint.as_str(), elsewhere.url("/realm/token"));
    assert_eq!(
        profile.jwks_uri.as_ref().map(url::Url::as_str),
        Some(elsewhere.url("/realm/jwks").as_str())
    );
    assert!(profile.requires_iss && profile.pkce);
    assert_eq!(
        (profile.client_auth, profile.offline_scope),
        (ClientAuth::ClientSecretBasic, Some("offline_access"))
    );
    assert!(matches!(profile.revocation, Revocation::Standard { authenticates: true, .. }));
    assert!(matches!(profile.whoami.source, WhoamiSource::Endpoint { is_post: false, .. }));
    assert_eq!(profile.whoami.scope, ["openid", "profile", "email"]);
    // GitLab says the same, and has ways of its own.
    let gitlab = resolve(&app, settings("gitlab", &[("base_url", &issuer)])).await.unwrap();
    assert!(gitlab.refresh_with_redirect_uri);
    assert_eq!(
        (gitlab.token_endpoint, gitlab.client_auth),
        (profile.token_endpoint, ClientAuth::ClientSecretPost)
    );
    assert_eq!(elsewhere.connections(), 1, "it is kept, whoever asks");
    // What operators say is so.
    let other = ProviderSettings {
        client_auth: Some(ClientAuth::ClientSecretPost),
        pkce: Some(false),
        ..of_issuer(&issuer)
    };
    let profile = resolve(&app, other).await.unwrap();
    assert_eq!((profile.client_auth, profile.pkce), (ClientAuth::ClientSecretPost, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_says_little() {
    let elsewhere = Elsewhere::start().await;
    let app = TestApp::start(Database::Sqlite).await;
    // Not OpenID: only RFC 8414, between host and path, and without what can be left out.
    let little = |path: &str, more: Value| {
        let mut document = json!({
            "issuer": elsewhere.url(path),
            "authorization_endpoint": elsewhere.url("/a?tenant=1"),
            "token_endpoint": elsewhere.url("/t"),
        });
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        elsewhere.serve(&format!("{OAUTH}{path}"), Served::json(&document));
        of_issuer(&elsewhere.url(path))
    };
    let profile = resolve(&app, little("/one", json!({ "scopes_supported": ["read"] })))
        .await
        .unwrap();
    assert_eq!(elsewhere.hits(&format!("/one{OPENID}")), 1, "that is tried first");
    assert_eq!(
        (profile.client_auth, profile.pkce, profile.requires_iss),
        (ClientAuth::ClientSecretBasic, true, false)
    );
    assert_eq!(
        (&profile.revocation, &profile.whoami.source),
        (&Revocation::None, &WhoamiSource::Nowhere)
    );
    assert_eq!((profile.offline_scope, profile.whoami.scope), (None, [].as_slice()));
    let few = json!({ "scopes_supported": ["openid"], "jwks_uri": elsewhere.url("/k"), "code_challenge_methods_supported": ["plain"] });
    let profile = resolve(&app, little("/two", few)).await.unwrap();
    assert_eq!(
        (profile.whoami.source, profile.whoami.scope),
        (WhoamiSource::IdToken, ["openid"].as_slice())
    );
    assert!(!profile.pkce);
    let post = json!({ "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"] });
    assert_eq!(
        resolve(&app, little("/three", post)).await.unwrap().client_auth,
        ClientAuth::ClientSecretPost
    );
    let key = json!({ "token_endpoint_auth_methods_supported": ["private_key_jwt"] });
    let settings = little("/four", key);
    let Err(ProviderProblem::Settings(problem)) = resolve(&app, settings.clone()).await else {
        panic!("no secret helps");
    };
    assert_eq!(problem.field, "client_auth");
    let with_key = ProviderSettings {
        client_auth: Some(ClientAuth::PrivateKeyJwt),
        ..settings
    };
    assert_eq!(resolve(&app, with_key).await.unwrap().client_auth, ClientAuth::PrivateKeyJwt);
    // A slash at the end belongs to the issuer, and not to the address.
    let mut document = metadata(&elsewhere, "");
    document["issuer"] = json!(elsewhere.url("/"));
    elsewhere.serve(OPENID, Served::json(&document));
    assert!(resolve(&app, of_issuer(&elsewhere.url("/"))).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_not_taken() {
    let elsewhere = Elsewhere::start().await;
    let options = Options {
        patience: Some(Duration::from_millis(500)),
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    let mut number = 0;
    let mut refused = async |name: &str, change: &dyn Fn(&mut Value, &str)| {
        number += 1;
        let path = format!("/{number}");
        let mut document = metadata(&elsewhere, &path);
        change(&mut document, &elsewhere.url(&path));
        elsewhere.serve(&format!("{path}{OPENID}"), Served::json(&document));
        // The other place has what is fine, and is not asked: this is no way around.
        elsewhere.serve(&format!("{OAUTH}{path}"), Served::json(&metadata(&elsewhere, &path)));
        let problem = resolve(&app, of_issuer(&elsewhere.url(&path))).await.expect_err(name);
        assert!(
            matches!(&problem, ProviderProblem::Discovery(DiscoveryError::Content(..))),
            "{name}: {problem}"
        );
    };
    refused("another issuer", &|document, _| document["issuer"] = json!("https://other.example")).await;
    refused("a slash more", &|document, issuer| document["issuer"] = json!(format!("{issuer}/"))).await;
    refused("no issuer", &|document, _| drop(document.as_object_mut().unwrap().remove("issuer"))).await;
    refused("a list", &|document, _| *document = json!([])).await;
    refused("not a text", &|document, _| document["token_endpoint"] = json!(1)).await;
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "userinfo_endpoint",
    ] {
        for url in [
            "http://provider.example/x",
            "javascript:alert(1)",
            "https://user:secret@provider.example/x",
            "https://provider.example/x#y",
            "https://10.0.0.1/x",
            "https://169.254.169.254/latest/meta-data",
            "https://2852039166/",
            "https://[fd00::1]/",
            "https://[::ffff:192.168.0.1]/",
            "/relative",
            "",
        ] {
            refused(&format!("{name} {url}"), &|document, _| document[name] = json!(url)).await;
        }
    }
    for name in ["authorization_endpoint", "token_endpoint"] {
        refused(name, &|document, _| drop(document.as_object_mut().unwrap().remove(name))).await;
    }
    let good = Served::json(&metadata(&elsewhere, "/slow"));
    let slow = Served {
        delay: Duration::from_secs(20),
        ..good.clone()
    };
    let huge = Served {
        body: vec![b' '; 1000],
        is_endless: true,
        ..good.clone()
    };
    let broken = Served {
        body: b"{\"issuer\": ".to_vec(),
        ..good.clone()
    };
    let moved = good.clone().status(302).with("location", &elsewhere.url("/good"));
    for (path, served, expected) in [
        ("/slow", slow, "it took too long"),
        ("/huge", huge, "longer than 262144 bytes"),
        ("/broken", broken, "not the metadata"),
        ("/moved", moved, "status 302"),
        ("/failing", good.status(500), "status 500"),
    ] {
        elsewhere.serve(&format!("{path}{OPENID}"), served);
        let begun = Instant::now();
        let problem = resolve(&app, of_issuer(&elsewhere.url(path))).await.expect_err(path).to_string();
        assert!(problem.contains(expected) && problem.contains(path), "{problem}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{path}");
    }
    assert_eq!(elsewhere.requests().iter().filter(|request| request.contains(OAUTH)).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_lasts_an_hour_and_outlives_a_day_of_silence() {
    let elsewhere = Elsewhere::start().await;
    let (fetch, discovery) = (way_out(Duration::from_secs(5)), Discovery::default());
    let issuer = elsewhere.url("");
    let served = Served::json(&metadata(&elsewhere, ""));
    elsewhere.serve(OPENID, served.clone());
    let token_endpoint = async |now: i64| {
        discovery
            .metadata(&fetch, &issuer, now)
            .await
            .map(|metadata| metadata.token_endpoint.to_string())
    };
    let reads = async |expected: usize| {
        for _ in 0..200 {
            if elsewhere.hits(OPENID) == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Long enough for what was read to be kept, and for one too many to come.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(elsewhere.hits(OPENID), expected);
    };
    let old = elsewhere.url("/token");
    assert_eq!(token_endpoint(1_000).await.unwrap(), old);
    assert_eq!(token_endpoint(4_599).await.unwrap(), old);
    reads(1).await;
    // After an hour somebody looks again, and nobody waits for it.
    let mut moved = metadata(&elsewhere, "");
    moved["token_endpoint"] = json!(elsewhere.url("/token/2"));
    elsewhere.serve(OPENID, Served::json(&moved));
    for _ in 0..20 {
        assert_eq!(token_endpoint(4_600).await.map(|url| url.starts_with(&old)), Ok(true));
    }
    reads(2).await;
    let new = elsewhere.url("/token/2");
    assert_eq!(token_endpoint(4_601).await.unwrap(), new);
    // The provider is away: what is there goes on, and it is asked once in ten seconds.
    elsewhere.serve(OPENID, served.clone().status(503));
    for now in [8_300, 8_301, 8_309] {
        assert_eq!(token_endpoint(now).await.unwrap(), new);
    }
    reads(3).await;
    assert_eq!(token_endpoint(8_310).await.unwrap(), new);
    reads(4).await;
    // After a day it does not.
    assert_eq!(token_endpoint(4_600 + 86_399).await.unwrap(), new);
    reads(5).await;
    let end = 4_600 + 86_400 + 10;
    assert!(matches!(
        token_endpoint(end).await,
        Err(DiscoveryError::Fetch(_, FetchError::Status(503)))
    ));
    assert!(token_endpoint(end + 9).await.is_err());
    reads(6).await;
    elsewhere.serve(OPENID, served);
    assert_eq!(token_endpoint(end + 10).await.unwrap(), old);
    reads(7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_asks_once_and_failures_are_remembered() {
    let elsewhere = Elsewhere::start().await;
    let (fetch, discovery) = (way_out(Duration::from_secs(5)), Discovery::default());
    let issuer = elsewhere.url("");
    let slow = Served {
        delay: Duration::from_millis(100),
        ..Served::json(&metadata(&elsewhere, ""))
    };
    elsewhere.serve(OPENID, slow.clone().status(404));
    let crowd = futures_util::future::join_all((0..50).map(|_| discovery.metadata(&fetch, &issuer, 1_000))).await;
    assert!(crowd.iter().all(Result::is_err));
    assert_eq!((elsewhere.hits(OPENID), elsewhere.hits(OAUTH)), (1, 1));
    elsewhere.serve(OPENID, slow);
    assert!(discovery.metadata(&fetch, &issuer, 1_009).await.is_err());
    assert_eq!(elsewhere.connections(), 2);
    let crowd = futures_util::future::join_all((0..50).map(|_| discovery.metadata(&fetch, &issuer, 1_010))).await;
    assert!(crowd.iter().all(Result::is_ok));
    assert_eq!(elsewhere.connections(), 3);
    // Whoever wants to know how it is now is told, and nothing is lost by that.
    elsewhere.serve(OPENID, Served::json(&Value::Null).status(500));
    assert!(discovery.read_now(&fetch, &issuer, 1_020).await.is_err());
    assert!(discovery.metadata(&fetch, &issuer, 1_020).await.is_ok());
}

/// Another Gatehouse is a provider like any other.
#[tokio::test(flavor = "multi_thread")]
async fn another_gatehouse() {
    let app = TestApp::start(Database::Sqlite).await;
    let other = TestApp::start(Database::Sqlite).await;
    let gatehouse = ProviderSettings {
        issuer: Some(other.base.clone()),
        ..settings("gatehouse", &[])
    };
    let profile = profile_now(&app.app, &provider(gatehouse)).await.unwrap().unwrap();
    assert_eq!(profile.issuer.as_ref(), Some(&other.base));
    assert_eq!(profile.token_endpoint.as_str(), other.url("/token"));
    assert!(profile.requires_iss && profile.pkce && matches!(profile.revocation, Revocation::Standard { .. }));
    assert!(matches!(&profile.whoami.source, WhoamiSource::Endpoint { endpoint, .. } if endpoint.as_str() == other.url("/userinfo")));
}
