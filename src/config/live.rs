//! Settings that can change while the server runs: values that are stored in the database, laid over the
//! configuration that the process was started with.
//!
//! A stored value replaces a default and nothing else: what a flag, the environment or the file says is
//! stronger. Other nodes change values, too, so they are read again every minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::base::fault::Fault;
use crate::store::Store;

use super::Config;
use super::registry::Setting;
use super::sources::Source;

/// Why stored values cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// This version has no such setting, or it cannot change while the server runs
    Unknown(String),
    /// A flag, the environment or the file is stronger
    Fixed(&'static str),
    /// The setting does not take the text
    Value {
        /// Which setting
        key: &'static str,
        /// What it would take
        problem: String,
    },
    /// Settings that do not go together
    Conflict(super::Conflict),
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(key) => write!(f, "{key} is no setting that can change while the server runs"),
            Self::Fixed(key) => write!(f, "{key} is set by what the server was started with"),
            Self::Value { key, problem } => write!(f, "{key} {problem}"),
            Self::Conflict(conflict) => f.write_str(&conflict.text),
        }
    }
}

impl Config {
    /// Takes over the log level of another configuration, and where it came from.
    fn take_log_level(&mut self, other: &Self) {
        const KEY: &str = "log_level";
        other.log_level.clone_into(&mut self.log_level);
        match other.sources.get(KEY) {
            Some(source) => self.sources.insert(KEY, source.clone()),
            None => self.sources.remove(KEY),
        };
    }

    /// This configuration with stored values laid over its defaults: all of them, or none.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn overlaid<'v>(&self, values: impl IntoIterator<Item = (&'v String, &'v String)>) -> Result<Self, Unusable> {
        let mut config = self.clone();
        for (key, text) in values {
            let setting = Setting::find(key)
                .filter(|setting| setting.is_live)
                .ok_or_else(|| Unusable::Unknown(key.clone()))?;
            if self.source(key).is_fixed() {
                return Err(Unusable::Fixed(setting.key));
            }
            (setting.set)(&mut config, text).map_err(|problem| Unusable::Value { key: setting.key, problem })?;
            config.sources.insert(setting.key, Source::Database);
        }
        config.check().map_err(Unusable::Conflict)?;
        Ok(config)
    }

    /// This configuration with as many of the stored values laid over its defaults as can be used, and
    /// what is wrong with the others.
    #[must_use]
    pub fn overlaid_where_possible(&self, values: &BTreeMap<String, String>) -> (Self, BTreeMap<String, Unusable>) {
        let mut waiting: BTreeMap<&String, &String> = values.iter().filter(|(key, _)| !self.source(key).is_fixed()).collect();
        let mut unusable = BTreeMap::new();
        if let Ok(config) = self.overlaid(waiting.clone()) {
            return (config, unusable);
        }
        // One that conflicts by itself may fit once another is in force, so they are tried until none fits.
        let mut config = self.clone();
        loop {
            let before = waiting.len();
            waiting.retain(|key, text| match config.overlaid([(*key, *text)]) {
                Ok(next) => {
                    config = next;
                    unusable.remove(*key);
                    false
                }
                Err(problem) => {
                    unusable.insert((*key).clone(), problem);
                    true
                }
            });
            if waiting.len() == before {
                return (config, unusable);
            }
        }
    }
}

/// What is in force at one moment.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The configuration
    pub config: Arc<Config>,
    /// The version of the stored values
    pub version: u64,
}

/// Whoever is told what is in force.
pub type Follower = Box<dyn Fn(&Config) + Send + Sync>;

#[derive(Default)]
struct Followers(Mutex<Vec<Follower>>);

impl Followers {
    fn lock(&self) -> MutexGuard<'_, Vec<Follower>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Followers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} followers", self.lock().len())
    }
}

/// The configuration in force on this node.
#[derive(Debug)]
pub struct Live {
    /// What stored values are laid over: what the process was started with, and what was read again since.
    base: RwLock<Arc<Config>>,
    current: RwLock<Arc<Config>>,
    followers: Followers,
    /// Held while the database is read, so that an earlier reading never replaces a later one. Inside is
    /// what was warned of last.
    reading: tokio::sync::Mutex<BTreeMap<String, Unusable>>,
}

impl Live {
    /// Nothing is stored; [`Self::refresh`] knows better.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let config = Arc::new(config.clone());
        Self {
            base: RwLock::new(Arc::clone(&config)),
            current: RwLock::new(config),
            followers: Followers::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn current(&self) -> Arc<Config> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The configuration without what is stored.
    #[must_use]
    pub fn base(&self) -> Arc<Config> {
        Arc::clone(&self.base.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on `follower` is told what is in force: at once, and each time that it is another.
    pub fn follow(&self, follower: Follower) {
        follower(&self.current());
        self.followers.lock().push(follower);
    }

    /// Takes over what can change without a restart from a configuration that was read again: the log level.
    pub async fn replace(&self, read_again: &Config) {
        // No reading of what is stored goes on meanwhile.
        let _reading = self.reading.lock().await;
        let mut base = (*self.base()).clone();
        base.take_log_level(read_again);
        *self.base.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(base);
        let mut current = (*self.current()).clone();
        current.take_log_level(read_again);
        self.put(Arc::new(current));
    }

    fn put(&self, config: Arc<Config>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&config);
        for follower in self.followers.lock().iter() {
            follower(&config);
        }
    }

    /// Reads what is stored, and lays it over the rest.
    ///
    /// # Errors
    /// When the database fails; then everything stays as it was.
    pub async fn refresh(&self, store: &Store) -> Result<InForce, Fault> {
        let mut warned = self.reading.lock().await;
        let stored = store.read().await?.live_settings().await?;
        let (config, unusable) = self.base().overlaid_where_possible(&stored.values);
        for (key, problem) in unusable.iter().filter(|(key, problem)| warned.get(*key) != Some(problem)) {
            tracing::warn!(
                event = "stored_setting_ignored",
                key,
                "the stored value of {key} is ignored: {problem}"
            );
        }
        *warned = unusable;
        let config = Arc::new(config);
        self.put(Arc::clone(&config));
        Ok(InForce {
            config,
            version: stored.version,
        })
    }
}
