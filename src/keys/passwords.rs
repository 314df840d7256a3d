//! Password hashing: Argon2id (RFC 9106), off the async threads, with bounded memory.
//!
//! Each computation needs tens of megabytes. A fixed number of them runs at once, each on a buffer
//! that is used again and again; the rest waits in line, and a line that is too long is answered
//! with "busy" instead of with more memory. Twice as many have their turn as compute: while one writes down
//! what came of it, the processor is the next one's.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

use crate::base::computing::Computing;
use crate::base::digest::equal;
use crate::base::fault::Fault;
use crate::base::measure::{Counter, DURATIONS, Histogram};
use crate::base::random::Random;
use crate::base::spans;

use super::argon2id::{Argon2id, OUTPUT};

/// The longest password that is looked at, in bytes.
pub const MAX_PASSWORD: usize = 1024;
/// How long somebody may wait in line: who waits longer has gone, or tries again.
const LINE_PATIENCE: Duration = Duration::from_secs(15);
/// How many have a turn for each that computes.
const TURNS: usize = 2;

/// What Argon2id costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, in KiB
    pub memory_kib: u32,
    /// Passes over the memory
    pub passes: u32,
    /// Lanes
    pub lanes: u32,
}

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    cost: PasswordCost,
    random: Random,
    turns: Arc<Semaphore>,
    permits: Arc<Semaphore>,
    /// How many permits there are
    most: usize,
    /// How many may wait for a turn.
    line: usize,
    waiting: AtomicUsize,
    argon2id: Argon2id,
    computing: Computing,
    /// What an unknown user is compared with, so that it costs the same.
    decoy: String,
    measures: Measures,
}

/// What is counted here.
#[derive(Debug)]
pub struct Measures {
    /// How long it took until it was somebody's turn
    pub waiting: Histogram,
    /// How long computations took
    pub hashing: Histogram,
    /// Those who found the line too long
    pub refused: Counter,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            waiting: Histogram::of(DURATIONS),
            hashing: Histogram::of(DURATIONS),
            refused: Counter::default(),
        }
    }
}

/// How busy hashing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// The most computations at once
    pub most: usize,
    /// Turns that somebody has
    pub taken: usize,
    /// How many wait for theirs
    pub waiting: usize,
}

/// What checking a password showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the wrong one, or there is none to compare with.
    Wrong,
    /// It is the right one.
    Right,
    /// It is the right one, and its hash should be replaced by this one: the cost has risen.
    Outdated(String),
}

impl Passwords {
    /// Prepares hashing at `cost`, `permits` at once and `line` waiting.
    ///
    /// # Errors
    /// When the cost is outside what Argon2 allows.
    pub fn new(cost: PasswordCost, permits: usize, line: usize, random: Random) -> Result<Self, Fault> {
        // A digest that no password has: the salt and the output are random, and nobody knows the input.
        let decoy = encode(cost, &random.bytes::<16>(), &random.bytes::<OUTPUT>())?;
        Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(OUTPUT)).map_err(Fault::internal)?;
        Ok(Self(Arc::new(Inner {
            cost,
            random,
            turns: Arc::new(Semaphore::new(permits * TURNS)),
            permits: Arc::new(Semaphore::new(permits)),
            most: permits,
            line,
            waiting: AtomicUsize::new(0),
            argon2id: Argon2id::new()?,
            computing: Computing::on(permits),
            decoy,
            measures: Measures::default(),
        })))
    }

    /// Hashes a new password into a PHC string.
    ///
    /// # Errors
    /// [`Fault::Busy`] when the line is too long.
    pub async fn hash(&self, password: &SecretString) -> Result<String, Fault> {
        self.turn().await?.hash(password).await
    }

    /// Compares a password with a stored hash. `None` costs as much as a wrong password.
    ///
    /// # Errors
    /// [`Fault::Busy`] when the line is too long.
    pub async fn verify(&self, password: &SecretString, stored: Option<&str>) -> Result<Verdict, Fault> {
        self.turn().await?.verify(password, stored).await
    }

    /// Waits in line. Whoever checks something before hashing does so once it is their turn: what was
    /// true when they joined the line may not be any more.
    ///
    /// # Errors
    /// [`Fault::Busy`] when the line is too long, or does not move.
    pub async fn turn(&self) -> Result<Turn, Fault> {
        let inner = &self.0;
        if inner.waiting.fetch_add(1, Ordering::Relaxed) >= inner.line + inner.turns.available_permits() {
            inner.waiting.fetch_sub(1, Ordering::Relaxed);
            inner.measures.refused.one_more();
            return Err(Fault::Busy("password checks"));
        }
        let place = Place(&inner.waiting);
        let begun = Instant::now();
        let span = tracing::info_span!(target: spans::TARGET, "password hashing: turn");
        let turn = Arc::clone(&inner.turns).acquire_owned().instrument(span);
        let permit = tokio::time::timeout(LINE_PATIENCE, turn).await.map_err(|_| {
            inner.measures.refused.one_more();
            Fault::Busy("password checks")
        })?;
        let permit = permit.map_err(Fault::internal)?;
        drop(place);
        inner.measures.waiting.took(begun.elapsed());
        Ok(Turn {
            passwords: self.clone(),
            permit: Arc::new(permit),
        })
    }

    /// What this node has counted of it.
    #[must_use]
    pub fn measures(&self) -> &Measures {
        &self.0.measures
    }

    /// How busy it is.
    #[must_use]
    pub fn load(&self) -> Load {
        let inner = &self.0;
        Load {
            most: inner.most,
            taken: inner.most.saturating_sub(inner.permits.available_permits()),
            waiting: inner.waiting.load(Ordering::Relaxed),
        }
    }
}

/// The right to compute a hash. The next in line has to wait until it is dropped.
#[derive(Debug)]
pub struct Turn {
    passwords: Passwords,
    /// Shared with the computation: a client that hangs up must not free a place whose memory is in use.
    permit: Arc<OwnedSemaphorePermit>,
}

impl Turn {
    /// As [`Passwords::verify`], without waiting.
    ///
    /// # Errors
    /// When the stored hash cannot be read.
    pub async fn verify(&self, password: &SecretString, stored: Option<&str>) -> Result<Verdict, Fault> {
        let password = password.clone();
        let is_known = stored.is_some();
        let stored = stored.unwrap_or(&self.passwords.0.decoy).to_owned();
        let salt: [u8; 16] = self.passwords.0.random.bytes();
        self.run(move |inner| {
            let parsed = PasswordHash::new(&stored).map_err(Fault::internal)?;
            let cost = cost_of(&parsed)?;
            let (Some(stored_salt), Some(digest)) = (parsed.salt, parsed.hash) else {
                return Err(Fault::internal("a stored password hash has no salt or no digest"));
            };
            let computed = inner.digest(&password, cost, stored_salt.as_ref())?;
            if !equal(&computed, digest.as_bytes()) || !is_known {
                return Ok(Verdict::Wrong);
            }
            if cost == inner.cost {
                Ok(Verdict::Right)
            } else {
                inner.hash(&password, inner.cost, &salt).map(Verdict::Outdated)
            }
        })
        .await
    }

    /// As [`Passwords::hash`], without waiting.
    ///
    /// # Errors
    /// When hashing fails.
    pub async fn hash(&self, password: &SecretString) -> Result<String, Fault> {
        let password = password.clone();
        let salt: [u8; 16] = self.passwords.0.random.bytes();
        self.run(move |inner| inner.hash(&password, inner.cost, &salt)).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
        let computing = Arc::clone(&self.passwords.0.permits)
            .acquire_owned()
            .await
            .map_err(Fault::internal)?;
        // A client that hangs up must not free a place whose memory is in use.
        let (passwords, permits) = (self.passwords.clone(), (Arc::clone(&self.permit), computing));
        let work = move || {
            let begun = Instant::now();
            let outcome = work(&passwords.0);
            passwords.0.measures.hashing.took(begun.elapsed());
            drop(permits);
            outcome
        };
        let span = tracing::info_span!(target: spans::TARGET, "password hashing");
        self.passwords.0.computing.run(work).instrument(span).await?
    }
}

/// A place in the line, given up in whatever way.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inner {
    fn hash(&self, password: &SecretString, cost: PasswordCost, salt: &[u8]) -> Result<String, Fault> {
        encode(cost, salt, &self.digest(password, cost, salt)?)
    }

    fn digest(&self, password: &SecretString, cost: PasswordCost, salt: &[u8]) -> Result<[u8; OUTPUT], Fault> {
        self.argon2id.digest(password.expose_secret().as_bytes(), cost, salt)
    }
}

/// A PHC string: `$argon2id$v=19$m=…,t=…,p=…$SALT$DIGEST`.
fn encode(cost: PasswordCost, salt: &[u8], digest: &[u8; OUTPUT]) -> Result<String, Fault> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(OUTPUT)).map_err(Fault::internal)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(Fault::internal)?,
        salt: Some(Salt::new(salt).map_err(Fault::internal)?),
        hash: Some(Output::new(digest).map_err(Fault::internal)?),
    };
    Ok(hash.to_string())
}

fn cost_of(hash: &PasswordHash) -> Result<PasswordCost, Fault> {
    if hash.algorithm != Algorithm::Argon2id.ident() {
        return Err(Fault::internal("a stored password hash is not argon2id"));
    }
    let params = Params::try_from(hash).map_err(Fault::internal)?;
    Ok(PasswordCost {
        memory_kib: params.m_cost(),
        passes: params.t_cost(),
        lanes: params.p_cost(),
    })
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passwords({:?})", self.0.cost)
    }
}
