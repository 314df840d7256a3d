//! A number that costs something to find out, kept for a while.

use std::sync::atomic::{AtomicI64, Ordering};

use super::clock::{Seconds, Timestamp};

/// The number as it was found, and what happened here since then.
#[derive(Debug, Default)]
pub struct Gauge {
    number: AtomicI64,
    found_at: AtomicI64,
}

impl Gauge {
    /// The number, if it was found at most so many seconds ago.
    #[must_use]
    pub fn read(&self, now: Timestamp, lifetime: Seconds) -> Option<i64> {
        let is_fresh = now - self.found_at.load(Ordering::Acquire) < lifetime;
        is_fresh.then(|| self.number.load(Ordering::Relaxed))
    }

    /// It was found to be this.
    pub fn set(&self, number: i64, now: Timestamp) {
        self.number.store(number, Ordering::Relaxed);
        self.found_at.store(now, Ordering::Release);
    }

    /// There is one more.
    pub fn add_one(&self) {
        self.number.fetch_add(1, Ordering::Relaxed);
    }
}
