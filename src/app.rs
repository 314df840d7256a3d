//! What every floor above is handed: made once at start-up, passed down, no globals.

pub mod reload;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::base::clock::{Clock, Timestamp};
use crate::base::document::Document;
use crate::base::ending::Ending;
use crate::base::fault::Fault;
use crate::base::gauge::Gauge;
use crate::base::id::new_id;
use crate::base::latest::Latest;
use crate::base::limiter::Limiter;
use crate::base::memo::Memo;
use crate::base::random::Random;
use crate::base::waiting::Waiting;
use crate::config::live::{Follower, InForce, Live};
use crate::config::{Config, Lifetimes};
use crate::keys::envelope::Envelope;
use crate::keys::passwords::Passwords;
use crate::keys::ring::KeyRing;
use crate::keys::secrets::Secrets;
use crate::model::event::{Actor, Event, EventKind, Outcome};
use crate::model::left_out::LeftOut;
use crate::model::limit::Counted;
use crate::model::measures::Measures;
use crate::model::scope::ScopeCatalog;
use crate::model::statistic::Counters;
use crate::outside::{Discovery, Fetch, Issuers, KeySets, Shares};
use crate::protocol::issuer::Issuer;
use crate::store::{SharedCounts, Store};

use self::reload::Reload;

/// How many documents of unknown clients are fetched at once because one network asks for them.
const FETCHES_OF_NETWORK: usize = 4;

/// How many requests to one provider run at once: one that is slow does not hold the others up.
const REQUESTS_OF_PROVIDER: usize = 6;
/// How long a provider may take: an answer that nobody waits for may be the only one with a refresh token that is worth
/// anything.
const PROVIDER_PATIENCE: Duration = Duration::from_secs(20);

/// The application, on behalf of one request. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    parts: Arc<Parts>,
    context: Arc<Context>,
}

/// On whose behalf the application works: what every event of the audit log says, without anybody
/// having to remember it.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// `X-Request-Id`
    pub request_id: Option<String>,
    /// The address of the peer
    pub address: Option<String>,
    /// Who asks, as far as it is known
    pub actor: Actor,
    /// By what the request is counted, if it is one that is limited
    pub counted: Option<Arc<Counted>>,
}

/// The parts of [`App`].
#[derive(Debug)]
pub struct Parts {
    /// What the process was started with; [`App::live`] has what is in force.
    pub config: Config,
    live: Live,
    /// The issuer identifier.
    pub issuer: Issuer,
    /// The database.
    pub store: Store,
    /// Keys derived from `APP_SECRET`.
    pub secrets: Secrets,
    /// Signing keys.
    pub keys: KeyRing,
    /// Encryption of the tokens of connections.
    pub envelope: Envelope,
    /// Password hashing.
    pub passwords: Passwords,
    /// The way out for strangers: documents of clients that are not known yet.
    pub fetch: Fetch,
    /// The way out for what is posted to endpoints that an operator chose.
    pub posts: Fetch,
    /// What of it one network may have at once.
    pub fetch_shares: Shares,
    /// The way out for clients that are known, but that nobody vouches for: strangers do not keep these waiting.
    pub known_fetch: Fetch,
    /// The way out for clients that an operator made: nobody else keeps these waiting.
    pub operator_fetch: Fetch,
    /// The way out to providers whose client this server is. The operator may have named networks for it.
    pub provider_fetch: Fetch,
    /// The same for their metadata.
    pub provider_documents: Fetch,
    /// What of it one provider may have at once.
    pub provider_shares: Shares,
    /// Public keys of clients, as they were fetched.
    pub key_sets: KeySets,
    /// Where the keys of other issuers are.
    pub issuers: Issuers,
    /// Metadata of providers, as it was fetched.
    pub discovery: Discovery,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Counts for the statistics.
    pub counters: Counters,
    /// Counts of this process.
    pub measures: Measures,
    /// Events that are not recorded one by one.
    pub left_out: LeftOut,
    /// The metadata document, as it was made last.
    pub discovery_document: Memo<Config, ScopeCatalog, Document>,
    /// The description of the admin API, made when somebody asks for it first.
    pub api_document: OnceLock<Document>,
    /// Whether the database answers, as it was found last.
    pub readiness: Latest<bool>,
    /// Who asks how often, on this node.
    pub limiter: Limiter,
    /// What nodes tell each other of that.
    pub counts: SharedCounts,
    /// Who waits for redirects on this node.
    pub waiting: Waiting,
    /// How many callbacks there are.
    pub callback_count: Gauge,
    /// How many of them nobody has announced.
    pub open_callback_count: Gauge,
    /// Whether this node is about to stop.
    pub ending: Ending,
    /// Whether its secret was retired while it ran
    pub retired: Ending,
    /// What is read again when an operator asks for it.
    pub reload: Reload,
    /// Held while an admin token is judged that could be guessed: one at a time.
    pub admin_token_turn: tokio::sync::Mutex<()>,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the password cost is out of bounds, or Redis has no address or authorities that can be used.
    pub fn new(config: Config, store: Store, secrets: Secrets, clock: Clock, random: Random, fetch: Fetch) -> Result<Self, Fault> {
        let passwords = Passwords::new(config.password_cost, config.password_threads, config.password_queue, random.clone())?;
        let keys = KeyRing::new(secrets.signing_key.clone());
        let envelope = Envelope::new(secrets.vault.clone(), config.vault_keys.clone()).also_opening(secrets.other_vaults.clone());
        let issuer = config.issuer();
        let provider_documents = fetch.reaching(&config.provider_networks);
        let live = Live::new(&config);
        let counts = SharedCounts::new(
            store.dialect(),
            config.limits.redis.as_ref(),
            config.limits.redis_authorities.as_deref(),
        )?;
        let measures = Measures::default();
        measures.started_at.set(clock.now());
        let parts = Arc::new(Parts {
            config,
            live,
            issuer,
            store,
            secrets,
            keys,
            envelope,
            passwords,
            known_fetch: fetch.apart(),
            operator_fetch: fetch.apart(),
            posts: fetch.apart(),
            provider_fetch: provider_documents.patient(PROVIDER_PATIENCE),
            provider_documents,
            provider_shares: Shares::of(REQUESTS_OF_PROVIDER),
            fetch_shares: Shares::of(FETCHES_OF_NETWORK),
            fetch,
            key_sets: KeySets::default(),
            issuers: Issuers::default(),
            discovery: Discovery::default(),
            clock,
            random,
            counters: Counters::default(),
            measures,
            left_out: LeftOut::default(),
            discovery_document: Memo::default(),
            api_document: OnceLock::new(),
            readiness: Latest::default(),
            limiter: Limiter::default(),
            counts,
            waiting: Waiting::default(),
            callback_count: Gauge::default(),
            open_callback_count: Gauge::default(),
            ending: Ending::default(),
            retired: Ending::default(),
            reload: Reload::default(),
            admin_token_turn: tokio::sync::Mutex::default(),
        });
        let context = Arc::new(Context {
            actor: Actor::System,
            ..Context::default()
        });
        Ok(Self { parts, context })
    }

    /// The same application, on behalf of a request.
    #[must_use]
    pub fn within(&self, context: Context) -> Self {
        Self {
            parts: Arc::clone(&self.parts),
            context: Arc::new(context),
        }
    }

    /// The same application and request, now that it is known who asks.
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        self.within(Context {
            actor,
            ..(*self.context).clone()
        })
    }

    /// On whose behalf it works.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// An event that happens now, in this request.
    #[must_use]
    pub fn event(&self, kind: EventKind) -> Event {
        Event {
            id: new_id(&self.clock, &self.random),
            at: self.now(),
            kind,
            outcome: Outcome::Success,
            actor: self.context.actor.clone(),
            subject: None,
            client_id: None,
            target: None,
            address: self.context.address.clone(),
            request_id: self.context.request_id.clone(),
            detail: serde_json::Map::new(),
        }
    }

    /// The configuration in force: what the process was started with, and over its defaults what is
    /// stored in the database.
    #[must_use]
    pub fn live(&self) -> Arc<Config> {
        self.live.current()
    }

    /// The configuration without what is stored in the database.
    #[must_use]
    pub fn base_config(&self) -> Arc<Config> {
        self.live.base()
    }

    /// From now on `follower` is told what is in force: at once, and each time that it is read again.
    pub fn follow_live(&self, follower: Follower) {
        self.live.follow(follower);
    }

    /// Takes over what can change without a restart from a configuration that was read again.
    pub async fn replace_live(&self, read_again: &Config) {
        self.live.replace(read_again).await;
    }

    /// How long things live, at this moment.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        self.live().lifetimes
    }

    /// Reads again what is stored in the database; which version of it is in force now.
    ///
    /// # Errors
    /// When the database fails; then everything stays as it was.
    pub async fn refresh_live(&self) -> Result<InForce, Fault> {
        self.live.refresh(&self.store).await
    }

    /// Seconds since the epoch.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.parts
    }
}
