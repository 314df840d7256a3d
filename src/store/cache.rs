//! What is read at every request and seldom changes: clients, scopes and protected resources, kept for a moment.
//!
//! Nothing that ends a token is judged by it: that is asked of the database each time
//! ([`super::Connection::person_of_token`]). A change that this process makes is seen by it at once; one that another makes,
//! after [`STALE`] at the latest, and with SQLite, where reading costs little, after [`STALE_FILE`].
//!
//! Whoever reads for the cache notes the generation of the place first. A change counts it up when it is committed, so what
//! was read before and is put there after it is not taken for good.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::DefaultHashBuilder;

use crate::base::fault::Fault;
use crate::model::client::Client;
use crate::model::resource::ResourceCatalog;
use crate::model::scope::ScopeCatalog;

use super::{Dialect, Store};

/// How long a node may not know what another has changed.
pub const STALE: Duration = Duration::from_secs(1);
/// How long a process may not know what another has changed in the same file: less than it takes to start one.
const STALE_FILE: Duration = Duration::from_millis(10);
/// How many clients a node keeps.
const CLIENTS: usize = 4096;
/// How many places clients have: those that share one are read anew together.
const PLACES: usize = 256;

/// Something that was read, and when.
struct Kept<T> {
    value: Arc<T>,
    generation: u64,
    read_at: Instant,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            generation: self.generation,
            read_at: self.read_at,
        }
    }
}

impl<T> Kept<T> {
    fn good(self, generation: u64, stale: Duration) -> Option<Arc<T>> {
        let is_good = self.generation == generation && self.read_at.elapsed() < stale;
        is_good.then_some(self.value)
    }
}

/// A catalogue that is kept as a whole.
struct Whole<T> {
    kept: Mutex<Option<Kept<T>>>,
    generation: AtomicU64,
}

impl<T> Default for Whole<T> {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            generation: AtomicU64::default(),
        }
    }
}

impl<T> Whole<T> {
    fn known(&self, stale: Duration) -> Option<Arc<T>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        kept.good(self.generation.load(Ordering::Acquire), stale)
    }

    async fn read(&self, read: impl Future<Output = Result<T, Fault>>) -> Result<Arc<T>, Fault> {
        let (generation, read_at) = (self.generation.load(Ordering::Acquire), Instant::now());
        let value = Arc::new(read.await?);
        let kept = Kept {
            value: Arc::clone(&value),
            generation,
            read_at,
        };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(value)
    }

    fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

/// What one node keeps.
pub(super) struct Cache {
    stale: Duration,
    clients: quick_cache::sync::Cache<String, Kept<Client>>,
    hasher: DefaultHashBuilder,
    places: [AtomicU64; PLACES],
    scopes: Whole<ScopeCatalog>,
    resources: Whole<ResourceCatalog>,
}

impl Cache {
    /// Keeps nothing yet.
    pub(super) fn of(dialect: Dialect) -> Self {
        Self {
            stale: match dialect {
                Dialect::Sqlite => STALE_FILE,
                Dialect::Postgres | Dialect::MySql => STALE,
            },
            clients: quick_cache::sync::Cache::new(CLIENTS),
            hasher: DefaultHashBuilder::default(),
            places: [const { AtomicU64::new(0) }; PLACES],
            scopes: Whole::default(),
            resources: Whole::default(),
        }
    }

    fn place(&self, id: &str) -> &AtomicU64 {
        let place = usize::try_from(self.hasher.hash_one(id) % PLACES as u64).unwrap_or_default();
        &self.places[place]
    }
}

/// What a transaction changes of what is kept. It is forgotten when this is dropped: after the commit, or without one.
pub(super) struct Changes {
    cache: Arc<Cache>,
    clients: Vec<String>,
    has_scopes: bool,
    has_resources: bool,
}

impl Changes {
    pub(super) fn of(cache: Arc<Cache>) -> Self {
        Self {
            cache,
            clients: Vec::new(),
            has_scopes: false,
            has_resources: false,
        }
    }

    /// A client is not what it was.
    pub(super) fn client(&mut self, id: &str) {
        self.clients.push(id.to_owned());
    }

    /// The scopes are not what they were.
    pub(super) fn scopes(&mut self) {
        self.has_scopes = true;
    }

    /// The protected resources are not what they were.
    pub(super) fn resources(&mut self) {
        self.has_resources = true;
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        for id in &self.clients {
            self.cache.place(id).fetch_add(1, Ordering::AcqRel);
        }
        if self.has_scopes {
            self.cache.scopes.forget();
        }
        if self.has_resources {
            self.cache.resources.forget();
        }
    }
}

impl Store {
    /// The client with this id, disabled or not, as this node knows it: what another node has changed in the last
    /// second ([`STALE`]) may not be in it. What is changed is read by [`super::Connection::client`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_client(&self, id: &str) -> Result<Option<Arc<Client>>, Fault> {
        let place = self.cache.place(id);
        let generation = place.load(Ordering::Acquire);
        let known = self.cache.clients.get(id).and_then(|kept| kept.good(generation, self.cache.stale));
        self.measures.clients.count(known.is_some());
        if known.is_some() {
            return Ok(known);
        }
        let read_at = Instant::now();
        // Nobody keeps what is not there: strangers could ask for any number of it.
        let Some(client) = self.read_uncounted().await?.client(id).await?.map(Arc::new) else {
            return Ok(None);
        };
        let kept = Kept {
            value: Arc::clone(&client),
            generation,
            read_at,
        };
        self.cache.clients.insert(id.to_owned(), kept);
        Ok(Some(client))
    }

    /// All scopes, as this node knows them; as old as [`Self::known_client`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_scopes(&self) -> Result<Arc<ScopeCatalog>, Fault> {
        let known = self.cache.scopes.known(self.cache.stale);
        self.measures.scopes.count(known.is_some());
        match known {
            Some(scopes) => Ok(scopes),
            None => self.cache.scopes.read(async { self.read_uncounted().await?.scopes().await }).await,
        }
    }

    /// All protected resources, as this node knows them; as old as [`Self::known_client`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_resources(&self) -> Result<Arc<ResourceCatalog>, Fault> {
        let known = self.cache.resources.known(self.cache.stale);
        self.measures.resources.count(known.is_some());
        match known {
            Some(resources) => Ok(resources),
            None => {
                self.cache
                    .resources
                    .read(async { self.read_uncounted().await?.resources().await })
                    .await
            }
        }
    }
}
