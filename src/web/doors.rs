//! How many connections there are: in all, and from one network.
//!
//! Whoever comes when there is no room is turned away at once, instead of waiting in a line that others fill. Reverse proxies, which bring
//! everybody, and networks without limits are bounded by what there is in all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use crate::base::process::max_files;
use crate::config::Config;
use crate::model::limit::{network, surroundings};
use crate::model::measures::{NoRoom, TurnedAway};

use super::address::is_in;

/// Files that the process needs besides its connections: the database, logs, what it fetches.
const OTHER_FILES: usize = 64;
/// How many long heads there may be at a time that are not answered.
const LARGE_HEADS: usize = 64;
/// How many of them may come from one network.
const LARGE_HEADS_OF_ONE: usize = 8;
/// How many more there may be of those who bring everybody.
const LARGE_HEADS_IN_RESERVE: usize = 64;

/// How long a head is usually, in bytes. One that is shorter counts for as much: its request needs memory, too. All heads of the
/// requests that one network has open over HTTP/2 may be as long as this many times its connections, and all there are as this many times
/// all connections. (In memory they are several
/// times that.) With HTTP/1.1 there is one on a connection, and connections are counted.
const SHORT_HEAD: usize = 2048;

/// How many parts of eight of all heads strangers may have; one more is for those of them who have few, and the last for those who bring
/// everybody.
const HEADS_OF_STRANGERS: usize = 6;
const HEADS_OF_ALL_STRANGERS: usize = 7;
/// How long the heads of a network that has few are together.
const FEW_HEADS: usize = 8 * SHORT_HEAD;

/// The longest head over HTTP/2: one of these there may be.
const LONGEST_HEAD: usize = 32 * 1024;

/// Counts connections. Made once and shared by all threads.
#[derive(Debug)]
pub struct Doors {
    most: usize,
    most_of_one: usize,
    /// Those who may have all
    free: Vec<IpNet>,
    all: AtomicUsize,
    large: AtomicUsize,
    /// The length of all heads over HTTP/2
    heads: AtomicUsize,
    networks: Mutex<HashMap<Network, Share>>,
    /// What those around have: a customer of IPv6 may have thousands of networks
    around: Mutex<HashMap<Network, Share>>,
    turned_away: Arc<TurnedAway>,
}

type Network = [u8; 16];

/// How many times as many connections and heads as an address all addresses around it may have.
const AROUND: usize = 4;

/// How many connections of `most` one address may have. Where there are fewer in all than the setting says, it has its share of them,
/// and it never has so many that nobody else gets in.
fn share(of_one: usize, most: usize, wanted: usize) -> usize {
    let part = of_one.saturating_mul(most) / wanted.max(1);
    part.min(most / 4 * 3).max(1)
}

/// What a network has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    connections: usize,
    large: usize,
    heads: usize,
}

/// A connection that was let in, until it is dropped.
#[derive(Debug)]
pub struct Guest {
    doors: Arc<Doors>,
    network: Option<Network>,
    around: Option<Network>,
}

/// The head of a request, until it is dropped.
#[derive(Debug)]
pub struct Head {
    doors: Arc<Doors>,
    network: Option<Network>,
    around: Option<Network>,
    length: usize,
}

/// The right to send a long head, until it is dropped.
#[derive(Debug)]
pub struct Large {
    doors: Arc<Doors>,
    network: Option<Network>,
}

impl Doors {
    /// The doors of a server.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let pool = usize::try_from(config.database_pool_size).unwrap_or(usize::MAX);
        let files = max_files().and_then(|files| usize::try_from(files).ok());
        let room = files.map_or(usize::MAX, |files| files.saturating_sub(OTHER_FILES + pool).max(16));
        if room < config.limits.connections {
            tracing::warn!(
                event = "few_files",
                connections = room,
                "the process may not open enough files for as many connections as the setting says: raise the limit (ulimit -n, LimitNOFILE)"
            );
        }
        let most = config.limits.connections.min(room);
        Self {
            most,
            most_of_one: share(config.limits.connections_of_address, most, config.limits.connections),
            free: config.trusted_proxies.iter().chain(&config.limits.unlimited).copied().collect(),
            all: AtomicUsize::new(0),
            large: AtomicUsize::new(0),
            heads: AtomicUsize::new(0),
            networks: Mutex::default(),
            around: Mutex::default(),
            turned_away: Arc::default(),
        }
    }

    /// These doors, which count there whom they turn away.
    #[must_use]
    pub fn counting(self, turned_away: Arc<TurnedAway>) -> Self {
        Self { turned_away, ..self }
    }

    /// Lets somebody in, if there is room.
    #[must_use]
    pub fn enter(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Guest> {
        if self.all.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.all.fetch_sub(1, Ordering::Relaxed);
            self.turned_away.of(NoRoom::Connections).one_more();
            return None;
        }
        let mut guest = Guest {
            doors: Arc::clone(self),
            network: None,
            around: None,
        };
        let peer = peer.map(|peer| peer.to_canonical()).filter(|peer| !is_in(&self.free, *peer));
        if let Some(peer) = peer {
            let has_room = self.change(network(peer), |share| {
                let has_room = share.connections < self.most_of_one;
                share.connections += usize::from(has_room);
                has_room
            });
            if !has_room {
                self.turned_away.of(NoRoom::ConnectionsOfAddress).one_more();
                return None;
            }
            guest.network = Some(network(peer));
            // Neighbours in IPv4 have nothing to do with each other.
            if peer.is_ipv6() {
                if !self.come_near(surroundings(peer)) {
                    self.turned_away.of(NoRoom::ConnectionsAround).one_more();
                    return None;
                }
                guest.around = Some(surroundings(peer));
            }
        }
        Some(guest)
    }

    /// Counts a connection of those around, if they may have one more.
    fn come_near(&self, around: Network) -> bool {
        let most = self.most_of_one.saturating_mul(AROUND).min(self.most / 4 * 3).max(self.most_of_one);
        change(&self.around, around, |share| {
            let has_room = share.connections < most;
            share.connections += usize::from(has_room);
            has_room
        })
    }

    /// Changes what a network has.
    fn change<T>(&self, network: Network, with: impl FnOnce(&mut Share) -> T) -> T {
        change(&self.networks, network, with)
    }

    /// Counts a head among those of its network and of those around.
    fn head_of(&self, network: Network, around: Option<Network>, length: usize) -> bool {
        let most = self.most_of_one.saturating_mul(SHORT_HEAD).max(LONGEST_HEAD);
        let take = |most: usize| {
            move |share: &mut Share| {
                let has_room = share.heads + length <= most;
                share.heads += if has_room { length } else { 0 };
                has_room
            }
        };
        if !self.change(network, take(most)) {
            return false;
        }
        let has_room = around.is_none_or(|around| change(&self.around, around, take(most.saturating_mul(AROUND))));
        if !has_room {
            self.change(network, |share| share.heads -= length);
        }
        has_room
    }
}

/// Changes what is counted for a network. One that has nothing is forgotten.
fn change<T>(all: &Mutex<HashMap<Network, Share>>, network: Network, with: impl FnOnce(&mut Share) -> T) -> T {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    let mut share = all.get(&network).copied().unwrap_or_default();
    let changed = with(&mut share);
    if share == Share::default() {
        all.remove(&network);
    } else {
        all.insert(network, share);
    }
    changed
}

impl Guest {
    /// Whether its network is counted.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.network.is_some()
    }

    /// It sends frames that ask for nothing, and is let go.
    pub fn floods(&self) {
        self.doors.turned_away.of(NoRoom::EmptyFrames).one_more();
    }

    /// Room for a head of this length among all, and among those of its network.
    #[must_use]
    pub fn head(&self, length: usize) -> Option<Head> {
        let head = self.try_head(length.max(SHORT_HEAD));
        head.map_err(|reason| self.doors.turned_away.of(reason).one_more()).ok()
    }

    fn try_head(&self, length: usize) -> Result<Head, NoRoom> {
        let eighth = self.doors.most.saturating_mul(SHORT_HEAD) / 8;
        let parts = match self.network {
            None => 8,
            Some(network) if self.doors.change(network, |share| share.heads) + length <= FEW_HEADS => HEADS_OF_ALL_STRANGERS,
            Some(_) => HEADS_OF_STRANGERS,
        };
        if self.doors.heads.fetch_add(length, Ordering::Relaxed) + length > (eighth * parts).max(LONGEST_HEAD) {
            self.doors.heads.fetch_sub(length, Ordering::Relaxed);
            return Err(NoRoom::Requests);
        }
        let mut head = Head {
            doors: Arc::clone(&self.doors),
            network: None,
            around: None,
            length,
        };
        if let Some(network) = self.network {
            if !self.doors.head_of(network, self.around, length) {
                return Err(NoRoom::RequestsOfAddress);
            }
            (head.network, head.around) = (Some(network), self.around);
        }
        Ok(head)
    }

    /// The right to send a long head, if not too many have it.
    #[must_use]
    pub fn large(&self) -> Option<Large> {
        let large = self.try_large();
        if large.is_none() {
            self.doors.turned_away.of(NoRoom::LongHeads).one_more();
        }
        large
    }

    fn try_large(&self) -> Option<Large> {
        let most = match self.network {
            Some(_) => LARGE_HEADS,
            None => LARGE_HEADS + LARGE_HEADS_IN_RESERVE,
        };
        if self.doors.large.fetch_add(1, Ordering::Relaxed) >= most {
            self.doors.large.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut large = Large {
            doors: Arc::clone(&self.doors),
            network: None,
        };
        if let Some(network) = self.network {
            let has_room = self.doors.change(network, |share| {
                let has_room = share.large < LARGE_HEADS_OF_ONE;
                share.large += usize::from(has_room);
                has_room
            });
            if !has_room {
                return None;
            }
            large.network = Some(network);
        }
        Some(large)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.doors.all.fetch_sub(1, Ordering::Relaxed);
        if let Some(network) = self.network {
            self.doors
                .change(network, |share| share.connections = share.connections.saturating_sub(1));
        }
        if let Some(around) = self.around {
            change(&self.doors.around, around, |share| {
                share.connections = share.connections.saturating_sub(1);
            });
        }
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        self.doors.heads.fetch_sub(self.length, Ordering::Relaxed);
        if let Some(network) = self.network {
            self.doors
                .change(network, |share| share.heads = share.heads.saturating_sub(self.length));
        }
        if let Some(around) = self.around {
            change(&self.doors.around, around, |share| {
                share.heads = share.heads.saturating_sub(self.length);
            });
        }
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.doors.large.fetch_sub(1, Ordering::Relaxed);
        if let Some(network) = self.network {
            self.doors.change(network, |share| share.large = share.large.saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::{Doors, FEW_HEADS, HEADS_OF_STRANGERS, LARGE_HEADS, LARGE_HEADS_IN_RESERVE, LARGE_HEADS_OF_ONE, SHORT_HEAD, share};
    use crate::config::Config;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn so_many_are_let_in_and_who_leaves_makes_room() {
        let mut config = Config::default();
        config.limits.connections = 5;
        config.limits.connections_of_address = 2;
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let doors = Arc::new(Doors::new(&config));
        let first = doors.enter(Some(address("2001:db8::1")));
        let second = doors.enter(Some(address("2001:db8::2:0:0:1")));
        assert!(first.is_some() && second.is_some());
        assert!(doors.enter(Some(address("2001:db8::3"))).is_none(), "one network is one");
        let third = doors.enter(Some(address("2001:db8:0:1::1")));
        let proxies = [
            doors.enter(Some(address("10.0.0.1"))),
            doors.enter(Some(address("::ffff:10.0.0.1"))),
        ];
        assert!(third.is_some() && proxies.iter().all(Option::is_some));
        assert!(doors.enter(Some(address("10.0.0.1"))).is_none(), "there is no room at all");
        drop(first);
        let again = doors.enter(Some(address("2001:db8::3")));
        assert!(again.is_some());
        drop((second, third, proxies, again));
        assert!(doors.networks.lock().unwrap().is_empty(), "nobody is remembered who has left");
        let all: Vec<_> = (0..5)
            .map(|number| doors.enter(Some(address(&format!("192.0.{number}.1")))))
            .collect();
        assert!(all.iter().all(Option::is_some));
        drop(all);
        assert!(doors.around.lock().unwrap().is_empty(), "nobody is remembered who has left");
    }

    #[test]
    fn who_has_many_networks_has_not_all_connections() {
        let mut config = Config::default();
        config.limits.connections = 40;
        config.limits.connections_of_address = 2;
        let doors = Arc::new(Doors::new(&config));
        let from = |text: String| doors.enter(Some(address(&text)));
        let one: Vec<_> = (0..20).filter_map(|number| from(format!("2001:db8:0:{number}::1"))).collect();
        assert_eq!(one.len(), 8);
        let others: Vec<_> = (1..20).filter_map(|number| from(format!("2001:db8:{number}::1"))).collect();
        assert_eq!(others.len(), 19);
        let neighbours: Vec<_> = (0..20).filter_map(|number| from(format!("192.0.2.{number}"))).collect();
        assert_eq!(neighbours.len(), 40 - 8 - 19, "as many as there are in all");
    }

    #[test]
    fn one_address_never_has_all_connections() {
        assert_eq!(share(2048, 16_384, 16_384), 2048);
        assert_eq!(share(2048, 944, 16_384), 118);
        assert_eq!(share(2048, 400, 400), 300);
        assert_eq!(share(1, 16, 16_384), 1);
    }

    #[test]
    fn a_few_may_send_long_heads_and_no_network_all_of_them() {
        let doors = Arc::new(Doors::new(&Config::default()));
        let all_of = |peer: Option<IpAddr>| {
            let guest = doors.enter(peer).unwrap();
            std::iter::from_fn(move || guest.large()).collect::<Vec<_>>()
        };
        let mut first = all_of(Some(address("192.0.2.1")));
        assert_eq!(first.len(), LARGE_HEADS_OF_ONE);
        assert!(all_of(Some(address("192.0.2.1"))).is_empty(), "another connection has no more");
        first.pop();
        first.extend(all_of(Some(address("192.0.2.1"))));
        assert_eq!(first.len(), LARGE_HEADS_OF_ONE);
        let others: Vec<_> = (2..20)
            .flat_map(|number| all_of(Some(address(&format!("192.0.2.{number}")))))
            .collect();
        assert_eq!(first.len() + others.len(), LARGE_HEADS);
        // Who brings everybody finds room when strangers have taken theirs.
        let free = all_of(None);
        assert_eq!(free.len(), LARGE_HEADS_IN_RESERVE);
        drop((first, others, free));
        assert!(doors.networks.lock().unwrap().is_empty());
        assert_eq!(all_of(None).len(), LARGE_HEADS + LARGE_HEADS_IN_RESERVE);
    }

    #[test]
    fn a_network_has_so_much_room_for_heads() {
        let doors = Arc::new(Doors::new(&Config::default()));
        let guest = doors.enter(Some(address("192.0.2.1"))).unwrap();
        let another = doors.enter(Some(address("192.0.2.1"))).unwrap();
        let fill = |length: usize| std::iter::from_fn(|| guest.head(length)).collect::<Vec<_>>();
        let mut long = fill(16 * 1024);
        assert_eq!(long.len(), 256);
        assert!(another.head(1).is_none(), "another connection has no more");
        long.pop();
        assert_eq!(fill(1).len(), 8, "a short one counts 2 KiB");
        drop(long);
        assert_eq!(fill(0).len(), 2048);
        let elsewhere = doors.enter(Some(address("192.0.2.2"))).unwrap();
        assert!(elsewhere.head(16 * 1024).is_some());
        // Who brings everybody is not counted.
        let free = doors.enter(None).unwrap();
        assert!((0..3000).all(|_| free.head(2048).is_some()));
        drop((guest, another, elsewhere));
        assert!(doors.networks.lock().unwrap().is_empty());
    }

    #[test]
    fn all_networks_together_have_so_much_room_for_heads() {
        let doors = Arc::new(Doors::new(&Config::default()));
        let all_of = |peer: Option<IpAddr>| {
            let guest = doors.enter(peer).unwrap();
            std::iter::from_fn(move || guest.head(4096)).collect::<Vec<_>>()
        };
        let mut of_each: Vec<_> = (0..20).map(|number| all_of(Some(address(&format!("192.0.{number}.1"))))).collect();
        let count = |of_each: &[Vec<_>]| of_each.iter().map(Vec::len).sum::<usize>();
        let eighth = doors.most * SHORT_HEAD / 8 / 4096;
        // Six networks could have it all: then each of the others still has a few.
        let few = FEW_HEADS / 4096;
        assert_eq!(count(&of_each), eighth * HEADS_OF_STRANGERS + 14 * few);
        assert_eq!(of_each[19].len(), few, "who comes when there is no room for many has a few");
        // Who brings everybody finds room when strangers have taken theirs.
        assert_eq!(all_of(None).len(), eighth * 8 - count(&of_each));
        of_each.truncate(1);
        assert_eq!(
            all_of(Some(address("192.0.19.1"))).len(),
            of_each[0].len(),
            "what is answered makes room"
        );
        // Networks of one customer are counted together, too.
        drop(of_each);
        let mut of_each: Vec<_> = (0..20)
            .map(|number| all_of(Some(address(&format!("2001:db8:0:{number}::1")))))
            .collect();
        assert_eq!(count(&of_each), 4 * of_each[0].len());
        of_each.clear();
        drop(of_each);
        assert_eq!(doors.heads.load(Ordering::Relaxed), 0);
        assert!(doors.networks.lock().unwrap().is_empty() && doors.around.lock().unwrap().is_empty());
    }
}
