//! Keys are replaced while relying parties verify, each with a key set that it keeps as long as it may, from whatever node
//! it was; and no verification fails. Once by the job, because the key is old, and once by an operator.

use std::collections::BTreeSet;

use gatehouse::keys::rotation::PUBLISH_LEAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use reqwest::Method;
use serde_json::{Value, json};

use super::clocks::Clocks;
use super::cluster::{Cluster, SIZE, fresh_http};
use crate::cli::database::{Database, Kind};
use crate::cli::person::{Application, text};
use crate::support::client::send;
use crate::support::process::{free_port, wait_for};

/// Time between two looks, in seconds: more than there is between two readings of the keys, and less than a key set may be kept.
const STEP: i64 = 121;
/// For how long a key signs, in seconds: the least that can be set.
const LIFETIME: i64 = 86_400;
/// How long it is looked, in seconds, from shortly before the first key is old: two rotations, and the life of the last token of
/// the first key.
const WHOLE: i64 = 6600;
/// When the operator replaces the key, in seconds of these: later than the job and what it waits for, and before the tokens of
/// the first key have expired.
const BY_HAND: i64 = 2400;

/// An API that checks tokens by itself. It fetches keys when what it has is too old, never because of a token.
struct RelyingParty {
    keys: JwkSet,
    good_until: i64,
    /// At which node it asks next
    turn: usize,
}

impl RelyingParty {
    fn new(turn: usize) -> Self {
        Self {
            keys: JwkSet { keys: Vec::new() },
            good_until: 0,
            turn,
        }
    }

    /// The id of the key by which a token is good.
    async fn verify(&mut self, cluster: &Cluster, now: i64, token: &str) -> String {
        if now >= self.good_until {
            let answer = send(fresh_http().get(format!("{}/jwks", cluster.at(self.turn % SIZE)))).await;
            self.turn += 1;
            let max_age = answer
                .header("cache-control")
                .split("max-age=")
                .nth(1)
                .expect("a max-age")
                .to_owned();
            self.good_until = now + max_age.parse::<i64>().expect("seconds");
            self.keys = serde_json::from_value(answer.body).expect("a key set");
        }
        let header = decode_header(token).expect("a JWT");
        let kid = header.kid.expect("a kid");
        let jwk = self
            .keys
            .find(&kid)
            .unwrap_or_else(|| panic!("at {now} the key {kid} is not known yet, or no more"));
        let mut validation = Validation::new(header.alg);
        // The time of the nodes is not that of the machine.
        validation.validate_exp = false;
        validation.validate_aud = false;
        decode::<Value>(token, &DecodingKey::from_jwk(jwk).expect("a key"), &validation).expect("the signature is good");
        kid
    }
}

/// Three nodes whose clocks go on when the test says so.
struct World {
    cluster: Cluster,
    clocks: Clocks,
    monitored: Vec<String>,
    machine: Application,
}

impl World {
    async fn start(sandbox: crate::support::process::Sandbox) -> Self {
        let clocks = Clocks::of(&sandbox);
        let monitored: Vec<String> = (0..SIZE).map(|_| format!("127.0.0.1:{}", free_port())).collect();
        let sandbox = sandbox.with("GATEHOUSE_SIGNING_KEY_LIFETIME", "1d");
        let each = |at: usize, node| clocks.give(at, node).with("GATEHOUSE_METRICS_LISTEN", &monitored[at]);
        let (cluster, _) = Cluster::start_each(sandbox, each).await;
        cluster.sandbox.begin();
        let secret = cluster
            .sandbox
            .service_client("machine", "first", &["--signing-algorithm", "ES256"]);
        let machine = Application::confidential(&cluster.issuer(), "machine", &secret).through(fresh_http());
        Self {
            cluster,
            clocks,
            monitored,
            machine,
        }
    }

    /// How often a node has read the keys.
    async fn readings(&self, node: usize) -> Option<u64> {
        let answer = fresh_http()
            .get(format!("http://{}/metrics", self.monitored[node]))
            .send()
            .await
            .ok()?;
        let page = answer.text().await.ok()?;
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix("gatehouse_job_runs_total{task=\"read_keys\",outcome=\"success\"} "));
        line?.parse().ok()
    }

    /// Lets the clocks go on, and the jobs of each node do what is due.
    async fn go_on(&self, elapsed: i64) {
        let mut before = Vec::new();
        for node in 0..SIZE {
            before.push(self.readings(node).await);
        }
        self.clocks.set(elapsed);
        for (node, before) in before.into_iter().enumerate() {
            wait_for("reading the keys", async || {
                let now = self.readings(node).await;
                now.is_some() && now > before
            })
            .await;
            // A thread that has slept through it takes the first request that it is given for one that is late.
            wait_for("threads that know the time", async || {
                for _ in 0..4 {
                    let answer = fresh_http().get(format!("{}/healthz", self.cluster.at(node))).send().await;
                    if !answer.is_ok_and(|answer| answer.status() == 200) {
                        return false;
                    }
                }
                true
            })
            .await;
        }
    }

    async fn issue(&self, node: usize) -> String {
        let machine = self.machine.asking(&self.cluster.at(node));
        let (status, answer) = machine
            .post("/token", &[("grant_type", "client_credentials")])
            .await
            .expect("an answer");
        assert_eq!(status, 200, "{answer}");
        text(&answer, "access_token")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_replaced_without_a_failed_verification() {
    let (_database, sandbox) = Database::sandbox(Kind::Postgres).await;
    let world = World::start(sandbox).await;
    let cluster = &world.cluster;
    let mut parties: Vec<RelyingParty> = (0..SIZE).map(RelyingParty::new).collect();
    let mut used = BTreeSet::new();
    let mut kept: Vec<(i64, String)> = Vec::new();
    let mut is_replaced_by_hand = false;
    world.go_on(LIFETIME - 300).await;
    for elapsed in (0..WHOLE).step_by(usize::try_from(STEP).expect("a small number")) {
        world.go_on(LIFETIME - 300 + elapsed).await;
        if elapsed >= BY_HAND && !is_replaced_by_hand {
            is_replaced_by_hand = true;
            assert_eq!(used.len(), 2, "the first key, and the one that the job has made: {used:?}");
            let wanted = json!({ "algorithm": "ES256" });
            let answer = cluster.admin(1, Method::POST, "/signing-keys/rotate", None, Some(&wanted)).await;
            assert!(answer.status < 300, "{} {}", answer.status, answer.body);
        }
        for node in 0..SIZE {
            let token = world.issue(node).await;
            for party in &mut parties {
                used.insert(party.verify(cluster, elapsed, &token).await);
            }
            // The other nodes verify by what they know, too.
            let active = cluster.active_at_each(&world.machine, &token).await;
            assert_eq!(active, [true; SIZE], "at {elapsed}");
            kept.push((elapsed + 3590, token));
        }
        // What was issued long ago and lives is good, whatever has happened to the key.
        kept.retain(|(expires_at, _)| *expires_at > elapsed);
        if let Some((_, oldest)) = kept.first() {
            for party in &mut parties {
                party.verify(cluster, elapsed, oldest).await;
            }
            let active = cluster.active_at_each(&world.machine, oldest).await;
            assert_eq!(active, [true; SIZE], "at {elapsed}");
        }
    }
    assert_eq!(used.len(), 3, "the first key, and two that took over: {used:?}");
    const { assert!(WHOLE > BY_HAND + PUBLISH_LEAD) };
    assert!(!cluster.output().contains("\"fault\""), "{}", cluster.output());
}
