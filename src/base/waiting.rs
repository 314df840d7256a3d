//! Who waits for what, on this node: for a key, on behalf of somebody who may have so many waiting at once.
//!
//! Whoever wakes a key need not know whether anybody waits. Somebody who joins, then looks, and then waits
//! misses nothing: what happens after the joining ends the waiting.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// How many may wait.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// For one key
    pub of_key: usize,
    /// On behalf of one
    pub of_one: usize,
    /// In all
    pub of_all: usize,
}

/// Why somebody cannot begin to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannotWait {
    /// As many wait as may
    NoRoom,
    /// The node is about to stop
    Closed,
}

/// Those who wait. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    keys: HashMap<String, Key>,
    shares: HashMap<String, usize>,
    all: usize,
    is_closed: bool,
}

#[derive(Debug)]
struct Key {
    bell: watch::Sender<()>,
    waiting: usize,
    is_asked_for: bool,
}

impl Waiting {
    /// Begins to wait for `key` on behalf of `whose`.
    ///
    /// # Errors
    /// When there is no room, or the node is about to stop.
    pub fn join(&self, key: &str, whose: &str, room: Room) -> Result<Waiter, CannotWait> {
        let mut inner = self.lock();
        let share = inner.shares.get(whose).copied().unwrap_or(0);
        if inner.is_closed {
            return Err(CannotWait::Closed);
        }
        let for_key = inner.keys.get(key).map_or(0, |key| key.waiting);
        if inner.all >= room.of_all || share >= room.of_one || for_key >= room.of_key {
            return Err(CannotWait::NoRoom);
        }
        inner.all += 1;
        inner.shares.insert(whose.to_owned(), share + 1);
        let entry = inner.keys.entry(key.to_owned()).or_insert_with(|| Key {
            bell: watch::Sender::new(()),
            waiting: 0,
            is_asked_for: false,
        });
        entry.waiting += 1;
        Ok(Waiter {
            bell: entry.bell.subscribe(),
            key: key.to_owned(),
            whose: whose.to_owned(),
            waiting: self.clone(),
        })
    }

    /// As [`Self::join`], for something of which it must be asked by its key what has happened to it elsewhere.
    ///
    /// # Errors
    /// See [`Self::join`].
    pub fn join_and_ask(&self, key: &str, whose: &str, room: Room) -> Result<Waiter, CannotWait> {
        let waiter = self.join(key, whose, room)?;
        if let Some(key) = self.lock().keys.get_mut(key) {
            key.is_asked_for = true;
        }
        Ok(waiter)
    }

    /// The keys of which it must be asked.
    #[must_use]
    pub fn asked_for(&self) -> Vec<String> {
        let inner = self.lock();
        let asked_for = inner.keys.iter().filter(|(_, key)| key.is_asked_for);
        asked_for.map(|(name, _)| name.clone()).collect()
    }

    /// Wakes everybody who waits for `key`.
    pub fn wake(&self, key: &str) {
        if let Some(key) = self.lock().keys.get(key) {
            key.bell.send_replace(());
        }
    }

    /// Wakes everybody for good: nobody can begin to wait any more.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        for key in inner.keys.values() {
            key.bell.send_replace(());
        }
    }

    /// How many wait.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().all
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Whether the node is about to stop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, key: &str, whose: &str) {
        let mut inner = self.lock();
        inner.all -= 1;
        if let Entry::Occupied(mut entry) = inner.keys.entry(key.to_owned()) {
            entry.get_mut().waiting -= 1;
            if entry.get().waiting == 0 {
                entry.remove();
            }
        }
        if let Entry::Occupied(mut share) = inner.shares.entry(whose.to_owned()) {
            *share.get_mut() -= 1;
            if *share.get() == 0 {
                share.remove();
            }
        }
    }
}

/// Somebody who waits; leaves when it is dropped.
#[derive(Debug)]
pub struct Waiter {
    bell: watch::Receiver<()>,
    key: String,
    whose: String,
    waiting: Waiting,
}

impl Waiter {
    /// Waits until the key is woken: after the joining, and after the last time.
    pub async fn woken(&mut self) {
        // The sender lives as long as this does: an error cannot be.
        let _ = self.bell.changed().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.waiting.leave(&self.key, &self.whose);
    }
}

#[cfg(test)]
mod tests {
    use super::{CannotWait, Room, Waiting};

    const ROOM: Room = Room {
        of_key: 2,
        of_one: 2,
        of_all: 3,
    };

    #[tokio::test]
    async fn who_joined_before_is_woken_and_nobody_else() {
        let waiting = Waiting::default();
        let mut first = waiting.join("a", "app", ROOM).unwrap();
        let mut second = waiting.join("b", "app", ROOM).unwrap();
        waiting.wake("a");
        first.woken().await;
        for waiter in [&mut first, &mut second] {
            let again = tokio::time::timeout(std::time::Duration::from_millis(20), waiter.woken()).await;
            assert!(again.is_err(), "one call wakes once");
        }
        waiting.close();
        second.woken().await;
        assert_eq!(waiting.join("c", "other", ROOM).err(), Some(CannotWait::Closed));
    }

    #[test]
    fn it_is_asked_for_what_somebody_waits_for_who_wants_that() {
        let waiting = Waiting::default();
        let _other = waiting.join("a", "app", ROOM).unwrap();
        let asking = waiting.join_and_ask("b", "app", ROOM).unwrap();
        assert_eq!(waiting.asked_for(), ["b"]);
        drop(asking);
        assert!(waiting.asked_for().is_empty());
    }

    #[test]
    fn there_is_so_much_room_and_who_leaves_makes_some() {
        let waiting = Waiting::default();
        let first = waiting.join("a", "app", ROOM);
        let second = waiting.join("a", "app", ROOM);
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(
            waiting.join("b", "app", ROOM).err(),
            Some(CannotWait::NoRoom),
            "the share is used up"
        );
        let third = waiting.join("b", "other", ROOM);
        assert!(third.is_ok());
        assert_eq!(
            waiting.join("b", "yet another", ROOM).err(),
            Some(CannotWait::NoRoom),
            "there is no room at all"
        );
        drop(first);
        assert!(waiting.join("c", "app", ROOM).is_ok());
        let many = Room {
            of_one: 10,
            of_all: 10,
            ..ROOM
        };
        let of_key: Vec<_> = (0..3).map(|_| waiting.join("d", "app", many)).collect();
        assert!(of_key[1].is_ok());
        assert_eq!(of_key[2].as_ref().err(), Some(&CannotWait::NoRoom), "one key does not take it all");
        drop(of_key);
        drop((second, third));
        assert!(waiting.is_empty());
    }
}
