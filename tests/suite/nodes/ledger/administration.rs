//! An operator under load: clients that are registered, changed and removed at the admin API.

use std::sync::Arc;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::json;

use super::{Ledger, PAUSE, acknowledged, answer, insist};
use crate::cli::person::{CALLBACK, text};
use crate::nodes::cluster::{ADMIN_TOKEN, Cluster, SIZE, fresh_http};

/// What the operator was told of a client.
#[derive(Clone, Debug)]
pub(super) struct Registered {
    id: String,
    name: String,
    is_removed: bool,
}

fn request(http: &Client, method: Method, base: &str, path: &str) -> RequestBuilder {
    http.request(method, format!("{base}/api/admin/v1{path}"))
        .header("x-admin-token", ADMIN_TOKEN)
}

/// Registers clients, gives each another name, and removes every second one.
pub(super) async fn administer(issuer: String, ledger: Arc<Ledger>) {
    let http = fresh_http();
    let mut turn = 0_usize;
    while ledger.goes_on() {
        turn += 1;
        let body = json!({ "client_name": "Before", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
        let made = answer(request(&http, Method::POST, &issuer, "/clients").json(&body)).await;
        let Some((status, made)) = acknowledged(made) else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let id = text(&made, "client_id");
        let at = ledger.note(|known| {
            known.clients.push(Registered {
                id: id.clone(),
                name: "Before".to_owned(),
                is_removed: false,
            });
            known.clients.len() - 1
        });
        let place = format!("/clients/{id}");
        let change = || {
            let request = request(&http, Method::PATCH, &issuer, &place).header("if-match", "*");
            answer(request.json(&json!({ "client_name": format!("After {turn}") })))
        };
        let (status, changed) = insist(change).await;
        assert_eq!(status, StatusCode::OK, "{changed}");
        ledger.note(|known| known.clients[at].name = format!("After {turn}"));
        if turn.is_multiple_of(2) {
            let (status, removed) = insist(|| answer(request(&http, Method::DELETE, &issuer, &place))).await;
            // Done by one of which the answer was lost, it is not there any more.
            assert!(
                matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_FOUND),
                "{status} {removed}"
            );
            ledger.note(|known| known.clients[at].is_removed = true);
        }
    }
}

/// Every client is as the operator was told, at each node.
pub(super) async fn verify(clients: &[Registered], cluster: &Cluster) {
    assert!(clients.iter().any(|client| client.is_removed) && clients.iter().any(|client| !client.is_removed));
    for (at, client) in clients.iter().enumerate() {
        let place = format!("/clients/{}", client.id);
        let shown = answer(request(&fresh_http(), Method::GET, &cluster.at(at % SIZE), &place)).await;
        let (status, shown) = shown.expect("an answer");
        if client.is_removed {
            assert_eq!(status, StatusCode::NOT_FOUND, "a client that was removed is back: {shown}");
        } else {
            assert_eq!(
                (status, text(&shown, "client_name").as_str()),
                (StatusCode::OK, client.name.as_str()),
                "{shown}"
            );
        }
    }
}
