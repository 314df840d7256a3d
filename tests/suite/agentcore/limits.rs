//! What a program may not change although it administers: what is other clients', and what an administrator has decided.

use gatehouse::federation::providers::{Credential, register};
use gatehouse::federation::workloads;
use gatehouse::model::provider::{ProviderKind, ProviderSettings};
use gatehouse::model::workload::WorkloadSettings;
use secrecy::SecretString;
use serde_json::json;

use super::{on_every_database_with_agentcore, owner, program};
use crate::support::TestApp;
use crate::vault::workload;

const MISSING: (u16, &str) = (404, "ResourceNotFoundException");
const DENIED: (u16, &str) = (403, "AccessDeniedException");

on_every_database_with_agentcore! {
    async fn keys_of_others_are_not_reached(app: TestApp) {
        let (ours, theirs) = (owner(&app).await, owner(&app).await);
        let (program, other) = (super::program(&app, ours.id(), true).await, super::program(&app, theirs.id(), true).await);
        let settings = ProviderSettings { name: "Pay".to_owned(), kind: ProviderKind::ApiKey, ..ProviderSettings::default() };
        register(&app.app, "pay", settings, Some(Credential::ApiKey(SecretString::from("sk_live")))).await.unwrap();
        other.done(201, "CreateApiKeyCredentialProvider", json!({ "name": "theirs", "apiKey": "k" })).await;
        program.done(201, "CreateApiKeyCredentialProvider", json!({ "name": "ours", "apiKey": "our key" })).await;
        program.done(201, "CreateWorkloadIdentity", json!({ "name": "grab-agent" })).await;
        let token = program.done(200, "GetWorkloadAccessToken", json!({ "workloadName": "grab-agent" })).await;
        let wanted = |name: &str| json!({ "workloadIdentityToken": token["workloadAccessToken"], "resourceCredentialProviderName": name });
        assert_eq!(program.done(200, "api-key", wanted("ours")).await["apiKey"], "our key");
        for name in ["pay", "theirs", "nowhere"] {
            program.refused(MISSING, "api-key", wanted(name)).await;
            for operation in ["GetApiKeyCredentialProvider", "DeleteApiKeyCredentialProvider"] {
                program.refused(MISSING, operation, json!({ "name": name })).await;
            }
            program.refused(MISSING, "UpdateApiKeyCredentialProvider", json!({ "name": name, "apiKey": "x" })).await;
        }
        let listed = program.done(200, "ListApiKeyCredentialProviders", json!({})).await;
        assert_eq!(listed["credentialProviders"].as_array().unwrap().len(), 1, "{listed}");
    }

    async fn what_an_administrator_has_decided_stays(app: TestApp) {
        let owner = owner(&app).await;
        let program = program(&app, owner.id(), true).await;
        let evil = |name: &str| json!({ "name": name, "allowedResourceOauth2ReturnUrls": ["https://evil.example/"] });
        workload(&app.app, "by-hand", owner.id()).await;
        program.done(201, "CreateWorkloadIdentity", json!({ "name": "narrowed" })).await;
        program.done(200, "UpdateWorkloadIdentity", evil("narrowed")).await;
        let made = app.app.store.read().await.unwrap().workload("narrowed").await.unwrap().unwrap();
        let settings = WorkloadSettings { is_disabled: true, ..made.settings.clone() };
        workloads::change(&app.app, made, settings).await.unwrap();
        for name in ["by-hand", "narrowed"] {
            program.refused(DENIED, "UpdateWorkloadIdentity", evil(name)).await;
            program.refused(DENIED, "DeleteWorkloadIdentity", json!({ "name": name })).await;
        }
        let kept = app.app.store.read().await.unwrap().workload("narrowed").await.unwrap().unwrap();
        assert!(kept.is_disabled);
    }
}
