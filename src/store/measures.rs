//! What the store counts for whoever watches it.

use crate::base::measure::{Counter, DURATIONS, GROUPS, Histogram, Lookups};
use crate::model::event::{EventKind, Outcome};

use super::error::Error;

/// What is counted here. All nodes have their own.
#[derive(Debug)]
pub struct Measures {
    /// How long it took to get a connection for reading
    pub reading: Histogram,
    /// How long it took until a transaction could begin: on SQLite, until the writer was free
    pub writing: Histogram,
    /// How long commits took
    pub committing: Histogram,
    /// How many transactions each commit of SQLite made durable
    pub groups: Histogram,
    /// How often there was no connection, or none in time
    pub refused: Counter,
    /// How often the database has undone a transaction in favour of another one
    pub undone: Counter,
    /// Statements, besides those that only begin and end transactions
    pub statements: Counter,
    /// Looks into what is kept of clients
    pub clients: Lookups,
    /// Looks into what is kept of scopes
    pub scopes: Lookups,
    /// Looks into what is kept of resources
    pub resources: Lookups,
    events: [[Counter; 2]; EventKind::ALL.len()],
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            reading: Histogram::of(DURATIONS),
            writing: Histogram::of(DURATIONS),
            committing: Histogram::of(DURATIONS),
            groups: Histogram::of(GROUPS),
            refused: Counter::default(),
            undone: Counter::default(),
            statements: Counter::default(),
            clients: Lookups::default(),
            scopes: Lookups::default(),
            resources: Lookups::default(),
            events: std::array::from_fn(|_| Default::default()),
        }
    }
}

impl Measures {
    /// The caches, by name.
    #[must_use]
    pub fn caches(&self) -> [(&'static str, &Lookups); 3] {
        [("clients", &self.clients), ("scopes", &self.scopes), ("resources", &self.resources)]
    }

    /// How a statement or a transaction has ended at a server.
    pub(super) fn ended(&self, error: Option<&Error>) {
        if error.is_some_and(Error::is_undone) {
            self.undone.one_more();
        }
    }

    /// An event is durable in the audit log.
    pub(super) fn recorded(&self, kind: EventKind, outcome: Outcome) {
        self.event(kind, outcome).one_more();
    }

    /// How many events of a kind were recorded.
    #[must_use]
    pub fn event(&self, kind: EventKind, outcome: Outcome) -> &Counter {
        let outcome = match outcome {
            Outcome::Success => 0,
            Outcome::Failure => 1,
        };
        &self.events[kind as usize][outcome]
    }
}

/// The connections of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// Those that somebody uses
    pub in_use: usize,
    /// Those that are open and nobody uses
    pub idle: usize,
    /// The most there may be
    pub most: usize,
}

#[cfg(test)]
mod tests {
    use super::{EventKind, Measures, Outcome};

    #[test]
    fn every_kind_of_event_has_a_place_of_its_own() {
        let measures = Measures::default();
        for (number, kind) in EventKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, number);
            measures.recorded(*kind, Outcome::Failure);
            assert_eq!(measures.event(*kind, Outcome::Failure).value(), 1);
            assert_eq!(measures.event(*kind, Outcome::Success).value(), 0);
        }
    }
}
