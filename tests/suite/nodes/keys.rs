//! Keys are replaced while relying parties verify, each with a key set that it keeps as long as it may, from whatever node
//! it was; and no verification fails.

use std::collections::BTreeSet;

use gatehouse::admin::signing_keys;
use gatehouse::app::App;
use gatehouse::jobs::sweep;
use gatehouse::keys::rotation::PUBLISH_LEAD;
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::token_request::GrantType;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use super::skew::{Node, ahead_and_behind};
use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, send};
use crate::support::{Database, TestApp};

/// Time between two looks, in seconds.
const STEP: u64 = 30;
/// How long all of it takes, in seconds: two rotations, and the life of the last token of the first key.
const WHOLE: u64 = 6000;

/// An API that checks tokens by itself. It fetches keys when what it has is too old, never because of a token.
struct RelyingParty {
    keys: JwkSet,
    good_until: u64,
    /// At which node it asks next
    turn: usize,
}

impl RelyingParty {
    async fn verify(&mut self, bases: &[String], now: u64, token: &str) -> String {
        if now >= self.good_until {
            let answer = send(http().get(format!("{}/jwks", bases[self.turn % bases.len()]))).await;
            self.turn += 1;
            let max_age = answer
                .header("cache-control")
                .split("max-age=")
                .nth(1)
                .expect("a max-age")
                .to_owned();
            self.good_until = now + max_age.parse::<u64>().expect("seconds");
            self.keys = serde_json::from_value(answer.body).expect("a key set");
        }
        let header = decode_header(token).expect("a JWT");
        let kid = header.kid.expect("a kid");
        let jwk = self
            .keys
            .find(&kid)
            .unwrap_or_else(|| panic!("at {now} the key {kid} is not known yet, or no more"));
        let mut validation = Validation::new(header.alg);
        // The time of the test is not that of the machine.
        validation.validate_exp = false;
        validation.validate_aud = false;
        decode::<Value>(token, &DecodingKey::from_jwk(jwk).expect("a key"), &validation).expect("the signature is good");
        kid
    }
}

fn relying_party(turn: usize) -> RelyingParty {
    RelyingParty {
        keys: JwkSet { keys: Vec::new() },
        good_until: 0,
        turn,
    }
}

async fn issue(base: &str, client: &TestClient) -> Answer {
    let client = TestClient {
        base: base.to_owned(),
        ..client.clone()
    };
    let answer = client.post("/token", &[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

/// Nodes whose clocks differ, and whose jobs do not run at the same time.
async fn run_jobs(nodes: &[&App], elapsed: u64) {
    for (at, node) in nodes.iter().enumerate() {
        if (elapsed / STEP + at as u64).is_multiple_of(2) {
            node.keys.refresh(&node.store, node.now()).await.expect("the keys are read");
        }
    }
    sweep(nodes[0], std::time::Duration::ZERO).await.expect("a sweep");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_replaced_without_a_failed_verification() {
    let app = TestApp::start(Database::Postgres).await;
    let client = app
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.grant_types = vec![GrantType::ClientCredentials];
            new.signing_algorithm = SigningAlgorithm::Es256;
        })
        .await;
    let others: [Node; 2] = ahead_and_behind(&app).await;
    let nodes = [&app.app, &others[0].app, &others[1].app];
    let bases = [app.base.clone(), others[0].base.clone(), others[1].base.clone()];
    let mut parties: Vec<RelyingParty> = (0..3).map(relying_party).collect();
    let mut used = BTreeSet::new();
    let mut kept: Vec<(u64, String)> = Vec::new();
    for elapsed in (0..WHOLE).step_by(usize::try_from(STEP).unwrap()) {
        if elapsed == 300 || elapsed == 1800 {
            let at = nodes[usize::try_from(elapsed / 300).unwrap() % 3];
            signing_keys::rotate(at, SigningAlgorithm::Es256, false).await.expect("a rotation");
        }
        run_jobs(&nodes, elapsed).await;
        for (at, base) in bases.iter().enumerate() {
            let token = issue(base, &client).await.text("access_token").to_owned();
            for party in &mut parties {
                used.insert(party.verify(&bases, elapsed, &token).await);
            }
            // The other nodes verify by what they know, too.
            let seen = TestClient {
                base: bases[(at + 1) % 3].clone(),
                ..client.clone()
            };
            assert_eq!(seen.introspect(&token).await.body["active"], true, "at {elapsed}");
            kept.push((elapsed + 3590, token));
        }
        // What was issued long ago and lives is good, whatever has happened to the key.
        kept.retain(|(expires_at, _)| *expires_at > elapsed);
        if let Some((_, oldest)) = kept.first() {
            for party in &mut parties {
                party.verify(&bases, elapsed, oldest).await;
            }
        }
        app.advance(STEP);
    }
    assert_eq!(used.len(), 3, "the first key, and two that took over: {used:?}");
    assert!(WHOLE > 1800 + PUBLISH_LEAD.unsigned_abs());
}
