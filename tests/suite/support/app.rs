//! The application under test: the real server on a loopback port, with a clock and a source of
//! randomness that the test holds.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use gatehouse::app::App;
use gatehouse::base::clock::Clock;
use gatehouse::base::digest::sha256;
use gatehouse::base::random::Random;
use gatehouse::config::Config;
use gatehouse::config::sources::Sources;
use gatehouse::identity::account;
use gatehouse::model::client::ConsentPolicy;
use gatehouse::model::limit::{By, Class};
use gatehouse::model::scope::{ScopeDefinition, ScopeSettings};
use gatehouse::model::user::{User, UserSettings};
use gatehouse::oauth::clients::{self, NewClient};
use gatehouse::outside::{Fetch, Resolver, Rules};
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use gatehouse::{installation, web};
use secrecy::SecretString;

use super::client::TestClient;
use super::database::{Database, FreshDatabase};
use super::keys::first_keys;

/// 2027-01-15: when tests begin.
pub const START: u64 = 1_800_000_000;
/// The secret of every test server.
pub const APP_SECRET: &str = "a secret for tests only, of more than 32 characters";

/// A running server.
pub struct TestApp {
    pub app: App,
    pub base: String,
    millis: Arc<AtomicU64>,
    handle: ServerHandle,
    flags: BTreeMap<String, String>,
    /// Last, so that it goes when nothing uses it any more.
    database: FreshDatabase,
}

/// How a test server differs from the usual one.
#[derive(Default)]
pub struct Options {
    pub settings: Vec<(&'static str, String)>,
    /// The machine's clock, for clients that look at theirs
    pub real_time: bool,
    /// A path below which the issuer lives
    pub path: &'static str,
    /// Who says where hosts are
    pub resolver: Option<Resolver>,
    /// How long something elsewhere may take
    pub patience: Option<Duration>,
    /// The limits that everybody has who sets none
    pub usual_limits: bool,
}

impl TestApp {
    pub async fn start(kind: Database) -> Self {
        Self::start_with(kind, Options::default()).await
    }

    /// Starts a server with these settings.
    pub async fn with_settings(kind: Database, settings: &[(&'static str, &str)]) -> Self {
        let settings = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let options = Options {
            settings,
            ..Options::default()
        };
        Self::start_with(kind, options).await
    }

    pub async fn start_with(kind: Database, options: Options) -> Self {
        let database = FreshDatabase::create(kind).await;
        Self::on(database, options).await
    }

    /// Starts a server on a database that may hold something already.
    pub async fn on(database: FreshDatabase, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let base = format!("http://127.0.0.1:{port}{}", options.path);
        let mut flags: BTreeMap<String, String> = [
            ("listen", format!("127.0.0.1:{port}")),
            ("issuer", base.clone()),
            ("database_url", database.url()),
            ("app_secret", APP_SECRET.to_owned()),
            ("password_memory", "64".to_owned()),
            ("password_passes", "1".to_owned()),
            ("workers", "2".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if !options.usual_limits {
            flags.extend(roomy());
        }
        flags.extend(options.settings.into_iter().map(|(key, value)| (key.to_owned(), value)));
        let config = configuration(&flags);
        let millis = Arc::new(AtomicU64::new(START * 1000));
        let clock = if options.real_time {
            Clock::system()
        } else {
            let millis = Arc::clone(&millis);
            Clock::from_millis(move || millis.load(Ordering::SeqCst))
        };
        let mut rules = Rules::of(&config.issuer());
        rules.patience = options.patience.unwrap_or(rules.patience);
        let fetch = Fetch::new(rules, options.resolver.unwrap_or_else(Resolver::system)).expect("a way out");
        let app = installation::open_through(config, clock, seeded_random(), first_keys, fetch)
            .await
            .expect("the installation opens");
        listener.set_nonblocking(true).expect("a socket option");
        let server = web::server::start(&app, listener, std::future::pending()).expect("the server starts");
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            app,
            base,
            millis,
            handle,
            flags,
            database,
        }
    }

    /// Stops answering.
    pub async fn stop(&self) {
        self.handle.stop(false).await;
    }

    /// Another node on the same database.
    pub async fn second_node(&self) -> App {
        self.second_node_with(&[]).await
    }

    /// Another node on the same database, with further settings.
    pub async fn second_node_with(&self, settings: &[(&str, &str)]) -> App {
        self.another_node(settings, 0).await
    }

    /// Another node on the same database, whose clock goes ahead of the first one's by so many seconds, or behind it.
    pub async fn second_node_ahead(&self, seconds: i64) -> App {
        self.another_node(&[], seconds).await
    }

    async fn another_node(&self, settings: &[(&str, &str)], ahead: i64) -> App {
        let mut flags = self.flags.clone();
        flags.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let config = configuration(&flags);
        let millis = Arc::clone(&self.millis);
        let clock = Clock::from_millis(move || millis.load(Ordering::SeqCst).saturating_add_signed(ahead * 1000));
        installation::open_with(config, clock, Random::system(), first_keys)
            .await
            .expect("the installation opens")
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: u64) {
        self.millis.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// An account with its name as password, and a profile.
    pub async fn user(&self, username: &str) -> User {
        self.user_with(username, |_| {}).await
    }

    pub async fn user_with(&self, username: &str, change: impl FnOnce(&mut UserSettings)) -> User {
        let mut new = UserSettings {
            username: username.to_owned(),
            email: Some(format!("{username}@example.com")),
            email_verified: true,
            ..UserSettings::default()
        };
        new.profile.insert("name".to_owned(), format!("{username} example").into());
        change(&mut new);
        account::create(&self.app, new, Some(&SecretString::from(username)))
            .await
            .expect("the account is made")
    }

    /// Changes a user in the store.
    pub async fn update_user(&self, user: &User) {
        let mut user = user.clone();
        let mut connection = self.app.store.read().await.expect("a connection");
        user.version = connection.user(&user.id).await.expect("an answer").expect("the user").version;
        drop(connection);
        let mut tx = self.app.store.begin().await.expect("a transaction");
        assert!(tx.update_user(&user).await.expect("an update"));
        if let Some(hash) = &user.password_hash {
            let now = self.app.now();
            assert!(tx.set_password_hash(&user.id, hash, now).await.expect("an update"));
        }
        tx.commit().await.expect("a commit");
    }

    /// A public client with PKCE, for `openid profile email offline_access` and the scopes `read` and `write`.
    pub async fn public_client(&self) -> TestClient {
        self.client(AuthMethod::None, |_| {}).await
    }

    /// A client with a secret that may do everything.
    pub async fn confidential_client(&self) -> TestClient {
        self.client(AuthMethod::ClientSecretBasic, |new| {
            new.grant_types.push(GrantType::ClientCredentials);
            new.may_introspect = true;
        })
        .await
    }

    /// A client whose people are not asked, for tests about what comes later.
    pub async fn trusted_client(&self) -> TestClient {
        self.client(AuthMethod::None, |new| new.consent_policy = ConsentPolicy::Skip).await
    }

    pub async fn client(&self, auth_method: AuthMethod, change: impl FnOnce(&mut NewClient)) -> TestClient {
        self.define_scope("read", &[]).await;
        self.define_scope("write", &[]).await;
        let mut new = NewClient::new("Example App", auth_method);
        new.redirect_uris = vec!["https://app.example/callback".to_owned()];
        new.scope = Scope::parse("openid profile email phone offline_access read write").expect("a scope");
        new.grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
        change(&mut new);
        let registered = clients::register(&self.app, new).await.expect("the client is registered");
        TestClient::new(self, registered.client, registered.secret)
    }

    pub async fn define_scope(&self, name: &str, roles: &[&str]) {
        let now = self.app.now();
        let mut tx = self.app.store.begin().await.expect("a transaction");
        tx.insert_scope(&ScopeDefinition {
            name: name.to_owned(),
            settings: ScopeSettings {
                description: format!("The scope {name}"),
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
                ..ScopeSettings::default()
            },
            version: 1,
            created_at: now,
            updated_at: now,
        })
        .await
        .expect("an insertion");
        tx.commit().await.expect("a commit");
    }

    /// The `DATABASE_URL`, for those who go behind the server's back.
    pub fn database_url(&self) -> String {
        self.database.url()
    }

    /// The URL of a path of the server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        // The returned future only waits for the workers; asking is enough.
        drop(self.handle.stop(false));
    }
}

fn configuration(flags: &BTreeMap<String, String>) -> Config {
    let sources = Sources {
        flags: flags.clone(),
        ..Sources::default()
    };
    sources.load().expect("a good configuration")
}

/// Limits that no test reaches by accident: all tests of a server come from one address, and the clock of most stands still. What
/// counts is the same, and tests of limits set their own.
pub fn roomy() -> impl Iterator<Item = (String, String)> {
    let classes = Class::ALL.into_iter().map(|class| {
        let counted = By::ALL.into_iter().filter(move |by| class.usual().of(*by).is_some());
        let rates: Vec<String> = counted.map(|by| format!("{}=1000000", by.as_str())).collect();
        (format!("limit_{}", class.as_str()), rates.join(","))
    });
    classes.chain([("connections_per_address".to_owned(), "16384".to_owned())])
}

/// Bytes that look random and differ between servers of one process.
fn seeded_random() -> Random {
    static SEED: AtomicU64 = AtomicU64::new(1);
    let seed = SEED.fetch_add(1, Ordering::SeqCst);
    let counter = AtomicU64::new(0);
    Random::from_fill(move |bytes| {
        for chunk in bytes.chunks_mut(32) {
            let number = counter.fetch_add(1, Ordering::SeqCst);
            let block = sha256(format!("{seed} {number} {}", std::process::id()).as_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    })
}
