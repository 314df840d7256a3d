//! Nodes whose clocks differ: one is two seconds ahead of the first, one two seconds behind, so four seconds apart.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use gatehouse::admin::signing_keys;
use gatehouse::app::App;
use gatehouse::federation::program::Program;
use gatehouse::federation::workloads::{self, ActsFor, Issuance};
use gatehouse::jobs::sweep;
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::oauth::applications;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::token_request::GrantType;
use gatehouse::web;

use crate::support::assertion::{self, ClientKey, fields};
use crate::support::client::TestClient;
use crate::support::{Browser, Page, TestApp, on_every_database};

/// By how much clocks differ from that of the first node, in seconds.
const SKEW: i64 = 2;

/// A node that serves, with a clock of its own.
pub struct Node {
    pub app: App,
    pub base: String,
    handle: ServerHandle,
}

impl Node {
    /// A node over the database of `app`, whose clock goes ahead of that of `app`.
    pub async fn of(app: &TestApp, ahead: i64) -> Self {
        let node = app.second_node_ahead(ahead).await;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        listener.set_nonblocking(true).expect("a socket option");
        let server = web::server::start(&node, listener, std::future::pending()).expect("the server starts");
        let handle = server.handle();
        tokio::spawn(server);
        Self { app: node, base, handle }
    }

    /// The same client, which asks this node.
    pub fn client(&self, client: &TestClient) -> TestClient {
        TestClient {
            base: self.base.clone(),
            ..client.clone()
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// One ahead, one behind.
pub async fn ahead_and_behind(app: &TestApp) -> [Node; 2] {
    [Node::of(app, SKEW).await, Node::of(app, -SKEW).await]
}

/// Where a redirect leads, at another node: the proxy would send it there.
fn moved(page: &Page, app: &TestApp, node: &Node) -> String {
    let location = page
        .location()
        .unwrap_or_else(|| panic!("no redirect: {} {}", page.status, page.body));
    location.replacen(&app.base, &node.base, 1)
}

on_every_database! {
    async fn a_node_that_is_behind_signs_with_the_first_keys(app: TestApp) {
        let client = app.client(AuthMethod::ClientSecretBasic, |new| new.grant_types.push(GrantType::ClientCredentials)).await;
        for node in ahead_and_behind(&app).await {
            let answer = node.client(&client).post("/token", &[("grant_type", "client_credentials")]).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    }

    async fn a_key_that_signs_at_once_does_so_at_each(app: TestApp) {
        let client = app.confidential_client().await;
        let nodes = ahead_and_behind(&app).await;
        let [ahead, behind] = &nodes;
        let algorithm = SigningAlgorithm::Rs256;
        let old = app.app.keys.current().signer(algorithm, app.app.now()).unwrap().record.id.clone();
        signing_keys::rotate(&ahead.app, algorithm, true).await.unwrap();
        // The one who sees that somebody has a copy does not wait, and comes to another node.
        signing_keys::retire(&behind.app, &old, true).await.unwrap();
        for node in &nodes {
            node.app.keys.reload(&node.app.store, node.app.now()).await.unwrap();
        }
        app.app.keys.reload(&app.app.store, app.app.now()).await.unwrap();
        for issuing in &nodes {
            let answer = issuing.client(&client).post("/token", &[("grant_type", "client_credentials")]).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            for node in &nodes {
                let seen = node.client(&client).introspect(answer.text("access_token")).await;
                assert_eq!(seen.body["active"], true);
            }
        }
    }

    async fn whoever_must_sign_in_anew_does_so_once(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let [ahead, behind] = ahead_and_behind(&app).await;
        for (asked, signed_in) in [(&ahead, &behind), (&behind, &ahead)] {
            let browser = Browser::new();
            for fresh in [("prompt", "login"), ("max_age", "0")] {
                let page = browser.get(&asked.client(&client).authorize_url(&[fresh])).await;
                let page = browser.get(&moved(&page, &app, signed_in)).await;
                let page = browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
                assert!(page.answer("code").is_some(), "asked again: {} {:?}", page.status, page.location());
            }
        }
    }

    async fn codes_and_refresh_tokens_go_from_node_to_node(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let [ahead, behind] = ahead_and_behind(&app).await;
        for (issuing, redeeming) in [(&ahead, &behind), (&behind, &ahead)] {
            let browser = Browser::new();
            client.authorize(&browser, "alice", &[]).await;
            let page = browser.get(&issuing.client(&client).authorize_url(&[("scope", "openid offline_access")])).await;
            let code = page.answer("code").expect("a code");
            let first = redeeming.client(&client).redeem(&code).await;
            assert_eq!(first.status, 200, "{}", first.body);
            let second = issuing.client(&client).refresh(first.text("refresh_token")).await;
            let retry = redeeming.client(&client).refresh(first.text("refresh_token")).await;
            assert_eq!((second.status, retry.status), (200, 200), "{} {}", second.body, retry.body);
            assert_eq!(second.text("refresh_token"), retry.text("refresh_token"));
            for answer in [&first, &second] {
                assert_eq!(redeeming.client(&client).userinfo(answer.text("access_token")).await.status, 200);
            }
            assert_eq!(redeeming.client(&client).redeem(&code).await.error(), "invalid_grant");
            assert_eq!(issuing.client(&client).refresh(second.text("refresh_token")).await.error(), "invalid_grant");
        }
    }

    async fn what_is_revoked_in_its_last_second_is_revoked_for_everybody(app: TestApp) {
        app.user("alice").await;
        let client = app.client(AuthMethod::ClientSecretBasic, |new| {
            new.grant_types = vec![GrantType::AuthorizationCode];
            new.may_introspect = true;
            new.consent_policy = gatehouse::model::client::ConsentPolicy::Skip;
        }).await;
        let [ahead, behind] = ahead_and_behind(&app).await;
        let revoked = client.tokens("alice", &[]).await.text("access_token").to_owned();
        let withdrawn = client.tokens("alice", &[]).await.text("access_token").to_owned();
        // By one clock they have just expired, by the other they have not.
        app.advance(3599);
        for token in [&revoked, &withdrawn] {
            assert_eq!(behind.client(&client).introspect(token).await.body["active"], true);
        }
        assert_eq!(ahead.client(&client).revoke(&revoked).await.status, 200);
        assert_eq!(behind.client(&client).introspect(&revoked).await.body["active"], false);
        let mut reader = app.app.store.read().await.unwrap();
        let alice = reader.user_by_name("alice").await.unwrap().expect("alice").id;
        drop(reader);
        applications::withdraw(&ahead.app, &alice, client.id()).await.unwrap();
        assert_eq!(behind.client(&client).introspect(&withdrawn).await.body["active"], false);
        assert_eq!(behind.client(&client).userinfo(&withdrawn).await.status, 401);
        // Nor does it come back when the one that is ahead forgets what is over for it.
        sweep(&ahead.app, Duration::ZERO).await.unwrap();
        assert_eq!(behind.client(&client).introspect(&revoked).await.body["active"], false);
    }

    async fn an_assertion_is_good_at_each_and_once(app: TestApp) {
        let key = ClientKey::new(SigningAlgorithm::Es256);
        let client = app.client(AuthMethod::PrivateKeyJwt, |new| {
            new.grant_types.push(GrantType::ClientCredentials);
            new.jwks = Some(serde_json::json!({ "keys": [key.jwk] }));
        }).await;
        let [ahead, behind] = ahead_and_behind(&app).await;
        for (first, second) in [(&ahead, &behind), (&behind, &ahead)] {
            // Made by a program whose clock is that of the one that is ahead.
            let mut claims = assertion::claims(&app, client.id());
            let now = ahead.app.now();
            claims["iat"] = now.into();
            claims["nbf"] = now.into();
            claims["exp"] = (now + 60).into();
            let signed = key.sign("ES256", &claims);
            let ask = async |node: &Node| {
                let mut form = vec![("grant_type", "client_credentials")];
                form.extend(fields(&signed));
                crate::support::client::send(crate::support::browser::http().post(format!("{}/token", node.base)).form(&form)).await
            };
            let answer = ask(first).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(ask(second).await.error(), "invalid_client");
        }
    }

    async fn an_agent_acts_at_each(app: TestApp) {
        let owner = app.client(AuthMethod::ClientSecretBasic, |new| {
            new.scope = gatehouse::protocol::scope::Scope::parse("vault").unwrap();
            new.grant_types = vec![GrantType::ClientCredentials];
        }).await;
        crate::vault::workload(&app.app, "agent", owner.id()).await;
        let nodes = ahead_and_behind(&app).await;
        let program = Program::Client(Arc::new(owner.client.clone()));
        for issuing in &nodes {
            let Issuance::Issued(token, _) = workloads::issue(&issuing.app, &program, "agent", ActsFor::Itself).await.unwrap() else {
                panic!("no token");
            };
            for node in &nodes {
                assert!(workloads::verify(&node.app, &token).await.unwrap().is_some());
            }
        }
    }
}
