//! How many connections there are: in all, and from one network.
//!
//! Whoever comes when there is no room is turned away at once, instead of waiting in a line that others fill. Reverse proxies, which bring
//! everybody, and networks without limits are bounded by what there is in all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use crate::config::Config;
use crate::model::limit::network;

use super::address::is_in;

/// Files that the process needs besides its connections: the database, logs, what it fetches.
const OTHER_FILES: usize = 64;
/// How many connections may send a long head at a time.
const LARGE_HEADS: usize = 64;

/// Counts connections. Made once and shared by all threads.
#[derive(Debug)]
pub struct Doors {
    most: usize,
    most_of_one: usize,
    /// Those who may have all
    free: Vec<IpNet>,
    all: AtomicUsize,
    large: AtomicUsize,
    networks: Mutex<HashMap<[u8; 16], usize>>,
}

/// A connection that was let in, until it is dropped.
#[derive(Debug)]
pub struct Guest {
    doors: Arc<Doors>,
    network: Option<[u8; 16]>,
}

/// The right to send a long head, until it is dropped.
#[derive(Debug)]
pub struct Large(Arc<Doors>);

impl Doors {
    /// The doors of a server.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let pool = usize::try_from(config.database_pool_size).unwrap_or(usize::MAX);
        let room = files().map_or(usize::MAX, |files| files.saturating_sub(OTHER_FILES + pool).max(16));
        if room < config.limits.connections {
            tracing::warn!(
                event = "few_files",
                connections = room,
                "the process may not open enough files for as many connections as the setting says: raise the limit (ulimit -n, LimitNOFILE)"
            );
        }
        Self {
            most: config.limits.connections.min(room),
            most_of_one: config.limits.connections_of_address,
            free: config.trusted_proxies.iter().chain(&config.limits.unlimited).copied().collect(),
            all: AtomicUsize::new(0),
            large: AtomicUsize::new(0),
            networks: Mutex::default(),
        }
    }

    /// Lets somebody in, if there is room.
    #[must_use]
    pub fn enter(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Guest> {
        if self.all.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut guest = Guest {
            doors: Arc::clone(self),
            network: None,
        };
        let peer = peer.map(|peer| peer.to_canonical()).filter(|peer| !is_in(&self.free, *peer));
        if let Some(peer) = peer {
            let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
            let count = networks.entry(network(peer)).or_default();
            if *count >= self.most_of_one {
                return None;
            }
            *count += 1;
            guest.network = Some(network(peer));
        }
        Some(guest)
    }
}

impl Guest {
    /// Whether its network is counted.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.network.is_some()
    }

    /// The right to send a long head, if not too many have it.
    #[must_use]
    pub fn large(&self) -> Option<Large> {
        let large = &self.doors.large;
        if large.fetch_add(1, Ordering::Relaxed) < LARGE_HEADS {
            return Some(Large(Arc::clone(&self.doors)));
        }
        large.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.doors.all.fetch_sub(1, Ordering::Relaxed);
        let Some(network) = self.network else { return };
        let mut networks = self.doors.networks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = networks.entry(network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.0.large.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many files the process may open, where the system says so.
fn files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::{Doors, LARGE_HEADS};
    use crate::config::Config;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn so_many_are_let_in_and_who_leaves_makes_room() {
        let mut config = Config::default();
        config.limits.connections = 5;
        config.limits.connections_of_address = 2;
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let doors = Arc::new(Doors::new(&config));
        let first = doors.enter(address("2001:db8::1"));
        let second = doors.enter(address("2001:db8::2:0:0:1"));
        assert!(first.is_some() && second.is_some());
        assert!(doors.enter(address("2001:db8::3")).is_none(), "one network is one");
        let third = doors.enter(address("2001:db8:0:1::1"));
        let proxies = [doors.enter(address("10.0.0.1")), doors.enter(address("::ffff:10.0.0.1"))];
        assert!(third.is_some() && proxies.iter().all(Option::is_some));
        assert!(doors.enter(address("10.0.0.1")).is_none(), "there is no room at all");
        drop(first);
        let again = doors.enter(address("2001:db8::3"));
        assert!(again.is_some());
        drop((second, third, proxies, again));
        assert!(doors.networks.lock().unwrap().is_empty(), "nobody is remembered who has left");
        let all: Vec<_> = (0..5).map(|number| doors.enter(address(&format!("192.0.2.{number}")))).collect();
        assert!(all.iter().all(Option::is_some));
    }

    #[test]
    fn a_few_may_send_long_heads() {
        let doors = Arc::new(Doors::new(&Config::default()));
        let guest = doors.enter(None).unwrap();
        let mut large: Vec<_> = (0..LARGE_HEADS).map(|_| guest.large().unwrap()).collect();
        assert!(guest.large().is_none());
        large.pop();
        assert!(guest.large().is_some());
    }
}
