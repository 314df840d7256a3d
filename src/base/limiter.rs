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
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
    /// The place where [`Self::near`] begins the next time
    next: AtomicUsize,
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
            next: AtomicUsize::new(0),
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

    /// What others should hear: of every key that is near its limit, `most` of them at most. Those of which more was counted
    /// since they heard of them come first; of the others they only are to be asked. Where there are more than that, the next
    /// call goes on where this one has ended.
    #[must_use]
    pub fn near(&self, now: u64, most: usize) -> Vec<News> {
        let mut news = Vec::new();
        if !self.has_news.swap(false, Ordering::Relaxed) {
            return news;
        }
        // What has been told before, and where it was found.
        let mut known = Vec::new();
        let mut left = None;
        let first = self.next.load(Ordering::Relaxed);
        'table: for at in (first..PLACES).chain(0..first) {
            for entry in lock(&self.places[at]).iter() {
                let is_of_all = entry.length > 0 && entry.key.kind < OWN;
                if !is_of_all || entry.window != window_at(now, entry.length) || !entry.is_near() {
                    continue;
                }
                let one = News {
                    key: entry.key,
                    window: (entry.window, entry.length),
                    counted: i64::from(entry.here) - i64::from(entry.told),
                };
                if one.counted == 0 {
                    if known.len() <= most {
                        known.push((at, one));
                    }
                } else if news.len() < most {
                    news.push(one);
                } else {
                    self.has_news.store(true, Ordering::Relaxed);
                    left = Some(at);
                    break 'table;
                }
            }
        }
        let room = most - news.len();
        let left = left.or_else(|| known.get(room).map(|(at, _)| *at));
        news.extend(known.into_iter().take(room).map(|(_, one)| one));
        if let Some(at) = left {
            self.next.store(at, Ordering::Relaxed);
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
mod tests;
