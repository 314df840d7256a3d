//! Agents, each step of whose way is at another node: the vault, token exchange, and signed programs.

use gatehouse::protocol::client_authentication::AuthMethod;
use reqwest::Method;
use serde_json::{Value, json};

use super::cluster::{Cluster, SIZE, fresh_http};
use crate::agentcore::signer::{Bent, Signer};
use crate::cli::database::{Database, Kind};
use crate::cli::person::{PASSWORD, text};
use crate::support::app::Options;
use crate::support::client::{Answer, TestClient, send};
use crate::support::{Browser, Database as Kept, TestApp};

const RETURN: &str = "https://agent.example/done";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// Nodes, an agent, and a provider that is another Gatehouse.
struct World {
    cluster: Cluster,
    provider: TestApp,
    /// The client of the vault there
    there: TestClient,
    /// The secret of `agents`, the client that owns the agent
    secret: String,
    /// That of `web`, whose tokens people have
    web: String,
    /// The ids of alice here and at the provider
    alice: String,
    alice_there: String,
    /// Last: everything else uses it
    _database: Database,
}

impl World {
    async fn of(kind: Kind) -> Self {
        let (database, sandbox) = Database::sandbox(kind).await;
        let (cluster, web) = Cluster::start(sandbox.with("GATEHOUSE_AGENTCORE", "on")).await;
        let options = Options {
            real_time: true,
            ..Options::default()
        };
        let provider = TestApp::start_with(Kept::Sqlite, options).await;
        let alice_there = provider.user("alice").await.id;
        let there = provider
            .client(AuthMethod::ClientSecretBasic, |new| {
                new.redirect_uris = vec![format!("{}/connect/callback/there", cluster.issuer())];
            })
            .await;
        let secret = cluster.sandbox.service_client("agents", "openid read vault", &["--token-exchange"]);
        let add = [
            "provider",
            "add",
            "there",
            "--name",
            "The Other Place",
            "--preset",
            "gatehouse",
            "--provider-issuer",
            &provider.base,
            "--client-id",
            there.id(),
            "--scope",
            "openid profile",
            "--secret-stdin",
        ];
        let known = there.secret.as_deref().expect("a secret");
        cluster.sandbox.run_with_input(&add, known).done();
        let add = [
            "workload",
            "add",
            "agent",
            "--client",
            "agents",
            "--ceiling",
            "there=openid profile email",
            "--return-uri",
            RETURN,
            "--may-name-users",
        ];
        cluster.sandbox.run(&add).done();
        let found = cluster.admin(0, Method::GET, "/users?q=alice", None, None).await;
        let alice = found.body["items"][0]["id"].as_str().expect("alice").to_owned();
        Self {
            cluster,
            provider,
            there,
            secret,
            web,
            alice,
            alice_there,
            _database: database,
        }
    }

    async fn workload_token(&self, node: usize, wanted: Value) -> String {
        let request = fresh_http().post(format!("{}/api/vault/workload-token", self.cluster.at(node)));
        let answer = send(request.basic_auth("agents", Some(&self.secret)).json(&wanted)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.text("workload_access_token").to_owned()
    }

    async fn vault(&self, node: usize, path: &str, token: &str, body: &Value) -> Answer {
        let request = fresh_http().post(format!("{}/api/vault/{path}", self.cluster.at(node)));
        send(request.bearer_auth(token).json(body)).await
    }

    async fn exchange(&self, node: usize, fields: &[(&str, &str)]) -> Answer {
        let mut form = vec![("grant_type", GRANT), ("audience", "there")];
        form.extend_from_slice(fields);
        let request = fresh_http().post(format!("{}/token", self.cluster.at(node)));
        send(request.basic_auth("agents", Some(&self.secret)).form(&form)).await
    }

    /// Alice opens a link and consents here and at the provider; each request of her browser goes to another node.
    async fn consent(&self, link: &str) {
        let (here, elsewhere) = (Browser::fresh(), Browser::new());
        let page = here.visit(link).await;
        let page = here.sign_in(&page, "alice", PASSWORD).await;
        let page = here.submit(&page, &[("decision", "allow")]).await;
        assert_eq!(page.status, 303, "{}", page.body);
        let address = page.location().expect("an address at the provider");
        assert!(address.starts_with(&self.provider.base), "{address}");
        let mut page = elsewhere.visit(&address).await;
        page = elsewhere.sign_in(&page, "alice", "alice").await;
        if page.body.contains("name=\"decision\"") {
            page = elsewhere.decide(&page, "allow").await;
        }
        let back = page.location().expect("a way back");
        let page = here.visit(&back).await;
        assert_eq!(page.status, 200, "{}", page.body);
    }

    /// It is a token of alice at the provider.
    async fn assert_is_alices(&self, token: &str) {
        let userinfo = self.there.userinfo(token).await;
        assert_eq!(userinfo.body["sub"], self.alice_there.as_str(), "{}", userinfo.body);
    }

    fn finish(self) {
        let given = self.cluster.proxy.given();
        assert!(given.iter().all(|connections| *connections >= 1), "{given:?}");
        assert!(!self.cluster.output().contains("\"fault\""), "{}", self.cluster.output());
        self.cluster.assert_audit_is_whole();
    }
}

/// A session that the agent completes: asked for, consented to, completed and used at four places.
async fn a_session_of_the_vault_is_completed_at_another_node(kind: Kind) {
    let world = World::of(kind).await;
    let token = world
        .workload_token(0, json!({ "workload": "agent", "user_id": world.alice }))
        .await;
    let wanted = json!({ "provider": "there", "scope": "openid profile", "needs_completion": true, "return_uri": RETURN });
    let asked = world.vault(1, "token", &token, &wanted).await;
    assert_eq!((asked.status, asked.text("status")), (202, "consent_required"), "{}", asked.body);
    let session = json!({ "uri": asked.text("session_uri") });
    assert_eq!(
        world.vault(2, "session/complete", &token, &session).await.status,
        404,
        "nobody has come back"
    );
    world.consent(asked.text("authorization_url")).await;
    // All at once, at each: there is one connection in the end.
    let completing = (0..2 * SIZE).map(|turn| world.vault(turn % SIZE, "session/complete", &token, &session));
    let completed = futures_util::future::join_all(completing).await;
    for answer in &completed {
        assert_eq!((answer.status, answer.text("status")), (200, "completed"), "{}", answer.body);
        assert_eq!(answer.body["connection_id"], completed[0].body["connection_id"]);
    }
    let mut given = Vec::new();
    for node in 0..SIZE {
        let answer = world.vault(node, "token", &token, &json!({ "provider": "there" })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["connection_id"], completed[0].body["connection_id"]);
        given.push(answer.text("access_token").to_owned());
    }
    assert!(given.iter().all(|token| *token == given[0]));
    world.assert_is_alices(&given[0]).await;
    // What she takes back at one node is gone at the others.
    let place = format!("/connections/{}", completed[0].text("connection_id"));
    let removed = world.cluster.admin(1, Method::DELETE, &place, None, None).await;
    assert_eq!((removed.status, removed.text("at_provider")), (200, "revoked"), "{}", removed.body);
    for node in 0..SIZE {
        let answer = world.vault(node, "token", &token, &json!({ "provider": "there" })).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
    }
    world.finish();
}

/// RFC 8693: a token of the agent and of its person, and the two as subject and actor.
async fn tokens_are_exchanged_at_another_node(kind: Kind) {
    let world = World::of(kind).await;
    let both = world
        .workload_token(0, json!({ "workload": "agent", "user_id": world.alice }))
        .await;
    let itself = world.workload_token(1, json!({ "workload": "agent" })).await;
    let (alice, web) = (world.cluster.alice(), world.cluster.web(&world.web));
    let (_, tokens) = web.redeem(&alice.authorize("web", "openid").await.unwrap()).await.unwrap();
    let id_token = text(&tokens, "id_token");
    let of_both = [("subject_token", both.as_str()), ("subject_token_type", ACCESS_TOKEN)];
    let delegated = [
        ("subject_token", id_token.as_str()),
        ("subject_token_type", ID_TOKEN),
        ("actor_token", itself.as_str()),
        ("actor_token_type", ACCESS_TOKEN),
    ];
    let asked = world.exchange(2, &of_both).await;
    assert_eq!((asked.status, asked.error()), (400, "consent_required"), "{}", asked.body);
    world.consent(asked.text("authorization_url")).await;
    let mut given = Vec::new();
    for node in 0..SIZE {
        let answer = world.exchange(node, &of_both).await;
        assert_eq!(
            (answer.status, answer.text("issued_token_type")),
            (200, ACCESS_TOKEN),
            "{}",
            answer.body
        );
        given.push(answer.text("access_token").to_owned());
    }
    assert!(given.iter().all(|token| *token == given[0]));
    world.assert_is_alices(&given[0]).await;
    // The ID token is of another client than the agent's: nobody else's person is taken over, at any node.
    for node in 0..SIZE {
        let refused = world.exchange(node, &delegated).await;
        assert_eq!((refused.status, refused.error()), (400, "invalid_grant"), "{}", refused.body);
    }
    // Disabled at one node, the agent gets nothing at any.
    world.cluster.sandbox.run(&["workload", "disable", "agent"]).done();
    for node in 0..SIZE {
        assert_eq!(world.exchange(node, &of_both).await.error(), "invalid_grant");
    }
    world.finish();
}

/// A program that was written for AgentCore: what it sets up at one node is there at the next.
async fn a_signed_program_goes_from_node_to_node(kind: Kind) {
    let world = World::of(kind).await;
    let key = ["access-key", "add", "agents", "--name", "program", "--may-administer", "--json"];
    let key = world.cluster.sandbox.run(&key).json();
    let now = time::UtcDateTime::now().unix_timestamp();
    let signer = Signer::new(&text(&key, "id"), &text(&key, "secret"), now);
    let call = async |node: usize, operation: &str, body: Value| {
        let url = format!("{}/identities/{operation}", world.cluster.at(node));
        let answer = send(signer.request(fresh_http(), &url, &body, &Bent::default())).await;
        assert!(answer.status < 300, "{operation}: {} {}", answer.status, answer.body);
        answer.body
    };
    let identity = json!({ "name": "program", "allowedResourceOauth2ReturnUrls": [RETURN] });
    call(0, "CreateWorkloadIdentity", identity).await;
    let discovery = json!({ "discoveryUrl": world.provider.url("/.well-known/openid-configuration") });
    let config = json!({ "oauthDiscovery": discovery, "clientId": world.there.id(), "clientSecret": world.there.secret });
    let provider = json!({
        "name": "mine", "credentialProviderVendor": "CustomOauth2",
        "oauth2ProviderConfigInput": { "customOauth2ProviderConfig": config },
    });
    let made = call(1, "CreateOauth2CredentialProvider", provider).await;
    // The provider has to know where people come back.
    let back = made["callbackUrl"].as_str().expect("an address").to_owned();
    let mut settings = world.there.client.settings.clone();
    settings.redirect_uris.push(back);
    gatehouse::oauth::clients::change(&world.provider.app, world.there.client.clone(), settings)
        .await
        .unwrap();
    call(2, "GetWorkloadIdentity", json!({ "name": "program" })).await;
    let named = json!({ "workloadName": "program", "userId": world.alice });
    let token = call(0, "GetWorkloadAccessTokenForUserId", named).await;
    let wanted = json!({
        "workloadIdentityToken": token["workloadAccessToken"], "resourceCredentialProviderName": "mine",
        "scopes": ["openid", "profile"], "oauth2Flow": "USER_FEDERATION", "resourceOauth2ReturnUrl": RETURN,
    });
    let asked = call(1, "oauth2/token", wanted.clone()).await;
    assert_eq!(asked["sessionStatus"], "IN_PROGRESS", "{asked}");
    world.consent(asked["authorizationUrl"].as_str().expect("a link")).await;
    let complete = json!({ "userIdentifier": { "userId": world.alice }, "sessionUri": asked["sessionUri"] });
    call(2, "CompleteResourceTokenAuth", complete).await;
    let mut given = Vec::new();
    for node in 0..SIZE {
        let answer = call(node, "oauth2/token", wanted.clone()).await;
        given.push(answer["accessToken"].as_str().expect("a token").to_owned());
    }
    assert!(given.iter().all(|token| *token == given[0]));
    world.assert_is_alices(&given[0]).await;
    // A key that was disabled signs nowhere.
    world
        .cluster
        .sandbox
        .run(&["access-key", "disable", text(&key, "id").as_str()])
        .done();
    for node in 0..SIZE {
        let url = format!("{}/identities/GetWorkloadIdentity", world.cluster.at(node));
        let body = json!({ "name": "program" });
        let refused = send(signer.request(fresh_http(), &url, &body, &Bent::default())).await;
        assert_eq!(refused.status, 403, "{}", refused.body);
    }
    world.finish();
}

/// On both databases that nodes can share.
macro_rules! on_shared_databases {
    ($($name:ident)+) => {
        $(mod $name {
            use crate::cli::database::Kind;

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                super::$name(Kind::Postgres).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn mysql() {
                super::$name(Kind::MySql).await;
            }
        })+
    };
}

on_shared_databases! {
    a_session_of_the_vault_is_completed_at_another_node
    tokens_are_exchanged_at_another_node
    a_signed_program_goes_from_node_to_node
}
