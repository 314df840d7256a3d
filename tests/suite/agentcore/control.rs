//! The control plane: workload identities of the caller's client, and credential providers.

use gatehouse::federation::providers::{Credential, register};
use gatehouse::model::event::{EventFilter, EventKind};
use gatehouse::model::provider::ProviderSettings;
use gatehouse::protocol::provider::ClientAuth;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Program, is_refused, on_every_database_with_agentcore, owner, program, started};
use crate::support::{Database, TestApp};

const MISSING: (u16, &str) = (404, "ResourceNotFoundException");
const WRONG: (u16, &str) = (400, "ValidationException");
const TAKEN: (u16, &str) = (409, "ConflictException");

async fn kinds(app: &TestApp) -> Vec<(EventKind, String)> {
    let mut connection = app.app.store.read().await.unwrap();
    let all = connection.events(&EventFilter::default(), None, 1000).await.unwrap();
    let wanted = ["workload.", "provider."];
    all.into_iter()
        .rev()
        .filter(|event| wanted.iter().any(|beginning| event.kind.as_str().starts_with(beginning)))
        .map(|event| (event.kind, event.actor.to_string()))
        .collect()
}

/// Every name of a list, page by page.
async fn names(program: &Program, operation: &str, member: &str, most: u16) -> Vec<String> {
    let (mut names, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut body = json!({ "maxResults": most });
        if let Some(token) = &token {
            body["nextToken"] = json!(token);
        }
        let page = program.done(200, operation, body).await;
        let items = page[member].as_array().unwrap();
        assert!(items.len() <= usize::from(most));
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        match page.get("nextToken") {
            Some(next) => token = Some(next.as_str().unwrap().to_owned()),
            None => return names,
        }
    }
}

on_every_database_with_agentcore! {
    async fn the_life_of_a_workload_identity(app: TestApp) {
        let owner = owner(&app).await;
        let program = program(&app, owner.id(), true).await;
        let url = "https://agent.example/done";
        let body = json!({ "name": "mail_Agent.1", "allowedResourceOauth2ReturnUrls": [url], "tags": { "team": "mail" } });
        let made = program.done(201, "CreateWorkloadIdentity", body.clone()).await;
        assert_eq!((&made["name"], &made["allowedResourceOauth2ReturnUrls"]), (&json!("mail_Agent.1"), &json!([url])));
        assert_eq!(made["workloadIdentityArn"], "arn:aws:bedrock-agentcore:gatehouse:000000000000:workload-identity-directory/default/workload-identity/mail_Agent.1");
        program.refused(TAKEN, "CreateWorkloadIdentity", body).await;
        app.advance(5);
        let name = json!({ "name": "mail_Agent.1" });
        let shown = program.done(200, "GetWorkloadIdentity", name.clone()).await;
        assert_eq!((&shown["createdTime"], &shown["lastUpdatedTime"]), (&json!(1_800_000_000), &json!(1_800_000_000)));
        let update = json!({ "name": "mail_Agent.1", "allowedResourceOauth2ReturnUrls": [] });
        let changed = program.done(200, "UpdateWorkloadIdentity", update).await;
        assert_eq!((&changed["allowedResourceOauth2ReturnUrls"], &changed["lastUpdatedTime"]), (&json!([]), &json!(1_800_000_005)));
        // As AgentCore knows them: without ceilings, and with people named by their ids.
        let mut reader = app.app.store.read().await.unwrap();
        let workload = reader.workload("mail_Agent.1").await.unwrap().unwrap();
        assert!(workload.has_no_ceilings && workload.may_name_users && workload.client_id == owner.id());
        drop(reader);
        for wrong in [
            json!({ "name": "no" }),
            json!({ "name": "a b c" }),
            json!({ "name": "agent", "allowedResourceOauth2ReturnUrls": ["javascript:alert(1)"] }),
            json!({ "name": "agent", "allowedResourceOauth2ReturnUrls": "https://agent.example/" }),
            json!({ "name": "agent", "more": true }),
        ] {
            program.refused(WRONG, "CreateWorkloadIdentity", wrong).await;
        }
        // Another client's program does not see it, and cannot take its name.
        let other = super::program(&app, super::owner(&app).await.id(), true).await;
        for operation in ["GetWorkloadIdentity", "UpdateWorkloadIdentity", "DeleteWorkloadIdentity"] {
            other.refused(MISSING, operation, name.clone()).await;
        }
        other.refused(TAKEN, "CreateWorkloadIdentity", name.clone()).await;
        assert_eq!(names(&other, "ListWorkloadIdentities", "workloadIdentities", 20).await, Vec::<String>::new());
        for number in 0..4 {
            program.done(201, "CreateWorkloadIdentity", json!({ "name": format!("agent-{number}") })).await;
        }
        let all = ["agent-0", "agent-1", "agent-2", "agent-3", "mail_Agent.1"];
        for most in [1, 2, 20] {
            assert_eq!(names(&program, "ListWorkloadIdentities", "workloadIdentities", most).await, all);
        }
        for wrong in [json!({ "maxResults": 0 }), json!({ "maxResults": 21 }), json!({ "nextToken": "x" }), json!({ "nextToken": "" })] {
            program.refused(WRONG, "ListWorkloadIdentities", wrong).await;
        }
        assert_eq!(program.call("DeleteWorkloadIdentity", name.clone()).await.status, 204);
        program.refused(MISSING, "DeleteWorkloadIdentity", name.clone()).await;
        program.refused(MISSING, "GetWorkloadIdentity", name).await;
        let by = format!("client:{}", owner.id());
        let kinds = kinds(&app).await;
        assert!(kinds.iter().all(|(_, actor)| *actor == by), "{kinds:?}");
        for kind in [EventKind::WorkloadCreated, EventKind::WorkloadChanged, EventKind::WorkloadDeleted] {
            assert!(kinds.iter().any(|(known, _)| *known == kind), "{kind:?}");
        }
    }

    async fn the_life_of_an_oauth2_credential_provider(app: TestApp) {
        let program = program(&app, owner(&app).await.id(), true).await;
        let config = |id: &str, secret: Option<&str>| {
            let mut config = json!({ "clientId": id });
            if let Some(secret) = secret {
                config["clientSecret"] = json!(secret);
            }
            json!({ "name": "google", "credentialProviderVendor": "GoogleOauth2", "oauth2ProviderConfigInput": { "googleOauth2ProviderConfig": config } })
        };
        let made = program.done(201, "CreateOauth2CredentialProvider", config("first", Some("secret one"))).await;
        assert_eq!(made["callbackUrl"], app.url("/connect/callback/google"));
        assert_eq!(made["credentialProviderArn"], "arn:aws:acps:gatehouse:000000000000:token-vault/default/oauth2credentialprovider/google");
        assert_eq!(made["clientSecretArn"]["secretArn"], "arn:aws:secretsmanager:gatehouse:000000000000:secret:google");
        let shown = &made["oauth2ProviderConfigOutput"]["googleOauth2ProviderConfig"];
        assert_eq!(shown["clientId"], "first");
        assert_eq!(shown["oauthDiscovery"]["authorizationServerMetadata"]["tokenEndpoint"], "https://oauth2.googleapis.com/token");
        program.refused(TAKEN, "CreateOauth2CredentialProvider", config("first", Some("secret one"))).await;
        app.advance(5);
        // The secret stays when none is sent.
        let changed = program.done(200, "UpdateOauth2CredentialProvider", config("second", None)).await;
        assert_eq!((&changed["credentialProviderVendor"], &changed["createdTime"], &changed["lastUpdatedTime"]), (&json!("GoogleOauth2"), &json!(1_800_000_000), &json!(1_800_000_005)));
        let sealed = async || {
            let mut reader = app.app.store.read().await.unwrap();
            let provider = reader.provider("google").await.unwrap().unwrap();
            let opened = gatehouse::federation::providers::credential(&app.app, &provider).unwrap().unwrap();
            (provider.settings.name, secrecy::ExposeSecret::expose_secret(&opened).to_owned())
        };
        assert_eq!(sealed().await, ("Google".to_owned(), "secret one".to_owned()));
        program.done(200, "UpdateOauth2CredentialProvider", config("second", Some("secret two"))).await;
        assert_eq!(sealed().await.1, "secret two");
        let everything = program.done(200, "GetOauth2CredentialProvider", json!({ "name": "google" })).await;
        assert!(!everything.to_string().contains("secret two"));
        // Its addresses are another's: neither the secret nor what people gave goes there.
        let elsewhere = json!({ "name": "google", "credentialProviderVendor": "GithubOauth2", "oauth2ProviderConfigInput": { "githubOauth2ProviderConfig": { "clientId": "second" } } });
        program.refused(WRONG, "UpdateOauth2CredentialProvider", elsewhere).await;
        for id in ["github", "slack"] {
            let member = format!("{id}Oauth2ProviderConfig");
            let vendor = format!("{}Oauth2", if id == "github" { "Github" } else { "Slack" });
            let body = json!({ "name": id, "credentialProviderVendor": vendor, "oauth2ProviderConfigInput": { member: { "clientId": "x", "clientSecret": "y" } } });
            program.done(201, "CreateOauth2CredentialProvider", body).await;
        }
        program.done(201, "CreateApiKeyCredentialProvider", json!({ "name": "weather", "apiKey": "k" })).await;
        assert_eq!(names(&program, "ListOauth2CredentialProviders", "credentialProviders", 2).await, ["github", "google", "slack"]);
        assert_eq!(names(&program, "ListApiKeyCredentialProviders", "credentialProviders", 100).await, ["weather"]);
        program.refused(MISSING, "GetOauth2CredentialProvider", json!({ "name": "weather" })).await;
        assert_eq!(program.call("DeleteOauth2CredentialProvider", json!({ "name": "google" })).await.status, 204);
        program.refused(MISSING, "GetOauth2CredentialProvider", json!({ "name": "google" })).await;
        program.refused(MISSING, "DeleteOauth2CredentialProvider", json!({ "name": "weather" })).await;
    }

    async fn the_life_of_an_api_key_credential_provider(app: TestApp) {
        let program = program(&app, owner(&app).await.id(), true).await;
        let made = program.done(201, "CreateApiKeyCredentialProvider", json!({ "name": "weather", "apiKey": "key one", "tags": {} })).await;
        assert_eq!(made["credentialProviderArn"], "arn:aws:acps:gatehouse:000000000000:token-vault/default/apikeycredentialprovider/weather");
        assert_eq!(made["apiKeySecretArn"]["secretArn"], "arn:aws:secretsmanager:gatehouse:000000000000:secret:weather");
        program.refused(TAKEN, "CreateApiKeyCredentialProvider", json!({ "name": "weather", "apiKey": "other" })).await;
        for wrong in [
            json!({ "name": "other" }),
            json!({ "name": "other", "apiKey": "" }),
            json!({ "name": "other", "apiKey": "two\nlines" }),
            json!({ "name": "Other Name", "apiKey": "k" }),
            json!({ "name": "other", "apiKeySecretSource": "EXTERNAL", "apiKeySecretConfig": { "secretId": "a", "jsonKey": "b" } }),
            json!({ "name": "other", "apiKeySecretSource": "EXTERNAL", "apiKey": "k" }),
        ] {
            let why = program.refused(WRONG, "CreateApiKeyCredentialProvider", wrong).await;
            assert!(!why.is_empty());
        }
        app.advance(5);
        let changed = program.done(200, "UpdateApiKeyCredentialProvider", json!({ "name": "weather", "apiKey": "key two", "apiKeySecretSource": "MANAGED" })).await;
        assert_eq!((&changed["createdTime"], &changed["lastUpdatedTime"]), (&json!(1_800_000_000), &json!(1_800_000_005)));
        let shown = program.done(200, "GetApiKeyCredentialProvider", json!({ "name": "weather" })).await;
        assert_eq!(shown, changed);
        assert!(!shown.to_string().contains("key two"));
        assert_eq!(program.call("DeleteApiKeyCredentialProvider", json!({ "name": "weather" })).await.status, 204);
        program.refused(MISSING, "UpdateApiKeyCredentialProvider", json!({ "name": "weather", "apiKey": "k" })).await;
    }
}

/// What a vendor's configuration becomes, by its preset.
async fn preset(program: &Program, app: &TestApp, vendor: &str, member: &str, config: Value) -> (String, Value) {
    let body = json!({ "name": "it", "credentialProviderVendor": vendor, "oauth2ProviderConfigInput": { member: config } });
    let made = program.done(201, "CreateOauth2CredentialProvider", body).await;
    let mut reader = app.app.store.read().await.unwrap();
    let preset = reader.provider("it").await.unwrap().unwrap().settings.preset;
    drop(reader);
    program.call("DeleteOauth2CredentialProvider", json!({ "name": "it" })).await;
    (preset, made["oauth2ProviderConfigOutput"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_vendor_is_what_is_known_of_it_here() {
    let app = started(Database::Sqlite).await;
    let program = program(&app, owner(&app).await.id(), true).await;
    let with = |more: Value| {
        let mut config = json!({ "clientId": "id", "clientSecret": "secret" });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    let included = "includedOauth2ProviderConfig";
    let okta = json!({ "issuer": "https://a.okta.com/oauth2/default", "authorizationEndpoint": "https://a.okta.com/oauth2/default/v1/authorize", "tokenEndpoint": "https://a.okta.com/oauth2/default/v1/token" });
    #[rustfmt::skip]
    let known = [
        ("GoogleOauth2", "googleOauth2ProviderConfig", json!({}), "google"),
        ("GithubOauth2", "githubOauth2ProviderConfig", json!({}), "github"),
        ("SlackOauth2", "slackOauth2ProviderConfig", json!({}), "slack"),
        ("SalesforceOauth2", "salesforceOauth2ProviderConfig", json!({}), "salesforce"),
        ("MicrosoftOauth2", "microsoftOauth2ProviderConfig", json!({}), "microsoft"),
        ("MicrosoftOauth2", "microsoftOauth2ProviderConfig", json!({ "tenantId": "contoso.example" }), "microsoft"),
        ("AtlassianOauth2", "atlassianOauth2ProviderConfig", json!({}), "atlassian"),
        ("LinkedinOauth2", "linkedinOauth2ProviderConfig", json!({}), "linkedin"),
        ("ZoomOauth2", included, json!({}), "zoom"),
        ("SpotifyOauth2", included, json!({}), "spotify"),
        ("DropboxOauth2", included, json!({}), "dropbox"),
        ("NotionOauth2", included, json!({}), "notion"),
        ("OktaOauth2", included, okta, "okta"),
        ("Auth0Oauth2", included, json!({ "issuer": "https://a.auth0.com/" }), "auth0"),
    ];
    for (vendor, member, more, expected) in known {
        let (preset, shown) = preset(&program, &app, vendor, member, with(more)).await;
        assert_eq!(preset, expected, "{vendor}");
        assert_eq!(shown[member]["clientId"], "id", "{shown}");
        assert!(
            shown[member]["oauthDiscovery"].as_object().is_some_and(|one| one.len() == 1),
            "{shown}"
        );
    }
    let endpoints = json!({ "authorizationEndpoint": "https://x.example/authorize", "tokenEndpoint": "https://x.example/token" });
    let metadata = json!({ "issuer": "https://x.example", "authorizationEndpoint": "https://x.example/authorize", "tokenEndpoint": "https://x.example/token",
        "responseTypes": ["code"], "tokenEndpointAuthMethods": ["client_secret_post"] });
    let discovery = json!({ "oauthDiscovery": { "discoveryUrl": "https://x.example/a/.well-known/openid-configuration" } });
    let inserted = json!({ "oauthDiscovery": { "discoveryUrl": "https://x.example/.well-known/oauth-authorization-server/a" }, "clientAuthenticationMethod": "CLIENT_SECRET_BASIC" });
    #[rustfmt::skip]
    let described = [
        ("XOauth2", included, endpoints.clone(), "oauth2", json!({ "authorizationServerMetadata": { "issuer": "https://x.example", "authorizationEndpoint": "https://x.example/authorize", "tokenEndpoint": "https://x.example/token" } })),
        ("CognitoOauth2", included, json!({ "issuer": "https://x.example/pool" }), "oidc", json!({ "discoveryUrl": "https://x.example/pool/.well-known/openid-configuration" })),
        ("CustomOauth2", "customOauth2ProviderConfig", discovery, "oidc", json!({ "discoveryUrl": "https://x.example/a/.well-known/openid-configuration" })),
        ("CustomOauth2", "customOauth2ProviderConfig", inserted, "oidc", json!({ "discoveryUrl": "https://x.example/a/.well-known/openid-configuration" })),
        ("CustomOauth2", "customOauth2ProviderConfig", json!({ "oauthDiscovery": { "authorizationServerMetadata": metadata } }), "oauth2",
            json!({ "authorizationServerMetadata": { "issuer": "https://x.example", "authorizationEndpoint": "https://x.example/authorize", "tokenEndpoint": "https://x.example/token" } })),
    ];
    for (vendor, member, more, expected, discovery) in described {
        let (preset, shown) = preset(&program, &app, vendor, member, with(more)).await;
        assert_eq!(
            (preset.as_str(), &shown["customOauth2ProviderConfig"]["oauthDiscovery"]),
            (expected, &discovery),
            "{vendor}"
        );
    }
    let custom = "customOauth2ProviderConfig";
    let url = "https://x.example/.well-known/openid-configuration";
    for (vendor, config) in [
        ("NoSuchVendor", json!({ included: with(json!({})) })),
        ("GoogleOauth2", json!({})),
        ("GoogleOauth2", json!({ "githubOauth2ProviderConfig": with(json!({})) })),
        (
            "GoogleOauth2",
            json!({ "googleOauth2ProviderConfig": with(json!({})), "githubOauth2ProviderConfig": with(json!({})) }),
        ),
        (
            "GoogleOauth2",
            json!({ "googleOauth2ProviderConfig": with(json!({ "tenantId": "x" })) }),
        ),
        (
            "GoogleOauth2",
            json!({ "googleOauth2ProviderConfig": with(json!({ "clientSecretSource": "EXTERNAL" })) }),
        ),
        (
            "GoogleOauth2",
            json!({ "googleOauth2ProviderConfig": with(json!({ "clientSecretConfig": { "secretId": "a", "jsonKey": "b" } })) }),
        ),
        ("GoogleOauth2", json!({ "googleOauth2ProviderConfig": { "clientId": "id" } })),
        (
            "GoogleOauth2",
            json!({ "googleOauth2ProviderConfig": { "clientSecret": "secret" } }),
        ),
        (
            "MicrosoftOauth2",
            json!({ "microsoftOauth2ProviderConfig": with(json!({ "tenantId": "a/../b" })) }),
        ),
        ("ZoomOauth2", json!({ included: with(endpoints.clone()) })),
        ("XOauth2", json!({ included: with(json!({})) })),
        ("OktaOauth2", json!({ included: with(json!({})) })),
        (
            "OktaOauth2",
            json!({ included: with(json!({ "issuer": "https://a.okta.com", "tokenEndpoint": "https://evil.example/token" })) }),
        ),
        (
            "Auth0Oauth2",
            json!({ included: with(json!({ "issuer": "https://a.auth0.com/oauth2/x" })) }),
        ),
        (
            "Auth0Oauth2",
            json!({ included: with(json!({ "issuer": "https://a.auth0.com:8443/" })) }),
        ),
        ("OktaOauth2", json!({ included: with(json!({ "issuer": "http://a.okta.com" })) })),
        (
            "OktaOauth2",
            json!({ included: with(json!({ "issuer": "https://a.okta.com/?at=b" })) }),
        ),
        (
            "CustomOauth2",
            json!({ custom: with(json!({ "oauthDiscovery": { "discoveryUrl": url }, "clientAuthenticationMethod": "PRIVATE_KEY_JWT" })) }),
        ),
        ("CustomOauth2", json!({ custom: with(json!({})) })),
        ("CustomOauth2", json!({ custom: with(json!({ "oauthDiscovery": {} })) })),
        (
            "CustomOauth2",
            json!({ custom: with(json!({ "oauthDiscovery": { "discoveryUrl": "https://x.example/" } })) }),
        ),
        (
            "CustomOauth2",
            json!({ custom: with(json!({ "oauthDiscovery": { "discoveryUrl": "http://x.example/.well-known/openid-configuration" } })) }),
        ),
        (
            "CustomOauth2",
            json!({ custom: with(json!({ "oauthDiscovery": { "discoveryUrl": url }, "clientAuthenticationMethod": "AWS_IAM_ID_TOKEN_JWT" })) }),
        ),
        (
            "CustomOauth2",
            json!({ custom: with(json!({ "oauthDiscovery": { "discoveryUrl": url }, "privateEndpoint": { "selfManagedLatticeResource": {} } })) }),
        ),
        (
            "CustomOauth2",
            json!({ custom: with(json!({ "oauthDiscovery": { "discoveryUrl": url }, "onBehalfOfTokenExchangeConfig": { "grantType": "TOKEN_EXCHANGE" } })) }),
        ),
    ] {
        let body = json!({ "name": "it", "credentialProviderVendor": vendor, "oauth2ProviderConfigInput": config });
        let answer = program.call("CreateOauth2CredentialProvider", body.clone()).await;
        is_refused(&answer, WRONG, &body.to_string());
        assert!(!answer.body.to_string().contains("secret\""), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_keeps_what_it_has_no_words_for() {
    let app = started(Database::Sqlite).await;
    let owner = owner(&app).await;
    let program = program(&app, owner.id(), true).await;
    let added = async |id: &str, settings: Value| {
        let mut settings: ProviderSettings = serde_json::from_value(settings).unwrap();
        settings.owner = Some(owner.id().to_owned());
        id.clone_into(&mut settings.name);
        "first".clone_into(&mut settings.client_id);
        let secret = Credential::ClientSecret(SecretString::from("secret one"));
        let secret = Some(secret).filter(|_| settings.client_auth != Some(ClientAuth::PrivateKeyJwt));
        register(&app.app, id, settings, secret).await.unwrap().settings
    };
    let update = async |id: &str, vendor: &str, member: &str, more: Value| {
        let mut config = json!({ "clientId": "second" });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body = json!({ "name": id, "credentialProviderVendor": vendor, "oauth2ProviderConfigInput": { member: config } });
        program.done(200, "UpdateOauth2CredentialProvider", body).await;
        let mut reader = app.app.store.read().await.unwrap();
        reader.provider(id).await.unwrap().unwrap().settings
    };
    let included = "includedOauth2ProviderConfig";
    let new = json!({ "clientSecret": "secret two" });
    let at_auth0 = json!({ "clientSecret": "secret two", "issuer": "https://a.auth0.com/" });
    let at_okta = json!({ "clientSecret": "secret two", "issuer": "https://a.okta.com/oauth2/default" });
    #[rustfmt::skip]
    let known = [
        ("hub", "GithubOauth2", "githubOauth2ProviderConfig", new.clone(), json!({ "preset": "github", "parameters": { "host": "hub.example" } })),
        ("force", "SalesforceOauth2", "salesforceOauth2ProviderConfig", new.clone(), json!({ "preset": "salesforce", "parameters": { "login_host": "test.salesforce.com" } })),
        ("slack", "SlackOauth2", "slackOauth2ProviderConfig", new.clone(), json!({ "preset": "slack", "parameters": { "team": "T1" } })),
        ("ms", "MicrosoftOauth2", "microsoftOauth2ProviderConfig", new.clone(), json!({ "preset": "microsoft", "parameters": { "tenant": "contoso.example" } })),
        ("auth0", "Auth0Oauth2", included, at_auth0, json!({ "preset": "auth0", "parameters": { "domain": "a.auth0.com", "audience": "https://api.example" } })),
        ("okta", "OktaOauth2", included, at_okta, json!({ "preset": "okta", "parameters": { "domain": "a.okta.com", "authorization_server": "default" } })),
    ];
    for (id, vendor, member, more, settings) in known {
        let before = added(id, settings).await;
        let client_id = "second".to_owned();
        assert_eq!(
            update(id, vendor, member, more).await,
            ProviderSettings { client_id, ..before },
            "{id}"
        );
    }
    // What is said is as it is said: another server, and none.
    let moved = update(
        "okta",
        "OktaOauth2",
        included,
        json!({ "clientSecret": "x", "issuer": "https://b.okta.com" }),
    );
    assert_eq!(json!(moved.await.parameters), json!({ "domain": "b.okta.com" }));

    let custom = "customOauth2ProviderConfig";
    let endpoints = json!({ "authorization_endpoint": "https://x.example/authorize", "token_endpoint": "https://x.example/token",
        "revocation_endpoint": "https://x.example/revoke", "userinfo_endpoint": "https://x.example/me" });
    let described = [
        (
            "by-hand",
            json!({ "preset": "oauth2", "client_auth": "client_secret_post", "endpoints": endpoints }),
        ),
        (
            "signs",
            json!({ "preset": "oidc", "issuer": "https://x.example/", "client_auth": "private_key_jwt" }),
        ),
        ("gate", json!({ "preset": "gatehouse", "issuer": "https://gate.example" })),
    ];
    for (id, settings) in described {
        let before = added(id, settings).await;
        // What is shown is sent back.
        let shown = program.done(200, "GetOauth2CredentialProvider", json!({ "name": id })).await;
        let shown = shown["oauth2ProviderConfigOutput"][custom].clone();
        let mut more = shown.clone();
        more.as_object_mut().unwrap().remove("clientId");
        let client_id = "second".to_owned();
        assert_eq!(
            update(id, "CustomOauth2", custom, more).await,
            ProviderSettings { client_id, ..before },
            "{shown}"
        );
    }
    // Elsewhere nothing is as it was there.
    let metadata = json!({ "issuer": "https://y.example", "authorizationEndpoint": "https://y.example/authorize", "tokenEndpoint": "https://y.example/token" });
    let more = json!({ "clientSecret": "secret two", "oauthDiscovery": { "authorizationServerMetadata": metadata } });
    let moved = update("by-hand", "CustomOauth2", custom, more).await;
    assert_eq!(moved.issuer.as_deref(), Some("https://y.example"));
    assert_eq!(moved.endpoints.unwrap().revocation_endpoint, None);
}
