//! What is counted and measured while the server runs, for whoever watches it: numbers for charts and alarms,
//! never for decisions.
//!
//! Measuring must cost nothing that somebody could notice. So these are atomics and nothing else: no lock, no
//! allocation, no name. What a number is called is known where it is shown.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one_more(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are at the moment.
#[derive(Debug, Default)]
pub struct Level(AtomicI64);

impl Level {
    /// One more, until what is returned is dropped.
    #[must_use]
    pub fn enter(&self) -> Inside<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Inside(self)
    }

    /// How many there are.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of those that a [`Level`] counts.
#[derive(Debug)]
pub struct Inside<'l>(&'l Level);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// When something happened last, in seconds since the epoch; 0: never.
#[derive(Debug, Default)]
pub struct Moment(AtomicI64);

impl Moment {
    /// It happened then.
    pub fn set(&self, at: i64) {
        self.0.store(at, Ordering::Relaxed);
    }

    /// When it happened, if it has.
    #[must_use]
    pub fn value(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|at| *at != 0)
    }
}

/// Looks into a cache.
#[derive(Debug, Default)]
pub struct Lookups {
    /// What was looked for was there
    pub hits: Counter,
    /// It was not, or was too old
    pub misses: Counter,
}

impl Lookups {
    /// One more look, and whether what was looked for was there.
    pub fn count(&self, is_hit: bool) {
        if is_hit { &self.hits } else { &self.misses }.one_more();
    }
}

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// Upper bounds for how long requests and what they wait for take, in nanoseconds: from a tenth of a millisecond to
/// the ten seconds after which people give up.
pub const DURATIONS: &[u64] = &[
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    2_500 * MILLISECOND,
    5 * SECOND,
    10 * SECOND,
];

/// Upper bounds for how many do something together.
pub const GROUPS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];

/// Upper bounds for how long what runs by itself takes, in nanoseconds.
pub const JOBS: &[u64] = &[
    MILLISECOND,
    10 * MILLISECOND,
    100 * MILLISECOND,
    SECOND,
    10 * SECOND,
    60 * SECOND,
    600 * SECOND,
];

/// How often values fell between given bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is beyond the last
    counts: Box<[Counter]>,
    sum: Counter,
}

/// What a [`Histogram`] has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Upper bounds, and how many values were not above them and above the one before
    pub buckets: Vec<(u64, u64)>,
    /// How many values there were
    pub count: u64,
    /// All of them together
    pub sum: u64,
}

impl Distribution {
    /// What both have seen; they have the same bounds.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for ((_, count), (_, more)) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
        self.count += other.count;
        self.sum += other.sum;
        self
    }
}

impl Histogram {
    /// One with these upper bounds, smallest first.
    #[must_use]
    pub fn of(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| Counter::default()).collect(),
            sum: Counter::default(),
        }
    }

    /// A value was seen.
    pub fn see(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(at) {
            count.one_more();
        }
        self.sum.add(value);
    }

    /// Something took that long. For bounds in nanoseconds.
    pub fn took(&self, time: Duration) {
        self.see(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// What was seen so far.
    #[must_use]
    pub fn read(&self) -> Distribution {
        let counts: Vec<u64> = self.counts.iter().map(Counter::value).collect();
        Distribution {
            // Of these and not counted apart: what comes in meanwhile must not make the parts more than the whole.
            count: counts.iter().sum(),
            buckets: self.bounds.iter().copied().zip(counts).collect(),
            sum: self.sum.value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{DURATIONS, GROUPS, Histogram, JOBS, Level, Lookups, Moment};

    #[test]
    fn a_value_falls_between_its_bounds() {
        let histogram = Histogram::of(&[1, 2, 4]);
        for value in [0, 1, 2, 3, 4, 5, 100] {
            histogram.see(value);
        }
        let seen = histogram.read();
        assert_eq!(seen.buckets, [(1, 2), (2, 1), (4, 2)]);
        assert_eq!((seen.count, seen.sum), (7, 115));
    }

    #[test]
    fn times_are_in_nanoseconds() {
        let histogram = Histogram::of(DURATIONS);
        histogram.took(Duration::from_millis(3));
        let seen = histogram.read();
        assert_eq!(seen.sum, 3_000_000);
        let bound = seen.buckets.iter().find(|(_, count)| *count == 1).unwrap().0;
        assert_eq!(bound, 5_000_000);
    }

    #[test]
    fn bounds_grow() {
        for bounds in [DURATIONS, GROUPS, JOBS] {
            assert!(bounds.is_sorted_by(|a, b| a < b), "{bounds:?}");
        }
    }

    #[test]
    fn whoever_leaves_is_not_counted_any_more() {
        let level = Level::default();
        let one = level.enter();
        let other = level.enter();
        assert_eq!(level.value(), 2);
        drop(one);
        drop(other);
        assert_eq!(level.value(), 0);
    }

    #[test]
    fn hits_and_misses_are_told_apart() {
        let lookups = Lookups::default();
        for is_hit in [true, false, true] {
            lookups.count(is_hit);
        }
        assert_eq!((lookups.hits.value(), lookups.misses.value()), (2, 1));
    }

    #[test]
    fn what_never_happened_has_no_time() {
        let moment = Moment::default();
        assert_eq!(moment.value(), None);
        moment.set(7);
        assert_eq!(moment.value(), Some(7));
    }
}
