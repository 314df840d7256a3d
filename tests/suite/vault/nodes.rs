//! Several nodes over one database, and a provider whose refresh tokens are good for once: its second use ends everything.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router};
use futures_util::future::join_all;
use gatehouse::app::App;
use gatehouse::base::clock::Clock;
use gatehouse::base::random::Random;
use gatehouse::config::sources::Sources;
use gatehouse::federation::program::Program;
use gatehouse::federation::providers::{Credential, register};
use gatehouse::federation::vault::ask::{Given, Wanted, token_of};
use gatehouse::federation::workloads::{self, ActsFor, Issuance, NewWorkload, verify_at};
use gatehouse::identity::account;
use gatehouse::installation;
use gatehouse::model::connection::Tokens;
use gatehouse::model::provider::{Endpoints, ProviderSettings};
use gatehouse::model::user::UserSettings;
use gatehouse::model::workload::WorkloadSettings;
use gatehouse::oauth::clients::{self, NewClient};
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use reqwest::Client;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use super::{given, kept, read};
use crate::cli::database::{Database, Kind};
use crate::support::client::send;
use crate::support::keys::first_keys;
use crate::support::process::{APP_SECRET, PATIENCE, Sandbox, Server};

/// How long the provider takes: long enough for everybody to ask meanwhile.
const SLOWLY: Duration = Duration::from_millis(500);

/// What the provider knows.
#[derive(Debug, Default)]
struct Known {
    /// How often it was asked
    asked: usize,
    /// The number of the refresh token that is good
    current: usize,
    /// Somebody has shown one twice
    is_dead: bool,
    /// It takes requests and does not answer
    hangs: bool,
}

type Memory = Arc<Mutex<Known>>;

/// A running provider; gone when it is dropped.
struct Provider {
    base: String,
    memory: Memory,
    task: JoinHandle<()>,
}

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let memory = Memory::default();
        let router = Router::new()
            .route("/token", axum::routing::post(refresh))
            .with_state(Arc::clone(&memory));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { base, memory, task }
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.base)).expect("a URL")
    }

    fn look<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.memory.lock().expect("no panic while locked"))
    }

    async fn is_asked(&self) {
        let asked = async {
            while self.look(|known| known.asked) == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("somebody refreshes");
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn refresh(State(memory): State<Memory>, body: String) -> (StatusCode, Json<Value>) {
    let fields: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let hangs = {
        let mut known = memory.lock().expect("no panic while locked");
        known.asked += 1;
        known.hangs
    };
    if hangs {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(SLOWLY).await;
    let mut known = memory.lock().expect("no panic while locked");
    known.is_dead |= fields["refresh_token"] != format!("refresh {}", known.current);
    if known.is_dead {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
    }
    known.current += 1;
    let answer = json!({
        "access_token": format!("access {}", known.current),
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": format!("refresh {}", known.current),
    });
    (StatusCode::OK, Json(answer))
}

/// A database on which an agent has a connection that has ended, and somebody who looks at it with a clock of their own.
struct World {
    provider: Provider,
    nodes: Vec<Sandbox>,
    servers: Vec<Server>,
    app: App,
    ahead: Arc<AtomicU64>,
    /// The workload token
    token: String,
    connection_id: String,
    /// Last: everything else uses it
    _database: Database,
}

impl World {
    async fn of(kind: Kind, nodes: usize) -> Self {
        let (database, sandbox) = Database::sandbox(kind).await;
        let provider = Provider::start().await;
        let ahead = Arc::new(AtomicU64::new(0));
        let app = open(&database, &sandbox, Arc::clone(&ahead)).await;
        let (token, connection_id) = seed(&app, &provider).await;
        let nodes: Vec<Sandbox> = (0..nodes).map(|_| sandbox.node()).collect();
        let servers: Vec<Server> = nodes.iter().map(Sandbox::serve).collect();
        Self {
            provider,
            nodes,
            servers,
            app,
            ahead,
            token,
            connection_id,
            _database: database,
        }
    }

    fn request(&self, http: &Client, node: usize) -> reqwest::RequestBuilder {
        let url = format!("http://{}/api/vault/token", self.nodes[node].address());
        http.post(url).bearer_auth(&self.token).json(&json!({ "provider": "mail" }))
    }

    /// Asks without a server in between.
    async fn ask(&self) -> Given {
        let (agent, there) = verify_at(&self.app, &self.token, "mail").await.unwrap().expect("the token is good");
        let wanted = Wanted {
            provider: "mail".to_owned(),
            ..Wanted::default()
        };
        token_of(&self.app, &agent, there, wanted).await.unwrap()
    }
}

/// The installation, with a clock that goes ahead of the machine's by so many seconds.
async fn open(database: &Database, sandbox: &Sandbox, ahead: Arc<AtomicU64>) -> App {
    let flags: BTreeMap<String, String> = [
        ("issuer", sandbox.issuer()),
        ("database_url", database.url.clone()),
        ("app_secret", APP_SECRET.to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let sources = Sources {
        flags,
        ..Sources::default()
    };
    let config = sources.load().expect("a good configuration");
    let machine = Clock::system();
    let clock = Clock::from_millis(move || machine.now_millis() + 1000 * ahead.load(Ordering::SeqCst));
    installation::open_with(config, clock, Random::system(), first_keys)
        .await
        .expect("the installation opens")
}

/// An agent, a person, and a connection whose token has ended; the workload token, and the connection's id.
async fn seed(app: &App, provider: &Provider) -> (String, String) {
    let mut new = NewClient::new("Owner", AuthMethod::ClientSecretBasic);
    new.redirect_uris = vec!["https://app.example/callback".to_owned()];
    new.scope = Scope::parse("vault").unwrap();
    new.grant_types = vec![GrantType::ClientCredentials];
    let owner = clients::register(app, new).await.expect("a client").client;
    let settings = ProviderSettings {
        name: "Mail".to_owned(),
        preset: "oauth2".to_owned(),
        endpoints: Some(Endpoints {
            authorization_endpoint: provider.url("/authorize"),
            token_endpoint: provider.url("/token"),
            revocation_endpoint: None,
            userinfo_endpoint: None,
        }),
        client_id: "gatehouse".to_owned(),
        scope: Scope::parse("read").unwrap(),
        ..ProviderSettings::default()
    };
    let secret = Credential::ClientSecret(SecretString::from("secret"));
    register(app, "mail", settings, Some(secret)).await.unwrap();
    let new = NewWorkload {
        name: "mail-agent".to_owned(),
        client_id: owner.id.clone(),
        settings: WorkloadSettings {
            ceilings: [("mail".to_owned(), Scope::parse("read send").unwrap())].into(),
            may_name_users: true,
            ..WorkloadSettings::default()
        },
    };
    let agent = workloads::create(app, new).await.unwrap();
    let settings = UserSettings {
        username: "alice".to_owned(),
        ..UserSettings::default()
    };
    let alice = account::create(app, settings, None).await.expect("an account");
    let mut new = given(&alice.id, "alice", 0);
    new.token_expires_at = Some(app.now() - 1);
    new.tokens = Tokens {
        passed_on: serde_json::Map::new(),
        ..new.tokens
    };
    let connection = kept(app, &agent, &new).await;
    let program = Program::Client(Arc::new(owner));
    let issuance = workloads::issue(app, &program, "mail-agent", ActsFor::User(&alice.id))
        .await
        .unwrap();
    let Issuance::Issued(token, _) = issuance else {
        panic!("{issuance:?}");
    };
    (token, connection.id)
}

async fn two_hundred_on_three_nodes_refresh_once(kind: Kind) {
    let world = World::of(kind, 3).await;
    let http = Client::new();
    let answers = join_all((0..200).map(|at| send(world.request(&http, at % 3)))).await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.text("access_token"), "access 1");
    }
    let (asked, is_dead) = world.provider.look(|known| (known.asked, known.is_dead));
    assert_eq!((asked, is_dead), (1, false));
    // What there is now is good, on every node, without another question.
    for node in 0..3 {
        assert_eq!(send(world.request(&http, node)).await.text("access_token"), "access 1");
    }
    assert_eq!(world.provider.look(|known| known.asked), 1);
    let connection = read(&world.app, &world.connection_id).await.expect("the connection");
    assert_eq!((connection.version, connection.refresher, connection.failures), (2, None, 0));
}

/// Whoever dies while they refresh holds up the others until the lease is over, and no longer.
async fn a_node_that_dies_while_it_refreshes_holds_up_nobody_for_ever(kind: Kind) {
    let mut world = World::of(kind, 1).await;
    world.provider.look(|known| known.hangs = true);
    let asking = tokio::spawn(world.request(&Client::new(), 0).send());
    world.provider.is_asked().await;
    world.servers[0].kill();
    assert!(asking.await.expect("no panic").is_err(), "it has died without an answer");
    world.provider.look(|known| known.hangs = false);
    let held = read(&world.app, &world.connection_id).await.expect("the connection");
    assert!(held.refresher.is_some());
    // Nobody knows that it is dead.
    let waiting = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(world.provider.look(|known| known.asked), 1, "the lease keeps others away");
        world
            .ahead
            .store(u64::try_from(held.refreshing_until - world.app.now()).unwrap(), Ordering::SeqCst);
    };
    let (given, ()) = tokio::join!(world.ask(), waiting);
    let Given::Token(token) = given else {
        panic!("{given:?}");
    };
    assert_eq!(token.access_token, "access 1");
    let (asked, is_dead) = world.provider.look(|known| (known.asked, known.is_dead));
    assert_eq!((asked, is_dead), (2, false));
}

macro_rules! on {
    ($($kind:ident $name:ident $story:ident,)+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $story(Kind::$kind).await;
        })+
    };
}

on! {
    Sqlite three_nodes_refresh_once_on_sqlite two_hundred_on_three_nodes_refresh_once,
    Postgres three_nodes_refresh_once_on_postgres two_hundred_on_three_nodes_refresh_once,
    MySql three_nodes_refresh_once_on_mysql two_hundred_on_three_nodes_refresh_once,
    Sqlite a_dead_node_holds_up_nobody_on_sqlite a_node_that_dies_while_it_refreshes_holds_up_nobody_for_ever,
    Postgres a_dead_node_holds_up_nobody_on_postgres a_node_that_dies_while_it_refreshes_holds_up_nobody_for_ever,
    MySql a_dead_node_holds_up_nobody_on_mysql a_node_that_dies_while_it_refreshes_holds_up_nobody_for_ever,
}
