//! Events that were left out of the audit log, because one like them had just been recorded.
//!
//! They are counted in memory: to write down each of them would be the very work that leaving them out saves.
//! So a node knows its own only, and forgets them when it stops.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::clock::{Seconds, Timestamp};

/// How many kinds of events are counted at a time.
const MOST: usize = 10_000;
/// How long a count is kept of which nothing is heard any more, in seconds. It matters only when there are
/// too many.
const MEMORY: Seconds = 3600;

/// How many were left out, by a name for what they have in common.
#[derive(Debug, Default)]
pub struct LeftOut(Mutex<HashMap<String, Count>>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    number: u64,
    last: Timestamp,
}

impl LeftOut {
    /// One more.
    pub fn count(&self, name: &str, now: Timestamp) {
        let mut counts = self.lock();
        if counts.len() >= MOST && !counts.contains_key(name) {
            counts.retain(|_, count| now - count.last < MEMORY);
            if counts.len() >= MOST {
                return;
            }
        }
        let count = counts.entry(name.to_owned()).or_default();
        count.number += 1;
        count.last = now;
    }

    /// How many there are that nobody was told of.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.lock().get(name).map_or(0, |count| count.number)
    }

    /// So many were told of, durably.
    pub fn told(&self, name: &str, number: u64) {
        let mut counts = self.lock();
        if let Some(count) = counts.get_mut(name) {
            count.number = count.number.saturating_sub(number);
            if count.number == 0 {
                counts.remove(name);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Count>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
