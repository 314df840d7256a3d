//! The chains of the audit log: what ties an event to the one before it.
//!
//! Each process that writes events is a node. Its transactions run side by side, so it has not one
//! chain but as many as it has had transactions at once: lanes. In a lane the events are numbered
//! without a gap, and each carries a MAC over all that it says, its place, and the MAC before it.
//! Where a lane begins and how far it has come is sealed by the same key. So what was changed, removed,
//! swapped or added by somebody without the key is found by whoever has it.

use crate::base::clock::Timestamp;
use crate::base::digest::{MacKey, MacKeys, equal};
use crate::base::encoding::base64url;

use super::event::{Actor, Event, EventKind, Outcome};

/// The keys of the chains. Secrets are replaced, and events keep the MACs that they have: what ties the events of a secret that
/// is gone is then the seal of their lane's head, made with a key that is in use. A retired key proves nothing beyond that
/// head: whoever has learned an old secret can make events with it, but not sit them behind a seal.
#[derive(Clone, Debug)]
pub struct ChainKeys {
    in_use: MacKeys,
    retired: Vec<MacKey>,
}

impl From<MacKeys> for ChainKeys {
    fn from(in_use: MacKeys) -> Self {
        Self {
            in_use,
            retired: Vec::new(),
        }
    }
}

impl From<MacKey> for ChainKeys {
    fn from(key: MacKey) -> Self {
        Self::from(MacKeys::new(key, Vec::new()))
    }
}

impl ChainKeys {
    /// The same, and these of secrets that are gone.
    #[must_use]
    pub fn with_retired(self, retired: Vec<MacKey>) -> Self {
        Self { retired, ..self }
    }

    /// The one that makes MACs and seals.
    #[must_use]
    pub fn newest(&self) -> &MacKey {
        self.in_use.newest()
    }

    /// Whether a MAC is that of a key in use.
    fn is_in_use(&self, mac: &str, of: impl Fn(&MacKey) -> String) -> bool {
        self.in_use.iter().any(|key| equal(of(key).as_bytes(), mac.as_bytes()))
    }

    /// Whether a MAC is that of a retired key.
    fn is_retired(&self, mac: &str, of: impl Fn(&MacKey) -> String) -> bool {
        self.retired.iter().any(|key| equal(of(key).as_bytes(), mac.as_bytes()))
    }
}

/// A place in a lane: how many events it has had so far, and the MAC of the last of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// 0 before the first event
    pub sequence: i64,
    /// Empty before the first event
    pub mac: String,
}

/// An event as it is stored: every column, as it stands, however strange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Grows with time
    pub id: String,
    /// When
    pub at: Timestamp,
    /// The name of the kind
    pub kind: String,
    /// The name of the outcome
    pub outcome: String,
    /// Who did it
    pub actor: String,
    /// The user whom it concerns
    pub subject_id: Option<String>,
    /// The client that it concerns
    pub client_id: Option<String>,
    /// What else it concerns
    pub target: Option<String>,
    /// From where
    pub address: Option<String>,
    /// In which request
    pub request_id: Option<String>,
    /// JSON
    pub detail: String,
    /// Who wrote it
    pub node: i64,
    /// In which lane
    pub lane: i64,
    /// Its number there, and its MAC
    pub link: Link,
}

impl Entry {
    /// The event as the next one of a lane. Texts that are longer than their columns are cut.
    #[must_use]
    pub fn after(previous: &Link, event: &Event, node: i64, lane: i64, key: &MacKey) -> Self {
        let cut = |text: &Option<String>, length| text.as_ref().map(|text| text.chars().take(length).collect());
        let mut entry = Self {
            id: event.id.clone(),
            at: event.at,
            kind: event.kind.as_str().to_owned(),
            outcome: event.outcome.as_str().to_owned(),
            actor: event.actor.to_string().chars().take(300).collect(),
            subject_id: cut(&event.subject, 32),
            client_id: cut(&event.client_id, 255),
            target: cut(&event.target, 255),
            address: cut(&event.address, 64),
            request_id: cut(&event.request_id, 64),
            detail: serde_json::Value::from(event.detail.clone()).to_string(),
            node,
            lane,
            link: Link {
                sequence: previous.sequence + 1,
                mac: String::new(),
            },
        };
        entry.link.mac = entry.mac(&previous.mac, key);
        entry
    }

    /// The MAC that it must have after the one with the MAC `previous`.
    fn mac(&self, previous: &str, key: &MacKey) -> String {
        let mut parts: Vec<&[u8]> = vec![b"event", previous.as_bytes()];
        let numbers = [self.at, self.node, self.lane, self.link.sequence].map(i64::to_be_bytes);
        parts.extend(numbers.iter().map(<[u8; 8]>::as_slice));
        parts.extend([&self.id, &self.kind, &self.outcome, &self.actor, &self.detail].map(String::as_bytes));
        // Nothing is not the same as an empty text.
        for text in [&self.subject_id, &self.client_id, &self.target, &self.address, &self.request_id] {
            match text {
                Some(text) => parts.extend([b"1".as_slice(), text.as_bytes()]),
                None => parts.push(b"0"),
            }
        }
        base64url(&key.mac(&parts))
    }

    /// Whether it is the next one after `previous`, as it was written, in a lane that is sealed up to `head`.
    #[must_use]
    pub fn follows(&self, previous: &Link, head: &Link, keys: &ChainKeys) -> bool {
        let mac = |key: &MacKey| self.mac(&previous.mac, key);
        let is_sealed = self.link.sequence <= head.sequence;
        previous.sequence.checked_add(1) == Some(self.link.sequence)
            && (keys.is_in_use(&self.link.mac, mac) || is_sealed && keys.is_retired(&self.link.mac, mac))
    }

    /// The event; `None` when it is of a kind that this version does not know, or was tampered with.
    #[must_use]
    pub fn event(self) -> Option<Event> {
        Some(Event {
            id: self.id,
            at: self.at,
            kind: EventKind::parse(&self.kind)?,
            outcome: Outcome::parse(&self.outcome)?,
            actor: Actor::parse(&self.actor)?,
            subject: self.subject_id,
            client_id: self.client_id,
            target: self.target,
            address: self.address,
            request_id: self.request_id,
            detail: serde_json::from_str(&self.detail).ok()?,
        })
    }
}

/// A process that writes events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// 1, 2, 3 … without a gap
    pub number: i64,
    /// The machine and the process, for people
    pub name: String,
    /// When it wrote first
    pub started_at: Timestamp,
    /// When it sealed last
    pub updated_at: Timestamp,
    /// How many of its lanes have a sealed head
    pub lanes: i64,
}

impl Node {
    /// The seal over all columns.
    #[must_use]
    pub fn seal(&self, key: &MacKey) -> String {
        let numbers = [self.number, self.started_at, self.updated_at, self.lanes].map(i64::to_be_bytes);
        let mut parts: Vec<&[u8]> = vec![b"node", self.name.as_bytes()];
        parts.extend(numbers.iter().map(<[u8; 8]>::as_slice));
        base64url(&key.mac(&parts))
    }
}

/// A lane: from where to where its events must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Whose
    pub node: i64,
    /// 1, 2, 3 …
    pub number: i64,
    /// The last event that was removed because it was old
    pub base: Link,
    /// The last event that is known to be durable; what comes after it is not sealed yet
    pub head: Link,
}

impl Lane {
    /// A lane without events.
    #[must_use]
    pub fn new(node: i64, number: i64) -> Self {
        Self {
            node,
            number,
            base: Link::default(),
            head: Link::default(),
        }
    }

    /// The seal over the base.
    #[must_use]
    pub fn base_seal(&self, key: &MacKey) -> String {
        self.seal(b"base", &self.base, key)
    }

    /// The seal over the head.
    #[must_use]
    pub fn head_seal(&self, key: &MacKey) -> String {
        self.seal(b"head", &self.head, key)
    }

    fn seal(&self, which: &[u8], link: &Link, key: &MacKey) -> String {
        let [node, number, sequence] = [self.node, self.number, link.sequence].map(i64::to_be_bytes);
        base64url(&key.mac(&[which, &node, &number, &sequence, link.mac.as_bytes()]))
    }
}

/// A node together with the seal that is stored beside it.
#[derive(Clone, Debug)]
pub struct SealedNode {
    /// What is sealed
    pub node: Node,
    /// The seal
    pub seal: String,
}

impl SealedNode {
    /// Whether the seal is the right one.
    #[must_use]
    pub fn is_intact(&self, keys: &ChainKeys) -> bool {
        keys.is_in_use(&self.seal, |key| self.node.seal(key))
    }

    /// Whether the key that seals now has made it.
    #[must_use]
    pub fn is_newest(&self, keys: &ChainKeys) -> bool {
        equal(self.node.seal(keys.newest()).as_bytes(), self.seal.as_bytes())
    }
}

/// A lane together with the seals that are stored beside it.
#[derive(Clone, Debug)]
pub struct SealedLane {
    /// What is sealed
    pub lane: Lane,
    /// The seal of the base
    pub base_seal: String,
    /// The seal of the head
    pub head_seal: String,
}

impl SealedLane {
    /// Whether the seal of the base is the right one.
    #[must_use]
    pub fn is_base_intact(&self, keys: &ChainKeys) -> bool {
        keys.is_in_use(&self.base_seal, |key| self.lane.base_seal(key))
    }

    /// Whether the seal of the head is the right one.
    #[must_use]
    pub fn is_head_intact(&self, keys: &ChainKeys) -> bool {
        keys.is_in_use(&self.head_seal, |key| self.lane.head_seal(key))
    }

    /// Whether the key that seals now has made both.
    #[must_use]
    pub fn is_newest(&self, keys: &ChainKeys) -> bool {
        let key = keys.newest();
        equal(self.lane.base_seal(key).as_bytes(), self.base_seal.as_bytes())
            && equal(self.lane.head_seal(key).as_bytes(), self.head_seal.as_bytes())
    }
}
