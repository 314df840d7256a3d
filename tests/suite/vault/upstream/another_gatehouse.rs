//! At a real provider: a second Gatehouse.

use gatehouse::federation::upstream::{Upstream, UpstreamError};
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::provider::{ClientAuth, Profile};
use secrecy::SecretString;
use url::Url;

use super::{Asker, Change, profile, scope};
use crate::support::app::Options;
use crate::support::{Browser, Database, TestApp};

/// Sends somebody to a Gatehouse; the code they come back with.
async fn visit(address: &Url, flow_state: &str) -> String {
    let browser = Browser::new();
    let page = browser.visit(address.as_str()).await;
    let mut page = browser.sign_in(&page, "alice", "alice").await;
    // Whoever has allowed it before is not asked again.
    if page.body.contains("name=\"decision\"") {
        page = browser.decide(&page, "allow").await;
    }
    assert_eq!(page.answer("state").as_deref(), Some(flow_state));
    page.answer("code").expect("a code")
}

/// The whole life of a connection at a real server, for each way to prove who we are.
async fn whole_life(auth_method: AuthMethod, client_auth: ClientAuth) {
    let options = Options {
        real_time: true,
        ..Options::default()
    };
    let provider = TestApp::start_with(Database::Sqlite, options).await;
    let alice = provider.user("alice").await;
    let asker = Asker::start().await;
    let jwks_uri = asker.app.url("/jwks");
    let client = provider
        .client(auth_method, |new| {
            if auth_method == AuthMethod::PrivateKeyJwt {
                new.jwks_uri = Some(jwks_uri.clone());
            }
        })
        .await;
    let secret = client.secret.clone().map(SecretString::from);
    let profile = Profile {
        client_auth,
        ..profile(&provider.base)
    };
    let upstream = Upstream {
        client_id: client.id(),
        secret: secret.as_ref(),
        ..asker.at(&profile)
    };
    let asked = scope("openid profile email");
    let (address, flow) = upstream.authorize(&asked, &[], "a state", &[]).unwrap();
    let code = visit(&address, "a state").await;
    let (granted, account) = upstream.exchange(&code, &flow, &asked).await.unwrap().unwrap();
    assert_eq!(account.id, alice.id);
    assert!(granted.scope.contains("offline_access"), "{}", granted.scope);
    assert!(granted.expires_at.is_some_and(|at| at > asker.app.app.now()));
    let userinfo = client.userinfo(&granted.tokens.access_token).await;
    assert_eq!(userinfo.body["email"], "alice@example.com");

    let again = upstream.exchange(&code, &flow, &asked).await.unwrap();
    assert!(matches!(again, Err(UpstreamError::Dead(_))), "{again:?}");
    // A code that comes twice ends what it gave (RFC 6749 §4.1.2), so the rest needs another one.
    let (address, flow) = upstream.authorize(&asked, &[], "another state", &[]).unwrap();
    let code = visit(&address, "another state").await;
    let (granted, _) = upstream.exchange(&code, &flow, &asked).await.unwrap().unwrap();

    let first = granted.tokens.refresh_token.clone().expect("a refresh token");
    let refreshed = upstream.refresh(&first, &granted.scope).await.unwrap().unwrap();
    assert_ne!(refreshed.tokens.refresh_token.as_deref(), Some(first.as_str()));
    assert_ne!(refreshed.tokens.access_token, granted.tokens.access_token);
    assert!(upstream.revoke(&refreshed.tokens).await.unwrap().unwrap());
    let last = refreshed.tokens.refresh_token.expect("a refresh token");
    let dead = upstream.refresh(&last, &granted.scope).await.unwrap();
    assert!(matches!(dead, Err(UpstreamError::Dead(_))), "{dead:?}");
    assert_eq!(client.userinfo(&refreshed.tokens.access_token).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_another_gatehouse_by_basic() {
    whole_life(AuthMethod::ClientSecretBasic, ClientAuth::ClientSecretBasic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_another_gatehouse_by_post() {
    whole_life(AuthMethod::ClientSecretPost, ClientAuth::ClientSecretPost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_another_gatehouse_by_assertion() {
    whole_life(AuthMethod::PrivateKeyJwt, ClientAuth::PrivateKeyJwt).await;
}

/// What is not for this flow is not taken: another flow's code, another nonce, another issuer.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_another_flow_is_refused() {
    let options = Options {
        real_time: true,
        ..Options::default()
    };
    let provider = TestApp::start_with(Database::Sqlite, options).await;
    provider.user("alice").await;
    let client = provider.client(AuthMethod::ClientSecretBasic, |_| {}).await;
    let asker = Asker::start().await;
    let secret = client.secret.clone().map(SecretString::from);
    let right = profile(&provider.base);
    let asked = scope("openid profile");
    let other_issuer = Profile {
        issuer: Some("https://other.example".to_owned()),
        ..right.clone()
    };
    let cases: [(&Profile, Change, bool); 3] = [
        (&right, |flow| flow.verifier = Some("x".repeat(43)), true),
        (&right, |flow| flow.nonce = Some("another".to_owned()), false),
        (&other_issuer, |_| {}, false),
    ];
    for (profile, change, is_dead) in cases {
        let upstream = Upstream {
            client_id: client.id(),
            secret: secret.as_ref(),
            ..asker.at(profile)
        };
        let (address, mut flow) = upstream.authorize(&asked, &[], "s", &[]).unwrap();
        change(&mut flow);
        let code = visit(&address, "s").await;
        let outcome = upstream.exchange(&code, &flow, &asked).await.unwrap();
        match outcome {
            Err(UpstreamError::Dead(_)) if is_dead => {}
            Err(UpstreamError::Broken(_)) if !is_dead => {}
            other => panic!("{other:?}"),
        }
    }
}
