//! What is gone here is taken back at the provider, too: not before it is gone, not twice, and not nowhere.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use gatehouse::admin::vault_keys;
use gatehouse::federation::providers::{self, Credential, SecretChange, change, register};
use gatehouse::federation::vault::revocations::{PATIENCE, work};
use gatehouse::federation::workloads;
use gatehouse::identity::account;
use gatehouse::model::event::{Event, EventFilter, EventKind, Outcome};
use gatehouse::model::provider::{Endpoints, Provider, ProviderSettings};
use gatehouse::model::user::User;
use gatehouse::model::workload::Workload;
use gatehouse::oauth::clients;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::provider::ClientAuth;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::flow::{add_agent, question, whole_way, world};
use super::rewrap::file;
use super::{given, kept, workload};
use crate::support::database::execute;
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{TestApp, on_every_database};

const SECRET: &str = "the secret of the client";

fn settings(there: &Elsewhere) -> ProviderSettings {
    let url = |path: &str| Url::parse(&there.url(path)).unwrap();
    ProviderSettings {
        name: "Mail".to_owned(),
        preset: "oauth2".to_owned(),
        endpoints: Some(Endpoints {
            authorization_endpoint: url("/authorize"),
            token_endpoint: url("/token"),
            revocation_endpoint: Some(url("/revoke")),
            userinfo_endpoint: None,
        }),
        client_id: "us".to_owned(),
        client_auth: Some(ClientAuth::ClientSecretPost),
        ..ProviderSettings::default()
    }
}

async fn add_provider(app: &TestApp, there: &Elsewhere) -> Provider {
    let secret = Credential::ClientSecret(SecretString::from(SECRET));
    register(&app.app, "mail", settings(there), Some(secret)).await.unwrap()
}

fn answers(there: &Elsewhere, status: u16) {
    there.serve("/revoke", Served::json(&json!({})).status(status));
}

/// The refresh tokens that were taken back, in the order in which they were.
fn shown(there: &Elsewhere) -> Vec<String> {
    let requests = there.requests();
    let bodies = requests.iter().filter(|request| request.starts_with("POST /revoke "));
    let tokens = bodies.filter_map(|request| {
        let body = request.split("\r\n\r\n").nth(1)?;
        let pairs = url::form_urlencoded::parse(body.as_bytes());
        pairs
            .into_iter()
            .find(|(name, _)| name == "token")
            .map(|(_, value)| value.into_owned())
    });
    tokens.collect()
}

async fn left(app: &TestApp) -> i64 {
    app.app.store.read().await.unwrap().count_revocations().await.unwrap()
}

async fn ended(app: &TestApp) -> Vec<Event> {
    let filter = EventFilter {
        kind: Some(EventKind::ConnectionRevoked),
        ..EventFilter::default()
    };
    app.app.store.read().await.unwrap().events(&filter, None, 200).await.unwrap()
}

/// An agent, a person, and what they have at the provider `mail`.
async fn connect(app: &TestApp, count: usize) -> (Workload, User) {
    let alice = app.user("alice").await;
    let client = app.confidential_client().await;
    let agent = workload(&app.app, "agent", client.id()).await;
    for number in 0..count {
        kept(&app.app, &agent, &given(&alice.id, &format!("account {number}"), number)).await;
    }
    (agent, alice)
}

on_every_database! {
    async fn tokens_end_with_their_person_agent_client_and_provider(app: TestApp) {
        let world = world(app).await;
        let app = &world.app;
        let owner = app.client(AuthMethod::ClientSecretBasic, |new| {
            new.scope = Scope::parse("openid vault").unwrap();
            new.grant_types.push(GrantType::ClientCredentials);
        }).await;
        let second = add_agent(app, "second", &world.owner).await;
        let third = add_agent(app, "third", &owner).await;
        let token = async |agent: &str, client, user: &User, name: &str| {
            let (link, _) = question(&world.ask_with(client, agent, user, json!({})).await);
            whole_way(&link, name).await;
            let given = world.ask_with(client, agent, user, json!({})).await;
            assert_eq!(given.status, 200, "{}", given.body);
            given.text("access_token").to_owned()
        };
        let lives = async |token: &str| world.there.userinfo(token).await.status == 200;
        let of_person = token("agent", &world.owner, &world.bob, "bob").await;
        let of_agent = token("second", &world.owner, &world.alice, "alice").await;
        let of_client = token("third", &owner, &world.alice, "alice").await;
        let of_provider = token("agent", &world.owner, &world.alice, "alice").await;
        for token in [&of_person, &of_agent, &of_client, &of_provider] {
            assert!(lives(token).await);
        }

        account::delete(&app.app, &world.bob).await.unwrap();
        assert!(lives(&of_person).await, "the deletion waits for nobody");
        assert_eq!((left(app).await, work(&app.app).await.unwrap(), left(app).await), (1, 1, 0));
        assert!(!lives(&of_person).await && lives(&of_agent).await);
        let event = ended(app).await.remove(0);
        assert_eq!((event.subject.as_deref(), event.outcome), (Some(world.bob.id.as_str()), Outcome::Success));
        assert_eq!((event.detail["provider"].as_str(), event.detail["workload"].as_str()), (Some("there"), Some("agent")));

        workloads::delete(&app.app, &second).await.unwrap();
        assert_eq!(work(&app.app).await.unwrap(), 1);
        assert!(!lives(&of_agent).await && lives(&of_client).await);
        clients::delete(&app.app, &owner.client).await.unwrap();
        assert_eq!(app.app.store.read().await.unwrap().workload(&third.name).await.unwrap(), None);
        assert_eq!(work(&app.app).await.unwrap(), 1);
        assert!(!lives(&of_client).await && lives(&of_provider).await);
        let provider = app.app.store.read().await.unwrap().provider("there").await.unwrap().unwrap();
        providers::delete(&app.app, &provider, true).await.unwrap();
        assert!(lives(&of_provider).await);
        assert_eq!(work(&app.app).await.unwrap(), 1);
        assert!(!lives(&of_provider).await);
        assert_eq!((left(app).await, ended(app).await.len()), (0, 4));
        assert!(ended(app).await.iter().all(|event| event.outcome == Outcome::Success));
    }

    async fn nothing_is_lost_while_a_provider_is_away(app: TestApp) {
        let there = Elsewhere::start().await;
        answers(&there, 500);
        add_provider(&app, &there).await;
        let (_, alice) = connect(&app, 7).await;
        account::delete(&app.app, &alice).await.unwrap();
        assert_eq!(left(&app).await, 7);
        assert_eq!(work(&app.app).await.unwrap(), 0);
        // It is left alone, with all that is to be taken back there.
        let asked = shown(&there).len();
        assert!((1..=4).contains(&asked), "{asked}");
        assert_eq!((work(&app.app).await.unwrap(), shown(&there).len()), (0, asked));
        app.advance(61);
        assert_eq!(work(&app.app).await.unwrap(), 0);
        assert!(shown(&there).len() > asked && left(&app).await == 7 && ended(&app).await.is_empty());
        // Another node does it when it is back, although the first has gone in the midst of it.
        answers(&there, 200);
        app.advance(6 * 3600);
        let (node, now) = (app.second_node().await, app.app.now());
        let held = app.app.store.read().await.unwrap().due_revocations(now, (0, ""), 1).await.unwrap().remove(0).1;
        let mut tx = app.app.store.begin().await.unwrap();
        assert!(tx.hold_revocation(&held, "whoever dies", now, now + 120).await.unwrap());
        assert!(!tx.hold_revocation(&held, "another", now, now + 120).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!((work(&node).await.unwrap(), left(&app).await), (6, 1));
        app.advance(120);
        assert_eq!((work(&node).await.unwrap(), left(&app).await, ended(&app).await.len()), (1, 0, 7));
        let tokens: BTreeSet<String> = shown(&there).into_iter().collect();
        assert_eq!(tokens, (0..7).map(|number| format!("refresh {number}")).collect());
        assert!(there.requests().iter().all(|request| request.contains("client_secret=the+secret+of+the+client")));
    }

    async fn each_is_taken_back_once_by_many_nodes(app: TestApp) {
        const COUNT: usize = 60;
        let there = Elsewhere::start().await;
        answers(&there, 200);
        add_provider(&app, &there).await;
        let (_, alice) = connect(&app, COUNT).await;
        account::delete(&app.app, &alice).await.unwrap();
        let node = app.second_node().await;
        let nodes = [&app.app, &node];
        let done: u64 = join_all(nodes.map(work)).await.into_iter().map(Result::unwrap).sum();
        assert_eq!(done, COUNT as u64);
        let tokens = shown(&there);
        assert_eq!((tokens.len(), tokens.iter().collect::<BTreeSet<_>>().len()), (COUNT, COUNT));
        assert_eq!((left(&app).await, ended(&app).await.len()), (0, COUNT));
    }

    async fn tokens_go_to_where_they_were_from(app: TestApp) {
        let (there, evil) = (Elsewhere::start().await, Elsewhere::start().await);
        answers(&there, 503);
        answers(&evil, 200);
        let provider = add_provider(&app, &there).await;
        let (agent, alice) = connect(&app, 1).await;
        workloads::delete(&app.app, &agent).await.unwrap();
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (0, 1));
        // The provider is led elsewhere, removed, and there is another one of the same id.
        let secret = || Credential::ClientSecret(SecretString::from("another one"));
        let moved = change(&app.app, provider, settings(&evil), SecretChange::Set(secret())).await.unwrap();
        let client = app.confidential_client().await;
        let other = workload(&app.app, "other", client.id()).await;
        kept(&app.app, &other, &given(&alice.id, "of the new one", 7)).await;
        providers::delete(&app.app, &moved, true).await.unwrap();
        register(&app.app, "mail", settings(&Elsewhere::start().await), Some(secret())).await.unwrap();
        app.advance(6 * 3600);
        answers(&there, 200);
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (2, 0));
        assert_eq!(shown(&there).pop().as_deref(), Some("refresh 0"));
        assert!(there.requests().iter().all(|request| request.contains("client_secret=the+secret")));
        assert_eq!(shown(&evil), ["refresh 7"]);
        assert!(evil.requests()[0].contains("client_secret=another+one"));
        // What was kept for that is forgotten.
        let mut tx = app.app.store.begin().await.unwrap();
        assert_eq!(tx.forget_former_providers().await.unwrap(), 0);
    }

    async fn what_is_to_be_taken_back_gets_new_keys(app: TestApp) {
        let there = Elsewhere::start().await;
        answers(&there, 200);
        add_provider(&app, &there).await;
        let (_, alice) = connect(&app, 3).await;
        account::delete(&app.app, &alice).await.unwrap();
        let folder = tempfile::TempDir::new().unwrap();
        let node = app.second_node_with(&[("vault_keys_file", &file(&folder, "new", &[1]))]).await;
        let counts = async || {
            let uses = vault_keys::list(&node).await.unwrap();
            uses.into_iter().map(|key| (key.name.unwrap(), key.connections)).collect::<Vec<_>>()
        };
        assert_eq!(counts().await, [("key1".to_owned(), 0), ("derived".to_owned(), 3)], "the old key is still needed");
        let done = vault_keys::rewrap(&node).await.unwrap();
        assert_eq!((done.rewrapped, done.left, done.unopened.len()), (3, 0, 0));
        assert_eq!(counts().await, [("key1".to_owned(), 3), ("derived".to_owned(), 0)]);
        // A node without that key leaves them to others, and says so.
        assert!(vault_keys::missing(&app.app).await.unwrap().is_some_and(|problem| problem.contains("3 connection(s)")));
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await, shown(&there).len()), (0, 3, 0));
        assert_eq!((work(&node).await.unwrap(), shown(&there).len()), (3, 3));
    }

    async fn it_is_given_up_after_a_week_and_that_is_said(app: TestApp) {
        let there = Elsewhere::start().await;
        answers(&there, 500);
        add_provider(&app, &there).await;
        let (_, alice) = connect(&app, 1).await;
        account::delete(&app.app, &alice).await.unwrap();
        for _ in 0..3 {
            assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (0, 1));
            app.advance(u64::try_from(PATIENCE).unwrap() / 3 + 1);
        }
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (1, 0));
        let event = ended(&app).await.remove(0);
        assert_eq!(event.outcome, Outcome::Failure);
        assert_eq!(event.detail["reason"], "given up: the provider does not answer: status 500");
    }

    async fn it_is_given_up_after_a_week_although_others_were_tried(app: TestApp) {
        let there = Elsewhere::start().await;
        answers(&there, 503);
        add_provider(&app, &there).await;
        let (_, alice) = connect(&app, 30).await;
        account::delete(&app.app, &alice).await.unwrap();
        app.advance(u64::try_from(PATIENCE).unwrap() - 30);
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (0, 30));
        let asked = shown(&there).len();
        assert!((1..=4).contains(&asked), "{asked}");
        app.advance(31);
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (30, 0));
        assert_eq!(shown(&there).len(), asked, "it is still left alone");
        assert!(ended(&app).await.iter().all(|event| event.outcome == Outcome::Failure));
        assert_eq!(ended(&app).await.len(), 30);
    }

    async fn a_node_without_the_key_spoils_nothing(app: TestApp) {
        let there = Elsewhere::start().await;
        answers(&there, 500);
        add_provider(&app, &there).await;
        let (_, alice) = connect(&app, 1).await;
        account::delete(&app.app, &alice).await.unwrap();
        let folder = tempfile::TempDir::new().unwrap();
        let node = app.second_node_with(&[("vault_keys_file", &file(&folder, "new", &[1]))]).await;
        vault_keys::rewrap(&node).await.unwrap();
        let row = async || {
            let id = app.app.store.read().await.unwrap().due_revocations(i64::MAX, (0, ""), 1).await.unwrap().remove(0).1;
            app.app.store.read().await.unwrap().revocation(&id).await.unwrap().unwrap()
        };
        // It has no key, and comes first each time.
        assert_eq!((work(&app.app).await.unwrap(), row().await.failures), (0, 0));
        assert_eq!((work(&node).await.unwrap(), row().await.failures, shown(&there).len()), (0, 1, 1));
        for _ in 0..8 {
            app.advance(86_400);
            assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (0, 1));
        }
        assert_eq!((row().await.failures, shown(&there).len(), ended(&app).await.len()), (1, 1, 0));
        // A week is over. Who has the key tries once more.
        answers(&there, 200);
        assert_eq!((work(&node).await.unwrap(), left(&app).await, shown(&there).len()), (1, 0, 2));
        assert_eq!(ended(&app).await.remove(0).outcome, Outcome::Success);
    }

    async fn a_row_that_cannot_be_read_holds_up_no_other(app: TestApp) {
        let there = Elsewhere::start().await;
        answers(&there, 200);
        add_provider(&app, &there).await;
        let (_, alice) = connect(&app, 5).await;
        account::delete(&app.app, &alice).await.unwrap();
        let now = app.app.now();
        let first = app.app.store.read().await.unwrap().due_revocations(now, (0, ""), 1).await.unwrap().remove(0).1;
        execute(&app.database_url(), format!("UPDATE upstream_revocations SET scope = 'a\"b' WHERE id = '{first}'")).await;
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (4, 1));
        // It is let alone for a while, and nothing is lost.
        let due = async || app.app.store.read().await.unwrap().due_revocations(app.app.now(), (0, ""), 1).await.unwrap().len();
        assert_eq!(due().await, 0);
        execute(&app.database_url(), "UPDATE upstream_revocations SET scope = 'read'".to_owned()).await;
        app.advance(601);
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await, shown(&there).len()), (1, 0, 5));
    }

    async fn rows_that_were_changed_do_not_open(app: TestApp) {
        let (there, evil) = (Elsewhere::start().await, Elsewhere::start().await);
        answers(&there, 200);
        answers(&evil, 200);
        let provider = add_provider(&app, &there).await;
        let (_, alice) = connect(&app, 1).await;
        providers::delete(&app.app, &provider, true).await.unwrap();
        // The provider as it was is led elsewhere: its secret does not open there.
        let database = app.database_url();
        let elsewhere = json!(settings(&evil)).to_string();
        execute(&database, format!("UPDATE former_providers SET settings = '{elsewhere}'")).await;
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (0, 1));
        // Nor is it another provider's.
        execute(&database, "UPDATE former_providers SET provider_id = 'other'".to_owned()).await;
        app.advance(61);
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (0, 1));
        // The tokens are somebody else's all of a sudden.
        let right = json!(settings(&there)).to_string();
        execute(&database, format!("UPDATE former_providers SET settings = '{right}', provider_id = 'mail'")).await;
        execute(&database, format!("UPDATE upstream_revocations SET user_id = 'x{}'", &alice.id[1..])).await;
        app.advance(6 * 3600);
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (1, 0));
        assert_eq!(ended(&app).await.remove(0).detail["reason"], "the tokens do not open");
        assert_eq!((there.connections(), evil.connections()), (0, 0));
    }
}

/// What one takes back oneself is tried again, too, when the provider was away; and a provider that cannot is not asked.
#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_taken_back_at_once_is_later() {
    use gatehouse::federation::vault::connections::{Removal, remove};
    let app = TestApp::start(crate::support::Database::Sqlite).await;
    let there = Elsewhere::start().await;
    answers(&there, 500);
    let provider = add_provider(&app, &there).await;
    let (agent, alice) = connect(&app, 1).await;
    let mut reader = app.app.store.read().await.unwrap();
    let connection = reader.connections_of_user(&alice.id, "", 1).await.unwrap().remove(0);
    drop(reader);
    assert_eq!(remove(&app.app, &connection).await.unwrap(), Removal::Later(None));
    assert_eq!(
        (work(&app.app).await.unwrap(), left(&app).await),
        (0, 1),
        "not while somebody is at it"
    );
    answers(&there, 200);
    app.advance(121);
    assert_eq!((work(&app.app).await.unwrap(), left(&app).await, shown(&there).len()), (1, 0, 2));
    // A provider without a way.
    let mut without = settings(&there);
    without.endpoints.as_mut().unwrap().revocation_endpoint = None;
    let secret = Credential::ClientSecret(SecretString::from(SECRET));
    change(&app.app, provider, without, SecretChange::Set(secret)).await.unwrap();
    kept(&app.app, &agent, &given(&alice.id, "account", 1)).await;
    account::delete(&app.app, &alice).await.unwrap();
    assert_eq!((work(&app.app).await.unwrap(), left(&app).await, shown(&there).len()), (1, 0, 2));
    let reasons: Vec<Value> = ended(&app)
        .await
        .into_iter()
        .filter_map(|event| event.detail.get("reason").cloned())
        .collect();
    assert_eq!(reasons, ["the provider has no way to take tokens back"]);
}
