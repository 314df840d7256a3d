//! What every floor above is handed: made once at start-up, passed down, no globals.

use std::sync::Arc;

use crate::base::clock::{Clock, Timestamp};
use crate::base::fault::Fault;
use crate::base::random::Random;
use crate::config::Config;
use crate::keys::passwords::Passwords;
use crate::keys::ring::KeyRing;
use crate::keys::secrets::Secrets;
use crate::protocol::issuer::Issuer;
use crate::store::Store;

/// The application. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
#[derive(Debug)]
pub struct Parts {
    /// The effective configuration.
    pub config: Config,
    /// The issuer identifier.
    pub issuer: Issuer,
    /// The database.
    pub store: Store,
    /// Keys derived from `APP_SECRET`.
    pub secrets: Secrets,
    /// Signing keys.
    pub keys: KeyRing,
    /// Password hashing.
    pub passwords: Passwords,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the password cost is out of bounds.
    pub fn new(config: Config, store: Store, secrets: Secrets, clock: Clock, random: Random) -> Result<Self, Fault> {
        let passwords = Passwords::new(config.password_cost, config.password_threads, config.password_queue, random.clone())?;
        let keys = KeyRing::new(secrets.signing_key.clone());
        let issuer = config.issuer();
        Ok(Self(Arc::new(Parts {
            config,
            issuer,
            store,
            secrets,
            keys,
            passwords,
            clock,
            random,
        })))
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
        &self.0
    }
}
