//! Several nodes over one database: announced on one, received by another, collected from the third.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{place, success};
use crate::cli::database::{Database, Kind};
use crate::support::client::{Answer, send};
use crate::support::process::{Sandbox, Server};
use crate::support::round_robin::RoundRobin;

/// Nodes over one database, a proxy before them, and a client of theirs.
struct Cluster {
    _database: Database,
    sandbox: Sandbox,
    nodes: Vec<Sandbox>,
    servers: Vec<Server>,
    proxy: RoundRobin,
    secret: String,
    http: Client,
}

impl Cluster {
    async fn of(kind: Kind, size: usize) -> Self {
        let (database, sandbox) = Database::sandbox(kind).await;
        let secret = sandbox.service_client("agent", "relay", &[]);
        let nodes: Vec<Sandbox> = (0..size).map(|_| sandbox.node()).collect();
        let servers: Vec<Server> = nodes.iter().map(Sandbox::serve).collect();
        let proxy = RoundRobin::to(nodes.iter().map(Sandbox::address).collect()).await;
        Self {
            _database: database,
            sandbox,
            nodes,
            servers,
            proxy,
            secret,
            // Each request is a connection of its own, so that the proxy sends it to the next node.
            http: Client::builder().pool_max_idle_per_host(0).build().expect("a client"),
        }
    }

    fn at(&self, node: usize, path: &str) -> String {
        format!("http://{}{path}", self.nodes[node].address())
    }

    fn anywhere(&self, path: &str) -> String {
        format!("http://{}{path}", self.proxy.address)
    }

    async fn announce(&self, url: String) -> String {
        let answer = send(self.http.post(url).basic_auth("agent", Some(&self.secret)).json(&json!({}))).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.text("redirect_uri"), format!("{}/callback", self.sandbox.issuer()));
        answer.text("state").to_owned()
    }

    async fn come_back(&self, url: String) -> u16 {
        self.http.get(url).send().await.expect("an answer").status().as_u16()
    }

    async fn collect(&self, url: String) -> Answer {
        send(self.http.get(url).basic_auth("agent", Some(&self.secret))).await
    }
}

async fn from_node_to_node(kind: Kind) {
    let cluster = Cluster::of(kind, 3).await;
    let state = cluster.announce(cluster.at(0, "/api/callbacks")).await;
    assert_eq!(
        cluster
            .come_back(cluster.at(1, &format!("/callback?code=the-code&state={state}")))
            .await,
        200
    );
    let answer = cluster.collect(cluster.at(2, &place(&state))).await;
    assert_eq!((answer.status, answer.body), (200, success(&state, "the-code")));
    for node in 0..3 {
        assert_eq!(cluster.collect(cluster.at(node, &place(&state))).await.status, 404);
        assert_eq!(
            cluster
                .come_back(cluster.at(node, &format!("/callback?code=x&state={state}")))
                .await,
            410
        );
    }
}

async fn who_waits_is_woken_by_another_node(kind: Kind) {
    let cluster = Cluster::of(kind, 2).await;
    let state = cluster.announce(cluster.at(0, "/api/callbacks")).await;
    let waiting = cluster.collect(cluster.at(0, &format!("{}?wait=60", place(&state))));
    let events = async {
        let request = cluster.http.get(cluster.at(0, &format!("{}/events", place(&state))));
        let response = request.basic_auth("agent", Some(&cluster.secret)).send().await.unwrap();
        response.text().await.unwrap()
    };
    let later = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let status = cluster
            .come_back(cluster.at(1, &format!("/callback?code=the-code&state={state}")))
            .await;
        (status, Instant::now())
    };
    let (answer, told, (status, arrived)) = tokio::join!(waiting, events, later);
    assert_eq!((status, answer.status, answer.text("auth_code")), (200, 200, "the-code"));
    assert!(arrived.elapsed() < Duration::from_secs(20), "it did not wait to its end");
    assert!(told.contains("received") || told.contains("gone"), "{told}");
}

/// Everything through a proxy that gives each request to another node; one of them is killed in between.
async fn a_node_that_dies_takes_nothing_along(kind: Kind) {
    let mut cluster = Cluster::of(kind, 3).await;
    let states = join_all((0..60).map(|_| cluster.announce(cluster.anywhere("/api/callbacks")))).await;
    cluster.servers[0].kill();
    let codes: Vec<String> = (0..states.len()).map(|n| format!("code-{n}")).collect();
    let received = states
        .iter()
        .zip(&codes)
        .map(|(state, code)| cluster.come_back(cluster.anywhere(&format!("/callback?code={code}&state={state}"))));
    let statuses = join_all(received).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    cluster.servers[1].kill();
    let answers = join_all(states.iter().map(|state| cluster.collect(cluster.anywhere(&place(state))))).await;
    for ((state, code), answer) in states.iter().zip(&codes).zip(&answers) {
        assert_eq!((answer.status, &answer.body), (200, &success(state, code)));
    }
    let again = join_all(states.iter().map(|state| cluster.collect(cluster.anywhere(&place(state))))).await;
    assert!(again.iter().all(|answer| answer.status == 404));
}

/// Redirects and collections of one state on all nodes at once: one each.
async fn many_at_once_on_every_node_have_one_winner(kind: Kind) {
    let cluster = Cluster::of(kind, 3).await;
    let state = cluster.announce(cluster.anywhere("/api/callbacks")).await;
    let statuses = join_all((0..100).map(|n| cluster.come_back(cluster.anywhere(&format!("/callback?code=code-{n}&state={state}"))))).await;
    let winners: Vec<usize> = (0..100).filter(|at| statuses[*at] == 200).collect();
    assert_eq!(winners.len(), 1, "{statuses:?}");
    let answers = join_all((0..100).map(|_| cluster.collect(cluster.anywhere(&place(&state))))).await;
    let taken: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].body["auth_code"], Value::from(format!("code-{}", winners[0])));
}

/// A node that is killed at any moment has either kept an answer or not said so.
async fn what_was_acknowledged_survives_a_kill(kind: Kind) {
    let mut cluster = Cluster::of(kind, 1).await;
    let states = join_all((0..200).map(|_| cluster.announce(cluster.at(0, "/api/callbacks")))).await;
    let http = cluster.http.clone();
    let answered = Arc::new(AtomicUsize::new(0));
    let sending: Vec<JoinHandle<Option<u16>>> = states
        .iter()
        .map(|state| {
            let answered = Arc::clone(&answered);
            let request = http.get(cluster.at(0, &format!("/callback?code=code-of-{state}&state={state}")));
            tokio::spawn(async move {
                let status = request.send().await.ok().map(|answer| answer.status().as_u16());
                answered.fetch_add(1, Ordering::SeqCst);
                status
            })
        })
        .collect();
    // In the middle of it.
    let answered = Arc::clone(&answered);
    while answered.load(Ordering::SeqCst) < 20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    cluster.servers[0].kill();
    let mut acknowledged = Vec::new();
    for (state, sent) in states.iter().zip(sending) {
        acknowledged.push((state, sent.await.expect("no panic") == Some(200)));
    }
    assert!(acknowledged.iter().any(|(_, is_acknowledged)| *is_acknowledged));
    cluster.servers[0] = cluster.nodes[0].serve();
    for (state, is_acknowledged) in acknowledged {
        let answer = cluster.collect(cluster.at(0, &place(state))).await;
        if is_acknowledged {
            assert_eq!(answer.text("auth_code"), format!("code-of-{state}"));
        } else {
            assert!(matches!(answer.status, 200 | 202), "{} {}", answer.status, answer.body);
        }
    }
}

macro_rules! on {
    ($($kind:ident $name:ident $story:ident,)+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $story(Kind::$kind).await;
        })+
    };
}

on! {
    Postgres a_callback_goes_from_node_to_node_on_postgres from_node_to_node,
    MySql a_callback_goes_from_node_to_node_on_mysql from_node_to_node,
    Sqlite a_callback_goes_from_node_to_node_on_sqlite from_node_to_node,
    Postgres waiting_is_ended_by_another_node_on_postgres who_waits_is_woken_by_another_node,
    MySql waiting_is_ended_by_another_node_on_mysql who_waits_is_woken_by_another_node,
    Sqlite waiting_is_ended_by_another_node_on_sqlite who_waits_is_woken_by_another_node,
    Postgres dying_nodes_take_nothing_along_on_postgres a_node_that_dies_takes_nothing_along,
    MySql dying_nodes_take_nothing_along_on_mysql a_node_that_dies_takes_nothing_along,
    Postgres crowds_have_one_winner_on_postgres many_at_once_on_every_node_have_one_winner,
    MySql crowds_have_one_winner_on_mysql many_at_once_on_every_node_have_one_winner,
    Sqlite what_was_acknowledged_survives_on_sqlite what_was_acknowledged_survives_a_kill,
    Postgres what_was_acknowledged_survives_on_postgres what_was_acknowledged_survives_a_kill,
    MySql what_was_acknowledged_survives_on_mysql what_was_acknowledged_survives_a_kill,
}
