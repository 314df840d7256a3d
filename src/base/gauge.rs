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
    /// The number as it is known.
    #[must_use]
    pub fn read(&self) -> i64 {
        self.number.load(Ordering::Relaxed)
    }

    /// Whether the caller is the one to find it out again: when that was done so many seconds ago, one of those who ask
    /// is told so, and the others go on with what is known.
    #[must_use]
    pub fn is_to_be_found(&self, now: Timestamp, lifetime: Seconds) -> bool {
        let found_at = self.found_at.load(Ordering::Relaxed);
        let is_old = now - found_at >= lifetime || found_at > now;
        is_old
            && self
                .found_at
                .compare_exchange(found_at, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// It was found to be this.
    pub fn set(&self, number: i64) {
        self.number.store(number, Ordering::Relaxed);
    }

    /// It was not found: the next one is to try.
    pub fn forget(&self) {
        self.found_at.store(0, Ordering::Relaxed);
    }

    /// There is one more.
    pub fn add_one(&self) {
        self.number.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Gauge;

    #[test]
    fn one_of_those_who_ask_finds_it_out() {
        let gauge = Gauge::default();
        assert!(gauge.is_to_be_found(1000, 5));
        assert!(!gauge.is_to_be_found(1000, 5), "somebody is doing it");
        gauge.set(7);
        gauge.add_one();
        assert_eq!(gauge.read(), 8);
        assert!(!gauge.is_to_be_found(1004, 5));
        assert!(gauge.is_to_be_found(1005, 5));
        gauge.forget();
        assert!(gauge.is_to_be_found(1005, 5), "it failed");
        assert!(gauge.is_to_be_found(900, 5), "the clock was set back");
    }
}
