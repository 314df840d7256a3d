//! Counting who asks how often, in bounded memory.
//!
//! What is counted has a [`Key`]. Two windows of time are kept of each: the one that runs and the one before it, which counts
//! less the longer the other runs. So what is measured is the rate over one sliding window.
//!
//! The table has a fixed size. Where a place is full, the key that has used least of its limit makes room, and the new one
//! begins where that one was, with half of its limit at most: whoever wants to be forgotten has to send more from elsewhere than
//! they may themselves, and nobody is shut out because of strangers. Places are chosen by a hash whose key nobody outside knows.
//!
//! Nodes count for themselves and tell each other what is near its limit ([`Limiter::near`], [`Limiter::heard`]).

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many keys have the same place.
const WAYS: usize = 8;
/// How many places there are: 32,768 keys in 1.5 MB.
const PLACES: usize = 4096;
/// A key is near its limit when this part of it was used on this node: others hear of it then.
const NEAR: u32 = 8;

/// Kinds from this one on are of this process only: nobody else is told of them.
pub const OWN: u16 = 512;

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Key {
    /// Of which kind it is
    pub kind: u16,
    /// Who it is, among those of the kind
    pub who: [u8; 16],
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many times
    pub limit: u32,
    /// In so many seconds
    pub window: u16,
}

/// Where somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The rate that counts for them
    pub rate: Rate,
    /// How often they may ask now
    pub remaining: u32,
    /// In how many seconds they may ask again, or more often than now
    pub reset: u32,
}

/// What a node has to tell of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// The key
    pub key: Key,
    /// The number of the window, and its length in seconds
    pub window: (u32, u16),
    /// How much has been counted here since it was told the last time; less than nothing when something was given back
    pub counted: i64,
}

/// Counts. Made once and shared by all threads.
#[derive(Debug)]
pub struct Limiter {
    places: Vec<Mutex<Place>>,
    hasher: RandomState,
    has_news: AtomicBool,
}

type Place = [Entry; WAYS];

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    key: Key,
    length: u16,
    limit: u32,
    /// The number of the window that runs: seconds since the epoch, divided by its length
    window: u32,
    /// In the window before it, on all nodes as far as this one has heard
    before: u32,
    /// In this window, on this node
    here: u32,
    /// In this window, on other nodes
    elsewhere: u32,
    /// How much of `here` others have heard of
    told: u32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            places: (0..PLACES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            has_news: AtomicBool::new(false),
        }
    }
}

impl Limiter {
    /// Counts one more of `key`, if there is room for it at `now`, in milliseconds since the epoch.
    ///
    /// # Errors
    /// Where they stand, when there is none; then nothing is counted, so that asking in vain shuts nobody out for longer.
    pub fn take(&self, key: Key, rate: Rate, now: u64) -> Result<Standing, Standing> {
        let mut place = self.place(&key);
        let entry = find(&mut place, key, rate, now);
        if entry.used(now) >= u64::from(entry.limit) {
            return Err(entry.standing(now));
        }
        entry.here = entry.here.saturating_add(1);
        if entry.is_near() && key.kind < OWN {
            self.has_news.store(true, Ordering::Relaxed);
        }
        Ok(entry.standing(now))
    }

    /// Where `key` stands; nothing is counted.
    #[must_use]
    pub fn look(&self, key: Key, rate: Rate, now: u64) -> Standing {
        let mut place = self.place(&key);
        match place.iter_mut().find(|entry| entry.is_of(key)) {
            Some(entry) => {
                entry.move_on(rate, now);
                entry.standing(now)
            }
            None => Entry::new(key, rate, now).standing(now),
        }
    }

    /// Takes back one that was counted just now.
    pub fn give_back(&self, key: Key, now: u64) {
        let mut place = self.place(&key);
        if let Some(entry) = place.iter_mut().find(|entry| entry.is_of(key)) {
            let rate = entry.rate();
            entry.move_on(rate, now);
            if entry.here > 0 {
                entry.here -= 1;
            } else {
                // The window ended in between.
                entry.before = entry.before.saturating_sub(1);
            }
        }
    }

    /// What others should hear: of every key that is near its limit, `most` of them at most.
    #[must_use]
    pub fn near(&self, now: u64, most: usize) -> Vec<News> {
        let mut news = Vec::new();
        if !self.has_news.swap(false, Ordering::Relaxed) {
            return news;
        }
        for place in &self.places {
            for entry in lock(place).iter_mut() {
                let is_of_all = entry.length > 0 && entry.key.kind < OWN;
                if !is_of_all || entry.window != window_at(now, entry.length) || !entry.is_near() {
                    continue;
                }
                if news.len() == most {
                    self.has_news.store(true, Ordering::Relaxed);
                    return news;
                }
                news.push(News {
                    key: entry.key,
                    window: (entry.window, entry.length),
                    counted: i64::from(entry.here) - i64::from(entry.told),
                });
            }
        }
        news
    }

    /// Others could not hear the news: [`Self::near`] says them again.
    pub fn unheard(&self) {
        self.has_news.store(true, Ordering::Relaxed);
    }

    /// Others have heard the news, and in all so many were counted on all nodes.
    pub fn heard(&self, news: &News, total: i64) {
        let mut place = self.place(&news.key);
        let is_same = |entry: &&mut Entry| entry.is_of(news.key) && (entry.window, entry.length) == news.window;
        if let Some(entry) = place.iter_mut().find(is_same) {
            let told = i64::from(entry.told) + news.counted;
            entry.told = u32::try_from(told.max(0)).unwrap_or(u32::MAX);
            entry.elsewhere = u32::try_from((total - told).max(0)).unwrap_or(u32::MAX);
        }
    }

    fn place(&self, key: &Key) -> MutexGuard<'_, Place> {
        let hash = self.hasher.hash_one(key);
        // Less than the number of places, so it fits.
        let at = usize::try_from(hash % PLACES as u64).unwrap_or(0);
        lock(&self.places[at])
    }
}

fn lock(place: &Mutex<Place>) -> MutexGuard<'_, Place> {
    // Nothing panics while it is held.
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The entry of a key, as of now; made when there is none.
fn find(place: &mut Place, key: Key, rate: Rate, now: u64) -> &mut Entry {
    let at = match place.iter().position(|entry| entry.is_of(key)) {
        Some(at) => at,
        None => {
            let mut least = 0;
            for at in 1..WAYS {
                if place[at].part(now) < place[least].part(now) {
                    least = at;
                }
            }
            let part = place[least].part(now).min(PART / 2);
            place[least] = Entry::new(key, rate, now);
            let inherited = part * u64::from(rate.limit) / PART;
            place[least].here = u32::try_from(inherited).unwrap_or(0);
            // It is nobody's news.
            place[least].told = place[least].here;
            least
        }
    };
    let entry = &mut place[at];
    entry.move_on(rate, now);
    entry
}

/// The whole of a limit, as parts of it are measured.
const PART: u64 = 1 << 20;

fn window_at(now: u64, length: u16) -> u32 {
    u32::try_from(now / 1000 / u64::from(length.max(1))).unwrap_or(u32::MAX)
}

impl Entry {
    fn new(key: Key, rate: Rate, now: u64) -> Self {
        Self {
            key,
            length: rate.window.max(1),
            limit: rate.limit,
            window: window_at(now, rate.window),
            ..Self::default()
        }
    }

    fn is_of(&self, key: Key) -> bool {
        self.length > 0 && self.key == key
    }

    fn rate(&self) -> Rate {
        Rate {
            limit: self.limit,
            window: self.length,
        }
    }

    /// Begins the window that runs now, and takes the rate that is in force.
    fn move_on(&mut self, rate: Rate, now: u64) {
        self.limit = rate.limit;
        if self.length != rate.window.max(1) {
            *self = Self::new(self.key, rate, now);
        }
        let window = window_at(now, self.length);
        // A clock that is set back does not begin anything anew.
        if window <= self.window {
            return;
        }
        self.before = if window - self.window == 1 {
            self.here.saturating_add(self.elsewhere)
        } else {
            0
        };
        (self.here, self.elsewhere, self.told, self.window) = (0, 0, 0, window);
    }

    fn is_near(&self) -> bool {
        self.here >= (self.limit / NEAR).max(1)
    }

    /// The length of a window and how much of the one that runs is over, in milliseconds.
    fn span(&self, now: u64) -> (u64, u64) {
        let length = u64::from(self.length) * 1000;
        let begun = u64::from(self.window) * length;
        (length, now.saturating_sub(begun).min(length))
    }

    /// How much of the limit was used, as of the last window's length.
    fn used(&self, now: u64) -> u64 {
        let (length, over) = self.span(now);
        u64::from(self.before) * (length - over) / length.max(1) + u64::from(self.here) + u64::from(self.elsewhere)
    }

    /// How large a part of its limit it has used; nothing when it is free, or its time is over.
    fn part(&self, now: u64) -> u64 {
        if self.length == 0 {
            return 0;
        }
        let mut current = *self;
        current.move_on(self.rate(), now);
        // Whoever has used anything comes after a place that is free.
        match current.used(now) {
            0 => 0,
            used => (used * PART / u64::from(current.limit.max(1))).max(1),
        }
    }

    fn standing(&self, now: u64) -> Standing {
        let used = self.used(now);
        let limit = u64::from(self.limit);
        let remaining = limit.saturating_sub(used);
        Standing {
            rate: self.rate(),
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: self.reset(now),
        }
    }

    /// The seconds until there is room for one, or for more than now: what was counted fades.
    fn reset(&self, now: u64) -> u32 {
        let (length, over) = self.span(now);
        let (limit, before) = (u64::from(self.limit), u64::from(self.before));
        let current = u64::from(self.here) + u64::from(self.elsewhere);
        let wait = if self.used(now) < limit {
            length - over
        } else if current < limit {
            // before * (length - at) / length + current < limit
            let at = length - ((limit - current) * length).saturating_sub(1) / before.max(1);
            at.saturating_sub(over)
        } else {
            // The same in the next window, where this one is the one before.
            length - over + length - (limit * length).saturating_sub(1) / current.max(1)
        };
        u32::try_from(wait.div_ceil(1000)).unwrap_or(u32::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Limiter, PLACES, Rate, WAYS};

    const RATE: Rate = Rate { limit: 10, window: 60 };
    /// The beginning of a window.
    const BEGIN: u64 = 1_800_000_000_000;

    fn key(number: u64) -> Key {
        let mut who = [0; 16];
        who[..8].copy_from_slice(&number.to_be_bytes());
        Key { kind: 1, who }
    }

    #[test]
    fn so_many_in_a_window_and_no_more_however_often_somebody_asks() {
        let limiter = Limiter::default();
        for taken in 1..=10 {
            assert_eq!(limiter.take(key(1), RATE, BEGIN).unwrap().remaining, 10 - taken);
        }
        for _ in 0..1000 {
            let refused = limiter.take(key(1), RATE, BEGIN + 1000).unwrap_err();
            assert_eq!(
                (refused.remaining, refused.reset),
                (0, 60),
                "a moment into the next window there is room for one"
            );
        }
        assert!(limiter.take(key(2), RATE, BEGIN).is_ok(), "nobody else is concerned");
        // When the time that was told is over there is room, and not a second before.
        assert!(limiter.take(key(1), RATE, BEGIN + 60_000).is_err());
        assert!(limiter.take(key(1), RATE, BEGIN + 61_000).is_ok());
        assert_eq!(
            limiter.look(key(1), RATE, BEGIN + 90_000).remaining,
            4,
            "half of ten and one are still felt"
        );
        assert_eq!(limiter.look(key(1), RATE, BEGIN + 180_000).remaining, 10);
    }

    #[test]
    fn the_time_that_is_told_is_the_time_that_it_takes() {
        for rate in [
            RATE,
            Rate { limit: 3, window: 3600 },
            Rate { limit: 7, window: 1 },
            Rate { limit: 1, window: 60 },
        ] {
            let limiter = Limiter::default();
            let mut now = BEGIN;
            let mut refusals = 0;
            for step in 0..2000_u64 {
                match limiter.take(key(1), rate, now) {
                    Ok(_) => now += (step * 7919) % (u64::from(rate.window) * 250),
                    Err(standing) => {
                        refusals += 1;
                        let until = now + u64::from(standing.reset) * 1000;
                        if standing.reset > 1 {
                            assert!(limiter.take(key(1), rate, until - 1001).is_err(), "{rate:?} {now}: earlier");
                        }
                        assert!(limiter.look(key(1), rate, until).remaining > 0, "{rate:?} {now}: {standing:?}");
                        now = until;
                    }
                }
            }
            assert!(refusals > 10, "{rate:?}");
        }
    }

    #[test]
    fn what_is_given_back_was_not_used() {
        let limiter = Limiter::default();
        for _ in 0..100 {
            limiter.take(key(1), RATE, BEGIN).unwrap();
            limiter.give_back(key(1), BEGIN + 5);
        }
        limiter.give_back(key(2), BEGIN);
        assert_eq!(limiter.look(key(1), RATE, BEGIN).remaining, 10);
    }

    #[test]
    fn a_clock_that_is_set_back_forgets_nothing() {
        let limiter = Limiter::default();
        for _ in 0..10 {
            limiter.take(key(1), RATE, BEGIN).unwrap();
        }
        assert!(limiter.take(key(1), RATE, BEGIN - 3_600_000).is_err());
        assert!(limiter.take(key(1), RATE, BEGIN).is_err());
    }

    /// Somebody who has used up their limit, and a hundred thousand others who have used a little of theirs.
    #[test]
    fn a_crowd_does_not_make_it_forget_who_asked_too_often() {
        let limiter = Limiter::default();
        for culprit in 0..100 {
            while limiter.take(key(culprit), RATE, BEGIN).is_ok() {}
        }
        for stranger in 1000..101_000 {
            let _ = limiter.take(key(stranger), RATE, BEGIN + 1);
        }
        let forgotten = (0..100)
            .filter(|culprit| limiter.take(key(*culprit), RATE, BEGIN + 2).is_ok())
            .count();
        assert!(forgotten <= 2, "{forgotten}");
        // And nobody who comes then is shut out because of them.
        let innocent = (200_000..201_000)
            .filter(|number| limiter.take(key(*number), RATE, BEGIN + 3).is_ok())
            .count();
        assert_eq!(innocent, 1000);
        assert!(PLACES * WAYS < 100_000);
    }

    #[test]
    fn nodes_that_tell_each_other_count_together() {
        let (here, there) = (Limiter::default(), Limiter::default());
        let rate = Rate { limit: 100, window: 60 };
        for _ in 0..60 {
            here.take(key(1), rate, BEGIN).unwrap();
            there.take(key(1), rate, BEGIN).unwrap();
        }
        let mut total = 0;
        for _ in 0..2 {
            for node in [&here, &there] {
                for news in node.near(BEGIN, 100) {
                    total += news.counted;
                    node.heard(&news, total);
                }
                // Whoever was asked lately listens again.
                let _ = node.take(key(1), rate, BEGIN);
            }
        }
        assert!(here.take(key(1), rate, BEGIN).is_err());
        assert!(there.take(key(1), rate, BEGIN).is_err());
        // What was counted elsewhere fades like everything else.
        assert!(here.take(key(1), rate, BEGIN + 60_000).is_err());
        assert!(here.take(key(1), rate, BEGIN + 115_000).is_ok());
    }

    #[test]
    fn nothing_is_told_of_those_who_ask_seldom() {
        let limiter = Limiter::default();
        let rate = Rate { limit: 100, window: 60 };
        for number in 0..1000 {
            limiter.take(key(number), rate, BEGIN).unwrap();
        }
        assert!(limiter.near(BEGIN, 1000).is_empty());
        for _ in 0..12 {
            limiter.take(key(5), rate, BEGIN).unwrap();
        }
        let news = limiter.near(BEGIN, 1000);
        assert_eq!(news.len(), 1);
        assert_eq!((news[0].key, news[0].counted), (key(5), 13));
        assert!(limiter.near(BEGIN, 1000).is_empty(), "and once is enough");
        limiter.unheard();
        assert_eq!(limiter.near(BEGIN, 1000), news, "unless nobody has heard it");
    }
}
