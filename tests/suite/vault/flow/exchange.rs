//! The vault by the standard's own way: token exchange at the token endpoint (RFC 8693).

use gatehouse::federation::workloads;
use gatehouse::model::event::EventKind;
use gatehouse::model::statistic::Statistic;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use serde_json::json;

use super::{World, add_agent, whole_way, world};
use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, send};
use crate::support::{Database, TestApp, on_every_database};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

async fn allow(world: &World) {
    let mut settings = world.owner.client.settings.clone();
    settings.grant_types.push(GrantType::TokenExchange);
    gatehouse::oauth::clients::change(&world.app.app, world.owner.client.clone(), settings)
        .await
        .unwrap();
}

async fn exchange_as(world: &World, client: &TestClient, fields: &[(&str, &str)]) -> Answer {
    let mut form = vec![("grant_type", GRANT)];
    form.extend_from_slice(fields);
    let request = http().post(world.app.url("/token"));
    send(request.basic_auth(client.id(), client.secret.as_ref()).form(&form)).await
}

async fn exchange(world: &World, fields: &[(&str, &str)]) -> Answer {
    exchange_as(world, &world.owner, fields).await
}

fn of_workload(token: &str) -> Vec<(&'static str, &str)> {
    vec![("subject_token", token), ("subject_token_type", ACCESS_TOKEN)]
}

on_every_database! {
    async fn a_token_of_a_person_becomes_one_of_theirs_elsewhere(app: TestApp) {
        let world = world(app).await;
        allow(&world).await;
        let token = world.workload_token("agent", &world.alice).await;
        let fields = |audience: &'static str| {
            let mut fields = of_workload(&token);
            fields.push(("audience", audience));
            fields
        };
        // Nobody has consented: the error says where.
        let asked = exchange(&world, &fields("there")).await;
        assert_eq!((asked.status, asked.text("error")), (400, "consent_required"), "{}", asked.body);
        assert_eq!(asked.header("cache-control"), "no-store");
        let page = whole_way(asked.text("authorization_url"), "alice").await;
        assert!(page.body.contains("Done"), "{}", page.body);
        assert_eq!(world.session(&world.alice, asked.text("session_uri")).await.body["status"], "completed");
        let given = exchange(&world, &fields("there")).await;
        assert_eq!(given.status, 200, "{}", given.body);
        assert_eq!(given.text("issued_token_type"), ACCESS_TOKEN);
        assert_eq!(given.text("token_type").to_lowercase(), "bearer");
        assert!(given.body["expires_in"].as_i64().unwrap() > 0 && given.body.get("refresh_token").is_none(), "{}", given.body);
        let userinfo = world.there.userinfo(given.text("access_token")).await;
        assert_eq!(userinfo.body["sub"], world.alice_there.id.as_str());
        let counted = world.app.app.counters.take();
        let counted = counted.iter().find(|(statistic, _)| *statistic == Statistic::ExchangedTokens);
        assert_eq!(counted.map(|(_, count)| *count), Some(1), "questions are no tokens");
        // The connection itself as the audience; of nobody else.
        let id = given.text("connection_id").to_owned();
        let mut by_id = of_workload(&token);
        by_id.push(("audience", &id));
        assert_eq!(exchange(&world, &by_id).await.text("access_token"), given.text("access_token"));
        let bobs = world.workload_token("agent", &world.bob).await;
        let mut by_id = of_workload(&bobs);
        by_id.push(("audience", &id));
        let refused = exchange(&world, &by_id).await;
        assert_eq!((refused.status, refused.text("error")), (400, "invalid_target"));
        // What is above the ceiling, and where there is none.
        let mut above = fields("there");
        above.push(("scope", "openid write"));
        assert_eq!(exchange(&world, &above).await.text("error"), "invalid_scope");
        assert_eq!(exchange(&world, &fields("elsewhere")).await.text("error"), "invalid_target");
        assert_eq!(exchange(&world, &fields("")).await.text("error"), "invalid_target");
    }

    async fn an_agent_and_a_person_are_two_tokens(app: TestApp) {
        let world = world(app).await;
        allow(&world).await;
        let id_token = world.owner.tokens("alice", &[("scope", "openid")]).await.text("id_token").to_owned();
        let own = workload_token_for_itself(&world).await;
        let delegation = |subject: &'static str, actor: &'static str| {
            let tokens = [("id", id_token.as_str()), ("own", own.as_str()), ("none", "x")];
            let token = |name| tokens.iter().find(|(known, _)| *known == name).unwrap().1.to_owned();
            (token(subject), token(actor))
        };
        let ask = async |(subject, actor): (String, String), subject_type: &str| {
            let fields = [
                ("subject_token", subject.as_str()),
                ("subject_token_type", subject_type),
                ("actor_token", actor.as_str()),
                ("actor_token_type", ACCESS_TOKEN),
                ("audience", "there"),
            ];
            exchange(&world, &fields).await
        };
        let asked = ask(delegation("id", "own"), ID_TOKEN).await;
        assert_eq!(asked.text("error"), "consent_required", "{}", asked.body);
        whole_way(asked.text("authorization_url"), "alice").await;
        let given = ask(delegation("id", "own"), ID_TOKEN).await;
        assert_eq!(given.status, 200, "{}", given.body);
        // Tokens that are none, and an agent that acts for another person.
        assert_eq!(ask(delegation("none", "own"), ID_TOKEN).await.text("error"), "invalid_grant");
        assert_eq!(ask(delegation("id", "none"), ID_TOKEN).await.text("error"), "invalid_grant");
        let bobs = world.workload_token("agent", &world.bob).await;
        assert_eq!(ask((id_token.clone(), bobs), ID_TOKEN).await.text("error"), "invalid_grant");
        assert_eq!(ask(delegation("id", "own"), "urn:ietf:params:oauth:token-type:saml2").await.text("error"), "invalid_request");
        assert!(!world.events(EventKind::WorkloadTokenRefused).await.is_empty());
        // For itself it gets nothing of anybody.
        let mut alone = of_workload(&own);
        alone.push(("audience", "there"));
        assert_eq!(exchange(&world, &alone).await.text("error"), "invalid_grant");
    }
}

async fn workload_token_for_itself(world: &World) -> String {
    let request = http().post(world.app.url("/api/vault/workload-token"));
    let request = request.basic_auth(world.owner.id(), world.owner.secret.as_ref());
    send(request.json(&json!({ "workload": "agent" })))
        .await
        .text("workload_access_token")
        .to_owned()
}

/// Nobody exchanges without the grant, without the scope, or with the workload of another client.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_client_of_an_agent_exchanges() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let token = world.workload_token("agent", &world.alice).await;
    let mut fields = of_workload(&token);
    fields.push(("audience", "there"));
    assert_eq!(exchange(&world, &fields).await.text("error"), "unauthorized_client");
    allow(&world).await;
    assert_eq!(exchange(&world, &fields).await.text("error"), "consent_required");
    let client = |scope: &'static str| {
        world.app.client(AuthMethod::ClientSecretBasic, move |new| {
            new.scope = Scope::parse(scope).unwrap();
            new.grant_types.extend([GrantType::ClientCredentials, GrantType::TokenExchange]);
        })
    };
    let (other, without) = (client("vault").await, client("openid").await);
    assert_eq!(exchange_as(&world, &other, &fields).await.text("error"), "invalid_grant");
    assert_eq!(exchange_as(&world, &without, &fields).await.text("error"), "unauthorized_client");
    let stranger = TestClient {
        secret: Some("x".to_owned()),
        ..world.owner.clone()
    };
    assert_eq!(exchange_as(&world, &stranger, &fields).await.status, 401);
    // Disabled, the agent gets nothing of this way either.
    let mut settings = add_agent(&world.app, "another", &world.owner).await.settings;
    settings.is_disabled = true;
    let token = world.workload_token("another", &world.alice).await;
    let agent = world
        .app
        .app
        .store
        .read()
        .await
        .unwrap()
        .workload("another")
        .await
        .unwrap()
        .unwrap();
    workloads::change(&world.app.app, agent, settings).await.unwrap();
    let mut fields = of_workload(&token);
    fields.push(("audience", "there"));
    assert_eq!(exchange(&world, &fields).await.text("error"), "invalid_grant");
    // What is missing or of no use.
    let wrong: [&[(&str, &str)]; 5] = [
        &[("audience", "there")],
        &[("subject_token", "x"), ("subject_token_type", ACCESS_TOKEN), ("audience", "there")],
        &[("subject_token", "ghw_x"), ("subject_token_type", ID_TOKEN), ("audience", "there")],
        &[
            ("subject_token", "ghw_x"),
            ("subject_token_type", ACCESS_TOKEN),
            ("actor_token", "y"),
            ("audience", "there"),
        ],
        &[
            ("subject_token", "ghw_x"),
            ("subject_token_type", ACCESS_TOKEN),
            ("audience", "there"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
        ],
    ];
    for fields in wrong {
        assert_eq!(exchange(&world, fields).await.text("error"), "invalid_request", "{fields:?}");
    }
}
