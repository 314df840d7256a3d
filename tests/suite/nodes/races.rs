//! The same at three nodes at once: one of them wins, and what ends at one has ended at each.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::cluster::{Cluster, SIZE, fresh_http};
use super::flows::error;
use crate::cli::database::{Database, Kind};
use crate::cli::person::{Answer, Application, authorization_url, parameter, text};
use crate::support::process::PATIENCE;

/// How often each race is run.
const ROUNDS: usize = 4;
/// How many come to each node at once.
const CROWD: usize = 4;

const SCOPE: &str = "openid offline_access";

/// The same at every node, several times at each, all at once.
async fn everywhere<F: Future<Output = Result<Answer, reqwest::Error>>>(
    cluster: &Cluster,
    application: &Application,
    act: impl Fn(Application) -> F,
) -> Vec<Answer> {
    let acts = (0..SIZE * CROWD).map(|at| act(application.asking(&cluster.at(at % SIZE))));
    join_all(acts).await.into_iter().map(|answer| answer.expect("an answer")).collect()
}

/// A refresh token is refused at each node, for the reason that it is dead.
async fn assert_dead_at_each(cluster: &Cluster, application: &Application, refresh_token: &str) {
    for node in 0..SIZE {
        let (status, answer) = application.asking(&cluster.at(node)).refresh(refresh_token).await.unwrap();
        assert_eq!((status, error(&answer)), (StatusCode::BAD_REQUEST, "invalid_grant"), "node {node}");
    }
}

/// One redemption succeeds, and because there were others everything is revoked.
async fn one_code(cluster: &Cluster, web: &Application) {
    let code = cluster.alice().authorize("web", SCOPE).await.unwrap();
    let answers = everywhere(cluster, web, |node| {
        let code = code.clone();
        async move { node.redeem(&code).await }
    })
    .await;
    let won: Vec<&Value> = answers
        .iter()
        .filter(|(status, _)| *status == StatusCode::OK)
        .map(|(_, answer)| answer)
        .collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let refused = answers.iter().filter(|(_, answer)| error(answer) == "invalid_grant").count();
    assert_eq!(refused, SIZE * CROWD - 1, "{answers:?}");
    let token = text(won[0], "access_token");
    assert_eq!(cluster.userinfo_at_each(&token).await, [401; SIZE]);
    assert_eq!(cluster.active_at_each(web, &token).await, [false; SIZE]);
    assert_dead_at_each(cluster, web, &text(won[0], "refresh_token")).await;
}

/// All get the same successor, and only that goes on.
async fn one_refresh_token(cluster: &Cluster, web: &Application) {
    let code = cluster.alice().authorize("web", SCOPE).await.unwrap();
    let (_, first) = web.redeem(&code).await.unwrap();
    let first = text(&first, "refresh_token");
    let answers = everywhere(cluster, web, |node| {
        let token = first.clone();
        async move { node.refresh(&token).await }
    })
    .await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK), "{answers:?}");
    let successors: BTreeSet<String> = answers.iter().map(|(_, answer)| text(answer, "refresh_token")).collect();
    assert_eq!(successors.len(), 1, "one generation further on, and not more");
    let access: BTreeSet<String> = answers.iter().map(|(_, answer)| text(answer, "access_token")).collect();
    for token in &access {
        assert_eq!(cluster.active_at_each(web, token).await, [true; SIZE]);
    }
    let second = successors.first().expect("a successor");
    let (status, third) = web.refresh(second).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{third}");
    // Two generations back is beyond any grace: somebody has a copy.
    let (status, answer) = web.refresh(&first).await.unwrap();
    assert_eq!((status, error(&answer)), (StatusCode::BAD_REQUEST, "invalid_grant"));
    assert_dead_at_each(cluster, web, &text(&third, "refresh_token")).await;
    for token in &access {
        assert_eq!(cluster.userinfo_at_each(token).await, [401; SIZE]);
    }
}

/// Some redeem and some revoke: what was revoked is, whoever was first.
async fn a_refresh_and_a_revocation(cluster: &Cluster, web: &Application) {
    let code = cluster.alice().authorize("web", SCOPE).await.unwrap();
    let (_, first) = web.redeem(&code).await.unwrap();
    let token = text(&first, "refresh_token");
    let refreshes = everywhere(cluster, web, |node| {
        let token = token.clone();
        async move { node.refresh(&token).await }
    });
    let revocations = (0..SIZE).map(|node| {
        let (node, token) = (web.asking(&cluster.at(node)), token.clone());
        async move { node.post("/revoke", &[("token", &token)]).await.expect("an answer") }
    });
    let (refreshed, revoked) = tokio::join!(refreshes, join_all(revocations));
    assert!(revoked.iter().all(|(status, _)| *status == StatusCode::OK));
    for (_, answer) in refreshed.iter().filter(|(status, _)| *status == StatusCode::OK) {
        assert_eq!(cluster.userinfo_at_each(&text(answer, "access_token")).await, [401; SIZE]);
        assert_dead_at_each(cluster, web, &text(answer, "refresh_token")).await;
    }
}

async fn one_wins(kind: Kind) {
    let (_database, sandbox) = Database::sandbox(kind).await;
    let (cluster, secret) = Cluster::start(sandbox).await;
    let web = cluster.web(&secret);
    for _ in 0..ROUNDS {
        one_code(&cluster, &web).await;
        one_refresh_token(&cluster, &web).await;
        a_refresh_and_a_revocation(&cluster, &web).await;
    }
    assert!(!cluster.output().contains("\"fault\""), "{}", cluster.output());
    cluster.assert_audit_is_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_all_nodes_wins_on_postgres() {
    one_wins(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_all_nodes_wins_on_mysql() {
    one_wins(Kind::MySql).await;
}

/// What somebody has of alice: tokens of `client`, shown at each node so that whatever a node keeps in memory is there.
async fn warm(cluster: &Cluster, client: &str, application: &Application, observer: &Application) -> Value {
    let code = cluster.alice().authorize(client, SCOPE).await.unwrap();
    let (status, tokens) = application.redeem(&code).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{tokens}");
    let mut refresh_token = text(&tokens, "refresh_token");
    for node in 0..SIZE {
        let (_, answer) = application.asking(&cluster.at(node)).refresh(&refresh_token).await.unwrap();
        refresh_token = text(&answer, "refresh_token");
    }
    let token = text(&tokens, "access_token");
    assert_eq!(cluster.active_at_each(observer, &token).await, [true; SIZE]);
    assert_eq!(cluster.userinfo_at_each(&token).await, [200; SIZE]);
    json!({ "access_token": token, "refresh_token": refresh_token })
}

/// At once: nobody waits for anything to pass.
async fn assert_over(cluster: &Cluster, application: &Application, observer: &Application, tokens: &Value, refused: &[&str]) {
    let token = text(tokens, "access_token");
    assert_eq!(cluster.userinfo_at_each(&token).await, [401; SIZE]);
    assert_eq!(cluster.active_at_each(observer, &token).await, [false; SIZE]);
    for node in 0..SIZE {
        let refresh = application.asking(&cluster.at(node)).refresh(&text(tokens, "refresh_token")).await;
        let (_, answer) = refresh.unwrap();
        assert!(refused.contains(&error(&answer)), "node {node}: {answer}");
    }
}

/// Waits until a node takes authorization requests of `app`.
async fn await_known(cluster: &Cluster, node: usize) {
    let url = authorization_url(&cluster.at(node), "app", "openid") + "&prompt=none";
    let http = fresh_http();
    let known = async {
        while http.get(&url).send().await.expect("an answer").status() != StatusCode::SEE_OTHER {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.expect("the node hears of it");
}

async fn what_ends_at_one_node_has_ended_at_each(kind: Kind) {
    let (_database, sandbox) = Database::sandbox(kind).await;
    let (cluster, secret) = Cluster::start(sandbox).await;
    let (web, app) = (cluster.web(&secret), cluster.app());
    let alice = cluster.admin(0, Method::GET, "/users?q=alice", None, None).await;
    let alice = alice.body["items"][0]["id"].as_str().expect("alice").to_owned();

    let tokens = warm(&cluster, "web", &web, &web).await;
    let withdrawn = cluster
        .admin(1, Method::DELETE, &format!("/consents/{alice}/web"), None, None)
        .await;
    assert_eq!(withdrawn.status, 204, "{}", withdrawn.body);
    assert_over(&cluster, &web, &web, &tokens, &["invalid_grant"]).await;

    let set = async |node: usize, path: &str, is_disabled: bool| {
        let seen = cluster.admin(node, Method::GET, path, None, None).await;
        let patch = json!({ "disabled": is_disabled });
        let done = cluster
            .admin(node, Method::PATCH, path, Some(seen.header("etag")), Some(&patch))
            .await;
        assert_eq!(done.status, 200, "{}", done.body);
    };
    let tokens = warm(&cluster, "app", &app, &web).await;
    set(2, "/clients/app", true).await;
    assert_over(&cluster, &app, &web, &tokens, &["invalid_client", "invalid_grant"]).await;
    set(0, "/clients/app", false).await;
    // That it may again is no hurry: the others hear of it a moment later.
    for node in 0..SIZE {
        await_known(&cluster, node).await;
    }

    let person = cluster.alice();
    person.authorize("app", SCOPE).await.unwrap();
    let tokens = warm(&cluster, "app", &app, &web).await;
    set(0, &format!("/users/{alice}"), true).await;
    assert_over(&cluster, &app, &web, &tokens, &["invalid_grant"]).await;
    for node in 0..SIZE {
        let url = authorization_url(&cluster.at(node), "app", "openid") + "&prompt=none";
        let answer = person.http.get(url).send().await.unwrap();
        let location = reqwest::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        assert_eq!(parameter(&location, "error").as_deref(), Some("login_required"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_at_one_node_has_ended_at_each_on_postgres() {
    what_ends_at_one_node_has_ended_at_each(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_at_one_node_has_ended_at_each_on_mysql() {
    what_ends_at_one_node_has_ended_at_each(Kind::MySql).await;
}
