//! A newer version serves the same database: what it has written, and this one does not know, breaks nothing.

use gatehouse::federation::upstream::Flow;
use serde_json::json;

use super::{question, world};
use crate::support::database::execute;
use crate::support::{TestApp, on_every_database};

on_every_database! {
    async fn fields_and_grant_types_that_nobody_knows_are_left_out(app: TestApp) {
        let world = world(app).await;
        let database = world.app.database_url();
        for (table, first, key) in [("workloads", "display_name", "name = 'agent'"), ("providers", "name", "id = 'there'")] {
            let more = format!("UPDATE {table} SET settings = REPLACE(settings, '{{\"{first}\"', '{{\"later\":7,\"{first}\"') WHERE {key}");
            execute(&database, more).await;
        }
        let name = world.owner.id();
        execute(&database, format!("UPDATE clients SET grant_types = REPLACE(grant_types, '[', '[\"urn:later\",') WHERE id = '{name}'")).await;
        question(&world.ask(&world.alice, json!({})).await);
        let mut connection = world.app.app.store.read().await.unwrap();
        assert_eq!(connection.workload("agent").await.unwrap().unwrap().settings, world.agent.settings);
        let client = connection.client(name).await.unwrap().unwrap();
        assert_eq!(client.settings.grant_types, world.owner.client.settings.grant_types);
    }
}

/// Somebody was at a provider when a new version took over.
#[test]
fn a_flow_without_resources_is_one_for_none() {
    let flow: Flow = serde_json::from_value(json!({ "nonce": null, "verifier": "v" })).unwrap();
    assert!(flow.resource.is_empty() && flow.verifier.as_deref() == Some("v"));
}
