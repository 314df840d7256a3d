//! Every flow, each step of it at another node.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::cluster::{Cluster, SIZE, fresh_http};
use crate::cli::database::{Database, Kind};
use crate::cli::person::{CALLBACK, Person, authorization_url, hidden, parameter, text};
use crate::support::client::send;
use crate::support::elsewhere::{Elsewhere, Served};

/// A client gets tokens for a person, refreshes them, shows them, and gives them back.
async fn tokens(cluster: &Cluster, secret: &str) {
    let (alice, web) = (cluster.alice(), cluster.web(secret));
    let code = alice.authorize("web", "openid profile offline_access").await.unwrap();
    let (status, first) = web.redeem(&code).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{first}");
    let (status, second) = web.refresh(&text(&first, "refresh_token")).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{second}");
    for token in [&first, &second] {
        let token = text(token, "access_token");
        assert_eq!(cluster.active_at_each(&web, &token).await, [true; SIZE]);
        assert_eq!(cluster.userinfo_at_each(&token).await, [200; SIZE]);
    }
    // An access token ends alone, and with the refresh token everything does: at once, on each node.
    let (one, other) = (text(&first, "access_token"), text(&second, "access_token"));
    assert_eq!(web.post("/revoke", &[("token", &one)]).await.unwrap().0, StatusCode::OK);
    assert_eq!(cluster.active_at_each(&web, &one).await, [false; SIZE]);
    assert_eq!(cluster.active_at_each(&web, &other).await, [true; SIZE]);
    let refresh_token = text(&second, "refresh_token");
    assert_eq!(web.post("/revoke", &[("token", &refresh_token)]).await.unwrap().0, StatusCode::OK);
    assert_eq!(cluster.active_at_each(&web, &other).await, [false; SIZE]);
    assert_eq!(cluster.userinfo_at_each(&other).await, [401; SIZE]);
    for node in 0..SIZE {
        let (status, answer) = web.asking(&cluster.at(node)).refresh(&refresh_token).await.unwrap();
        assert_eq!(
            (status, text(&answer, "error").as_str()),
            (StatusCode::BAD_REQUEST, "invalid_grant")
        );
    }
}

/// Whether somebody is signed in, as each node says without a page.
async fn signed_in_at_each(cluster: &Cluster, person: &Person) -> Vec<bool> {
    let mut seen = Vec::new();
    for node in 0..SIZE {
        let url = authorization_url(&cluster.at(node), "app", "openid") + "&prompt=none";
        let answer = person.http.get(url).send().await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let location = reqwest::Url::parse(&location).unwrap();
        seen.push(parameter(&location, "code").is_some());
        assert!(
            seen[node] || parameter(&location, "error").unwrap() == "login_required",
            "{location}"
        );
    }
    seen
}

/// A person signs out, and what ends with the session has ended.
async fn sign_out(cluster: &Cluster) {
    let (alice, app) = (cluster.alice(), cluster.app());
    let (_, tokens) = app.redeem(&alice.authorize("app", "openid").await.unwrap()).await.unwrap();
    assert_eq!(signed_in_at_each(cluster, &alice).await, [true; SIZE]);
    let place = format!("{}/logout", cluster.issuer());
    let page = alice.http.get(&place).send().await.unwrap().text().await.unwrap();
    let csrf = hidden(&page, "csrf");
    let answer = alice.http.post(&place).form(&[("csrf", csrf)]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(signed_in_at_each(cluster, &alice).await, [false; SIZE]);
    let token = text(&tokens, "access_token");
    assert_eq!(cluster.userinfo_at_each(&token).await, [401; SIZE]);
}

/// A program registers itself, is used, and looks after its registration.
async fn registration(cluster: &Cluster) {
    let http = fresh_http();
    let wanted = json!({
        "client_name": "Agent", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "scope": "openid offline_access",
    });
    let made = send(http.post(format!("{}/register", cluster.issuer())).json(&wanted)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let (id, token) = (made.text("client_id").to_owned(), made.text("registration_access_token").to_owned());
    let manage = |node: usize, method: Method| {
        let url = format!("{}/register/{id}", cluster.at(node));
        http.request(method, url).bearer_auth(&token)
    };
    for node in 0..SIZE {
        assert_eq!(send(manage(node, Method::GET)).await.body, made.body);
    }
    let code = cluster.alice().authorize(&id, "openid offline_access").await.unwrap();
    let registered = crate::cli::person::Application::public(&cluster.issuer(), &id).through(fresh_http());
    let (status, tokens) = registered.redeem(&code).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{tokens}");
    let mut better = wanted.clone();
    better["client_id"] = json!(id);
    better["client_name"] = json!("Better agent");
    assert_eq!(send(manage(1, Method::PUT).json(&better)).await.status, 200);
    assert_eq!(send(manage(2, Method::GET)).await.text("client_name"), "Better agent");
    assert_eq!(send(manage(0, Method::DELETE)).await.status, 204);
    for node in 0..SIZE {
        assert_eq!(send(manage(node, Method::GET)).await.status, 401);
    }
    assert_eq!(cluster.userinfo_at_each(&text(&tokens, "access_token")).await, [401; SIZE]);
}

/// A program that knows only the address of the document that describes it.
async fn described(cluster: &Cluster) {
    let elsewhere = Elsewhere::start().await;
    let id = elsewhere.url("/client.json");
    let document = json!({
        "client_id": id, "client_name": "Described", "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
    });
    elsewhere.serve("/client.json", Served::json(&document));
    let code = cluster.alice().authorize(&id, "openid offline_access").await.unwrap();
    let program = crate::cli::person::Application::public(&cluster.issuer(), &id).through(fresh_http());
    let (status, mut tokens) = program.redeem(&code).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{tokens}");
    for node in 0..SIZE {
        let at = program.asking(&cluster.at(node));
        let (status, next) = at.refresh(&text(&tokens, "refresh_token")).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{next}");
        tokens = next;
    }
    assert_eq!(cluster.userinfo_at_each(&text(&tokens, "access_token")).await, [200; SIZE]);
}

/// What one operator changes at one node, another sees at the next; of two who looked at the same, one is told.
async fn administration(cluster: &Cluster) {
    let body = json!({ "username": "bob", "password": "a password of bob's" });
    let made = cluster.admin(0, Method::POST, "/users", None, Some(&body)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let place = format!("/users/{}", made.text("id"));
    let seen = cluster.admin(1, Method::GET, &place, None, None).await;
    let tag = seen.header("etag").to_owned();
    let patch = json!({ "email": "bob@example.com" });
    let changed = cluster.admin(2, Method::PATCH, &place, Some(&tag), Some(&patch)).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let other = json!({ "email": "robert@example.com" });
    assert_eq!(cluster.admin(0, Method::PATCH, &place, Some(&tag), Some(&other)).await.status, 412);
    assert_eq!(
        cluster.admin(1, Method::GET, &place, None, None).await.text("email"),
        "bob@example.com"
    );
    assert_eq!(cluster.admin(0, Method::DELETE, &place, None, None).await.status, 204);
    assert_eq!(cluster.admin(1, Method::GET, &place, None, None).await.status, 404);
}

/// A callback is announced, received and collected, each at another node; and once.
async fn relay(cluster: &Cluster, http: &Client, secret: &str) {
    let url = |node: usize, path: &str| format!("{}{path}", cluster.at(node));
    let request = http.post(url(0, "/api/callbacks")).basic_auth("agents", Some(secret));
    let announced = send(request.json(&json!({}))).await;
    assert_eq!(announced.status, 201, "{}", announced.body);
    let place = crate::relay::place(announced.text("state"));
    let back = format!("/callback?code=the-code&state={}", announced.text("state"));
    assert_eq!(http.get(url(1, &back)).send().await.unwrap().status(), StatusCode::OK);
    let collect = async |node| send(http.get(url(node, &place)).basic_auth("agents", Some(secret))).await;
    assert_eq!(collect(2).await.text("auth_code"), "the-code");
    assert_eq!(collect(0).await.status, 404);
}

/// An agent asks at one node for what it is not allowed yet; the question is there at each.
async fn vault(cluster: &Cluster, http: &Client, secret: &str) {
    let alice = cluster.admin(0, Method::GET, "/users?q=alice", None, None).await;
    let alice = alice.body["items"][0]["id"].as_str().expect("alice").to_owned();
    let post = |node: usize, path: &str| http.post(format!("{}{path}", cluster.at(node)));
    let wanted = json!({ "workload": "agent", "user_id": alice });
    let issued = send(
        post(0, "/api/vault/workload-token")
            .basic_auth("agents", Some(secret))
            .json(&wanted),
    )
    .await;
    assert_eq!(issued.status, 200, "{}", issued.body);
    let token = issued.text("workload_access_token").to_owned();
    let asked = send(post(1, "/api/vault/token").bearer_auth(&token).json(&json!({ "provider": "hand" }))).await;
    assert_eq!((asked.status, asked.text("status")), (202, "consent_required"), "{}", asked.body);
    let session = |node: usize, method: Method| {
        let request = http.request(method, format!("{}/api/vault/session", cluster.at(node)));
        request.bearer_auth(&token).query(&[("uri", asked.text("session_uri"))])
    };
    for node in 0..SIZE {
        let seen = send(session(node, Method::GET)).await;
        assert_eq!((seen.status, seen.text("status")), (200, "pending"), "{}", seen.body);
    }
    assert_eq!(send(session(2, Method::DELETE)).await.status, 204);
    let seen = send(session(0, Method::GET)).await;
    assert!(seen.body["status"] != "pending", "{} {}", seen.status, seen.body);
    // What ends the agent ends its token everywhere.
    let stopped = cluster.sandbox.run(&["workload", "disable", "agent"]);
    assert!(stopped.status.success(), "{}", stopped.stderr);
    for node in 0..SIZE {
        let refused = send(
            post(node, "/api/vault/token")
                .bearer_auth(&token)
                .json(&json!({ "provider": "hand" })),
        )
        .await;
        assert_eq!(refused.status, 401, "{}", refused.body);
    }
}

/// A provider, and an agent that may ask for something there; the secret of the agent's client.
fn add_agent(cluster: &Cluster) -> String {
    let secret = cluster.sandbox.service_client("agents", "relay vault", &[]);
    let provider = [
        "provider",
        "add",
        "hand",
        "--name",
        "By hand",
        "--preset",
        "oauth2",
        "--client-id",
        "us",
        "--authorization-endpoint",
        "https://hand.example/authorize",
        "--token-endpoint",
        "https://hand.example/token",
        "--scope",
        "read",
        "--secret-stdin",
    ];
    let added = cluster.sandbox.run_with_input(&provider, "the secret of our client there");
    assert!(added.status.success(), "{}", added.stderr);
    let agent = [
        "workload",
        "add",
        "agent",
        "--client",
        "agents",
        "--ceiling",
        "hand=read",
        "--may-name-users",
    ];
    let added = cluster.sandbox.run(&agent);
    assert!(added.status.success(), "{}", added.stderr);
    secret
}

/// All of them; `secret` is that of `web`.
pub async fn every_flow_goes_from_node_to_node(cluster: &Cluster, secret: &str) {
    tokens(cluster, secret).await;
    sign_out(cluster).await;
    registration(cluster).await;
    described(cluster).await;
    administration(cluster).await;
    let (http, agents) = (fresh_http(), add_agent(cluster));
    relay(cluster, &http, &agents).await;
    vault(cluster, &http, &agents).await;
    // It was no single node that did all that.
    let given = cluster.proxy.given();
    assert!(given.iter().all(|connections| *connections >= 5), "{given:?}");
    assert!(!cluster.output().contains("\"fault\""), "{}", cluster.output());
    cluster.assert_audit_is_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flow_goes_from_node_to_node_on_postgres() {
    let (_database, sandbox) = Database::sandbox(Kind::Postgres).await;
    let (cluster, secret) = Cluster::start(sandbox).await;
    every_flow_goes_from_node_to_node(&cluster, &secret).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flow_goes_from_node_to_node_on_mysql() {
    let (_database, sandbox) = Database::sandbox(Kind::MySql).await;
    let (cluster, secret) = Cluster::start(sandbox).await;
    every_flow_goes_from_node_to_node(&cluster, &secret).await;
}

/// What an answer says of an error.
pub fn error(answer: &Value) -> &str {
    answer["error"].as_str().unwrap_or_default()
}
