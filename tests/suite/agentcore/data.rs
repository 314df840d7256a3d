//! The data plane: tokens of agents, and what people gave them elsewhere.

use gatehouse::federation::workloads;
use gatehouse::model::event::{EventFilter, EventKind};
use gatehouse::model::workload::WorkloadSettings;
use serde_json::{Value, json};

use super::{Program, on_every_database_with_agentcore, owner, program};
use crate::support::client::TestClient;
use crate::support::{Database, TestApp};
use crate::vault::flow::whole_way;
use gatehouse::protocol::client_authentication::AuthMethod;

const MISSING: (u16, &str) = (404, "ResourceNotFoundException");
const WRONG: (u16, &str) = (400, "ValidationException");
const DENIED: (u16, &str) = (403, "AccessDeniedException");
const UNAUTHORIZED: (u16, &str) = (401, "UnauthorizedException");
const RETURN: &str = "https://agent.example/done";

/// A program that has set up an agent, and a provider that is another Gatehouse.
struct World {
    app: TestApp,
    provider: TestApp,
    /// The client of the vault there
    there: TestClient,
    owner: TestClient,
    program: Program,
}

async fn world(app: TestApp) -> World {
    let provider = TestApp::start(Database::Sqlite).await;
    provider.user("alice").await;
    let there = provider
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.redirect_uris = vec![app.url("/connect/callback/there")];
        })
        .await;
    let owner = owner(&app).await;
    let program = program(&app, owner.id(), true).await;
    let identity = json!({ "name": "agent", "allowedResourceOauth2ReturnUrls": [RETURN] });
    program.done(201, "CreateWorkloadIdentity", identity).await;
    let discovery = json!({ "discoveryUrl": provider.url("/.well-known/openid-configuration") });
    let config = json!({ "oauthDiscovery": discovery, "clientId": there.id(), "clientSecret": there.secret });
    let body = json!({ "name": "there", "credentialProviderVendor": "CustomOauth2", "oauth2ProviderConfigInput": { "customOauth2ProviderConfig": config } });
    program.done(201, "CreateOauth2CredentialProvider", body).await;
    World {
        app,
        provider,
        there,
        owner,
        program,
    }
}

impl World {
    /// The id of the account of this name.
    async fn id_of(&self, name: &str) -> String {
        let mut reader = self.app.app.store.read().await.unwrap();
        reader.user_by_name(name).await.unwrap().expect("a person").id
    }

    async fn token_for(&self, user: &str) -> String {
        let body = json!({ "workloadName": "agent", "userId": self.id_of(user).await });
        let answer = self.program.done(200, "GetWorkloadAccessTokenForUserId", body).await;
        answer["workloadAccessToken"].as_str().unwrap().to_owned()
    }

    fn wanted(token: &str, more: Value) -> Value {
        let mut body = json!({
            "workloadIdentityToken": token, "resourceCredentialProviderName": "there", "scopes": ["openid", "profile"],
            "oauth2Flow": "USER_FEDERATION", "resourceOauth2ReturnUrl": RETURN,
        });
        for (name, value) in more.as_object().unwrap() {
            match value {
                Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
                value => body[name] = value.clone(),
            }
        }
        body
    }

    async fn ask(&self, token: &str, more: Value) -> Value {
        self.program.done(200, "oauth2/token", Self::wanted(token, more)).await
    }

    async fn count(&self, kind: EventKind) -> usize {
        let filter = EventFilter {
            kind: Some(kind),
            ..EventFilter::default()
        };
        let mut connection = self.app.app.store.read().await.unwrap();
        connection.events_nearby(&filter, None, 100).await.unwrap().events.len()
    }
}

fn session(asked: &Value) -> (String, String) {
    assert_eq!(asked["sessionStatus"], "IN_PROGRESS", "{asked}");
    (
        asked["authorizationUrl"].as_str().unwrap().to_owned(),
        asked["sessionUri"].as_str().unwrap().to_owned(),
    )
}

on_every_database_with_agentcore! {
    async fn an_agent_acts_for_itself_and_for_people(app: TestApp) {
        let world = world(app).await;
        let (app, program) = (&world.app, &world.program);
        let (alice, bob) = (app.user("alice").await, app.user("bob").await);
        let itself = program.done(200, "GetWorkloadAccessToken", json!({ "workloadName": "agent" })).await;
        assert!(itself["workloadAccessToken"].as_str().unwrap().starts_with("ghw_"));
        // By the id of an account. A user name may be somebody else's in a program that has people of its own.
        let token = world.token_for("alice").await;
        let agent = workloads::verify(&app.app, &token).await.unwrap().unwrap();
        assert_eq!(agent.user_id.as_deref(), Some(alice.id.as_str()));
        program.refused(MISSING, "GetWorkloadAccessTokenForUserId", json!({ "workloadName": "agent", "userId": "alice" })).await;
        assert_eq!(world.count(EventKind::WorkloadUserNamed).await, 2);
        // By a token of theirs.
        let id_token = world.owner.tokens("bob", &[("scope", "openid")]).await.text("id_token").to_owned();
        let body = |token: &str| json!({ "workloadName": "agent", "userToken": token });
        let given = program.done(200, "GetWorkloadAccessTokenForJWT", body(&id_token)).await;
        let agent = workloads::verify(&app.app, given["workloadAccessToken"].as_str().unwrap()).await.unwrap().unwrap();
        assert_eq!(agent.user_id.as_deref(), Some(bob.id.as_str()));
        let at = id_token.len() - 40;
        let bent = format!("{}{}{}", &id_token[..at], if id_token.as_bytes()[at] == b'A' { "B" } else { "A" }, &id_token[at + 1..]);
        for wrong in ["x.y.z", &bent, ""] {
            program.refused(UNAUTHORIZED, "GetWorkloadAccessTokenForJWT", body(wrong)).await;
        }
        for nobody in ["carol", "Alice", "", "0123456789abcdef0123456789abcdef"] {
            program.refused(MISSING, "GetWorkloadAccessTokenForUserId", json!({ "workloadName": "agent", "userId": nobody })).await;
        }
        // Another client's agent, and one that is not there, look the same.
        let other = super::program(app, super::owner(app).await.id(), true).await;
        for name in ["agent", "nobody-s"] {
            other.refused(MISSING, "GetWorkloadAccessToken", json!({ "workloadName": name })).await;
            other.refused(MISSING, "GetWorkloadAccessTokenForUserId", json!({ "workloadName": name, "userId": alice.id })).await;
            other.refused(MISSING, "GetWorkloadAccessTokenForJWT", json!({ "workloadName": name, "userToken": id_token })).await;
        }
        // An administrator may take the right to name people away.
        let mut reader = app.app.store.read().await.unwrap();
        let workload = reader.workload("agent").await.unwrap().unwrap();
        drop(reader);
        let settings = WorkloadSettings { may_name_users: false, ..workload.settings.clone() };
        workloads::change(&app.app, workload, settings).await.unwrap();
        for user in [alice.id.as_str(), "carol"] {
            program.refused(DENIED, "GetWorkloadAccessTokenForUserId", json!({ "workloadName": "agent", "userId": user })).await;
        }
        // Whoever asks for nobody again and again is told to wait.
        let mut last = 0;
        for _ in 0..120 {
            last = program.call("GetWorkloadAccessTokenForJWT", body("x.y.z")).await.status;
            if last == 429 {
                break;
            }
        }
        assert_eq!(last, 429);
        program.refused((429, "ThrottlingException"), "GetWorkloadAccessTokenForJWT", body("x.y.z")).await;
    }

    async fn a_token_comes_after_consent_and_completion(app: TestApp) {
        let world = world(app).await;
        let (app, program) = (&world.app, &world.program);
        let alice = app.user("alice").await;
        let bob = app.user("bob").await;
        let token = world.token_for("alice").await;
        let (link, uri) = session(&world.ask(&token, json!({ "customState": "its own" })).await);
        assert!(link.starts_with(&app.url("/connect/")) && uri.starts_with("urn:ietf:params:oauth:request_uri:"));
        // Asking with the session is asking about it: the same link, and nobody is asked anew.
        let polled = world.ask(&token, json!({ "sessionUri": uri })).await;
        assert_eq!(session(&polled), (link.clone(), uri.clone()));
        assert_eq!(world.count(EventKind::ConnectionAsked).await, 1);
        let complete = |user: Value| json!({ "userIdentifier": user, "sessionUri": uri });
        // Not before she has come back.
        program.refused(MISSING, "CompleteResourceTokenAuth", complete(json!({ "userId": alice.id }))).await;
        let back = whole_way(&link, "alice").await;
        assert!(back.body.contains("session_id") || back.location().is_some_and(|to| to.contains("session_id")), "{}", back.body);
        // She has consented. Nothing is exchanged until the program says that it was she.
        assert_eq!(session(&world.ask(&token, json!({ "sessionUri": uri })).await).1, uri);
        assert_eq!(world.count(EventKind::ConnectionMade).await, 0);
        program.refused(DENIED, "CompleteResourceTokenAuth", complete(json!({ "userId": bob.id }))).await;
        program.refused(UNAUTHORIZED, "CompleteResourceTokenAuth", complete(json!({ "userId": "carol" }))).await;
        program.refused(UNAUTHORIZED, "CompleteResourceTokenAuth", complete(json!({ "userToken": "x.y.z" }))).await;
        for wrong in [json!({}), json!({ "userId": "alice", "userToken": "x" }), json!({ "userName": "alice" })] {
            program.refused(WRONG, "CompleteResourceTokenAuth", complete(wrong)).await;
        }
        let other = super::program(app, super::owner(app).await.id(), true).await;
        other.refused(MISSING, "CompleteResourceTokenAuth", complete(json!({ "userId": alice.id }))).await;
        assert_eq!(world.count(EventKind::ConnectionMade).await, 0);
        let done = program.done(200, "CompleteResourceTokenAuth", complete(json!({ "userId": alice.id }))).await;
        assert_eq!(done, json!({}));
        // Once more says the same, and exchanges nothing.
        program.done(200, "CompleteResourceTokenAuth", complete(json!({ "userId": alice.id }))).await;
        assert_eq!(world.count(EventKind::ConnectionMade).await, 1);
        let given = world.ask(&token, json!({ "sessionUri": uri })).await;
        let access_token = given["accessToken"].as_str().unwrap();
        assert_eq!(world.there.userinfo(access_token).await.status, 200);
        assert!(given.get("authorizationUrl").is_none() && given.get("refreshToken").is_none(), "{given}");
        // Without the session it is there, too; and asked for again where that is wanted.
        assert_eq!(world.ask(&token, json!({})).await["accessToken"], access_token);
        // Besides who calls, it costs one question to the database.
        let statements = async |body: Value| {
            let before = world.app.app.store.statements();
            program.call("oauth2/token", body).await;
            world.app.app.store.statements() - before
        };
        let nothing = statements(json!({ "workloadIdentityToken": 1 })).await;
        assert_eq!(statements(World::wanted(&token, json!({}))).await, nothing + 1);
        session(&world.ask(&token, json!({ "forceAuthentication": true })).await);
        // Another workload token of another person of the same agent sees nothing of it.
        let bobs = world.token_for("bob").await;
        program.refused(MISSING, "oauth2/token", World::wanted(&bobs, json!({ "sessionUri": uri }))).await;
        // Its tokens end; there is another one then.
        world.app.advance(3600);
        world.provider.advance(3600);
        let later = program.at(world.app.app.now());
        let token = later.done(200, "GetWorkloadAccessTokenForUserId", json!({ "workloadName": "agent", "userId": alice.id })).await;
        let again = later.done(200, "oauth2/token", World::wanted(token["workloadAccessToken"].as_str().unwrap(), json!({}))).await;
        assert_ne!(again["accessToken"], access_token);
    }

    async fn a_person_says_that_it_was_they_by_a_token(app: TestApp) {
        let world = world(app).await;
        world.app.user("alice").await;
        let id_token = world.owner.tokens("alice", &[("scope", "openid")]).await.text("id_token").to_owned();
        let body = json!({ "workloadName": "agent", "userToken": id_token });
        let token = world.program.done(200, "GetWorkloadAccessTokenForJWT", body).await;
        let (link, uri) = session(&world.ask(token["workloadAccessToken"].as_str().unwrap(), json!({})).await);
        whole_way(&link, "alice").await;
        let complete = json!({ "userIdentifier": { "userToken": id_token }, "sessionUri": uri });
        world.program.done(200, "CompleteResourceTokenAuth", complete).await;
        let given = world.ask(token["workloadAccessToken"].as_str().unwrap(), json!({ "sessionUri": uri })).await;
        assert!(given["accessToken"].is_string(), "{given}");
    }

    async fn what_cannot_be_is_refused_by_its_name(app: TestApp) {
        let world = world(app).await;
        let program = &world.program;
        world.app.user("alice").await;
        let token = world.token_for("alice").await;
        for (more, expected) in [
            (json!({ "workloadIdentityToken": "ghw_x" }), UNAUTHORIZED),
            (json!({ "workloadIdentityToken": "" }), UNAUTHORIZED),
            (json!({ "resourceCredentialProviderName": "nowhere" }), MISSING),
            (json!({ "oauth2Flow": "ON_BEHALF_OF_TOKEN_EXCHANGE" }), WRONG),
            (json!({ "oauth2Flow": "user_federation" }), WRONG),
            (json!({ "oauth2Flow": null }), WRONG),
            (json!({ "scopes": null }), WRONG),
            (json!({ "scopes": ["\"" ] }), WRONG),
            (json!({ "audiences": ["x"] }), WRONG),
            (json!({ "resources": ["not a resource"] }), WRONG),
            (json!({ "resourceOauth2ReturnUrl": "https://evil.example/" }), WRONG),
            (json!({ "customParameters": { "redirect_uri": "https://evil.example/" } }), (400, "ValidationException")),
            (json!({ "sessionUri": "urn:ietf:params:oauth:request_uri:x" }), MISSING),
            (json!({ "later": true }), WRONG),
        ] {
            program.refused(expected, "oauth2/token", World::wanted(&token, more)).await;
        }
        // An agent that acts for itself has nobody to ask.
        let itself = program.done(200, "GetWorkloadAccessToken", json!({ "workloadName": "agent" })).await;
        program.refused(DENIED, "oauth2/token", World::wanted(itself["workloadAccessToken"].as_str().unwrap(), json!({}))).await;
        // The token of another client's agent is none of this caller's.
        let other = super::program(&world.app, super::owner(&world.app).await.id(), true).await;
        other.refused(UNAUTHORIZED, "oauth2/token", World::wanted(&token, json!({}))).await;
        // Who says no: the session has failed, and nobody is asked again by looking.
        let (_, uri) = session(&world.ask(&token, json!({})).await);
        world.app.advance(601);
        let later = program.at(world.app.app.now());
        let over = later.done(200, "oauth2/token", World::wanted(&token, json!({ "sessionUri": uri }))).await;
        assert_eq!(over, json!({ "sessionUri": uri, "sessionStatus": "FAILED" }));
        let complete = json!({ "userIdentifier": { "userId": world.id_of("alice").await }, "sessionUri": uri });
        later.refused(MISSING, "CompleteResourceTokenAuth", complete).await;
    }

    async fn an_agent_gets_an_api_key(app: TestApp) {
        let world = world(app).await;
        let program = &world.program;
        program.done(201, "CreateApiKeyCredentialProvider", json!({ "name": "weather", "apiKey": "the key" })).await;
        let token = program.done(200, "GetWorkloadAccessToken", json!({ "workloadName": "agent" })).await;
        let token = token["workloadAccessToken"].as_str().unwrap();
        let body = |token: &str, name: &str| json!({ "workloadIdentityToken": token, "resourceCredentialProviderName": name });
        assert_eq!(program.done(200, "api-key", body(token, "weather")).await, json!({ "apiKey": "the key" }));
        program.refused(MISSING, "api-key", body(token, "there")).await;
        program.refused(MISSING, "api-key", body(token, "nowhere")).await;
        program.refused(UNAUTHORIZED, "api-key", body("ghw_x", "weather")).await;
        program.refused(MISSING, "oauth2/token", World::wanted(token, json!({ "resourceCredentialProviderName": "weather" }))).await;
        let other = super::program(&world.app, super::owner(&world.app).await.id(), true).await;
        other.refused(UNAUTHORIZED, "api-key", body(token, "weather")).await;
        assert_eq!(world.count(EventKind::ApiKeyGiven).await, 1);
        // An agent with ceilings is only told that it may not.
        let mut reader = world.app.app.store.read().await.unwrap();
        let workload = reader.workload("agent").await.unwrap().unwrap();
        drop(reader);
        let settings = WorkloadSettings { has_no_ceilings: false, ..workload.settings.clone() };
        workloads::change(&world.app.app, workload, settings).await.unwrap();
        for name in ["weather", "nowhere"] {
            program.refused(DENIED, "api-key", body(token, name)).await;
        }
    }
}
