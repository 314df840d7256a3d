//! The vault: what people gave agents elsewhere, how it is kept, and the tokens by which agents act.

mod connections;
mod cost;
mod envelope;
pub mod flow;
mod keys;
mod late;
mod nodes;
mod private_keys;
mod revocations;
mod rewrap;
mod upstream;
mod workload_tokens;

use gatehouse::app::App;
use gatehouse::federation::connections::{NewConnection, keep};
use gatehouse::federation::workloads::{self, NewWorkload};
use gatehouse::model::connection::{Connection, Tokens};
use gatehouse::model::workload::{Workload, WorkloadSettings};
use gatehouse::protocol::scope::Scope;
use serde_json::json;

use crate::support::TestApp;

/// Tokens that can be told from others by their number.
pub fn tokens(number: usize) -> Tokens {
    let passed_on = json!({ "instance_url": "https://tenant.example/ü" });
    Tokens {
        access_token: format!("access {number}"),
        token_type: "Bearer".to_owned(),
        refresh_token: Some(format!("refresh {number}")),
        passed_on: passed_on.as_object().unwrap().clone(),
    }
}

/// What a person gives with this account.
pub fn given(user_id: &str, account: &str, number: usize) -> NewConnection {
    NewConnection {
        user_id: user_id.to_owned(),
        provider_id: "mail".to_owned(),
        account: account.to_owned(),
        account_label: format!("{account}@mail.example"),
        scope: Scope::parse("read send").unwrap(),
        resource: Vec::new(),
        tokens: tokens(number),
        token_expires_at: Some(1_800_003_600),
    }
}

/// A workload of a client.
pub async fn workload(app: &App, name: &str, client_id: &str) -> Workload {
    let new = NewWorkload {
        name: name.to_owned(),
        client_id: client_id.to_owned(),
        settings: WorkloadSettings::default(),
    };
    workloads::create(app, new).await.unwrap()
}

/// Keeps what a person gives.
pub async fn kept(app: &App, workload: &Workload, new: &NewConnection) -> Connection {
    let mut tx = app.store.begin().await.unwrap();
    let connection = keep(app, &mut tx, workload, new).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    connection
}

/// The connection as it stands in the database.
pub async fn read(app: &App, id: &str) -> Option<Connection> {
    app.store.read().await.unwrap().connection(id).await.unwrap()
}

/// A person, an agent, and what the one gave the other.
pub async fn connected(app: &TestApp) -> (Workload, Connection) {
    let alice = app.user("alice").await;
    let client = app.confidential_client().await;
    let agent = workload(&app.app, "mail-agent", client.id()).await;
    let connection = kept(&app.app, &agent, &given(&alice.id, "alice", 1)).await;
    (agent, connection)
}
