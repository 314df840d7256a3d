//! A lane in the hands of a transaction.

use std::sync::Arc;

use crate::base::fault::Fault;
use crate::model::chain::{Entry, Link};
use crate::model::event::{Event, EventKind, Outcome};

use super::Audit;

/// A lane that one transaction holds. When it is dropped, the lane is free again or lost.
pub(in crate::store) struct HeldLane {
    audit: Arc<Audit>,
    node: i64,
    number: i64,
    /// Where it was when it was taken
    durable: Link,
    /// Where it is when the transaction commits
    head: Link,
    /// For the listener
    events: Vec<Event>,
    /// For those who count
    marks: Vec<(EventKind, Outcome)>,
    /// Whether what was written may be there or not, for all that is known
    is_in_doubt: bool,
}

impl HeldLane {
    /// Takes a free lane, or opens one.
    pub(super) fn take(audit: Arc<Audit>) -> Result<Self, Fault> {
        audit.key()?;
        let node = audit.node.get().map(|node| node.number);
        let node = node.ok_or_else(|| Fault::internal("the transaction began before the audit log had a key"))?;
        let (number, durable) = {
            let mut lanes = audit.lanes();
            lanes.free.pop().unwrap_or_else(|| {
                lanes.newest += 1;
                (lanes.newest, Link::default())
            })
        };
        Ok(Self {
            audit,
            node,
            number,
            head: durable.clone(),
            durable,
            events: Vec::new(),
            marks: Vec::new(),
            is_in_doubt: false,
        })
    }

    /// The event as the next one of this lane.
    pub(super) fn next(&self, event: &Event) -> Result<Entry, Fault> {
        Ok(Entry::after(&self.head, event, self.node, self.number, self.audit.key()?))
    }

    /// From now on nobody knows what is there, until [`Self::append`] or [`Self::committed`].
    pub(in crate::store) fn doubt(&mut self) {
        self.is_in_doubt = true;
    }

    /// It is known that nothing of the transaction is there: it was undone.
    pub(in crate::store) fn trust(&mut self) {
        self.is_in_doubt = false;
    }

    /// An event was written.
    pub(super) fn append(&mut self, link: Link, event: Event) {
        self.head = link;
        self.is_in_doubt = false;
        self.marks.push((event.kind, event.outcome));
        if self.audit.listener.get().is_some() {
            self.events.push(event);
        }
    }

    /// All that was written is durable.
    pub(in crate::store) fn committed(mut self) {
        let mut lanes = self.audit.lanes();
        if self.durable.sequence == 0 && self.head.sequence > 0 {
            lanes.used += 1;
        }
        lanes.moved.insert(self.number, self.head.clone());
        drop(lanes);
        self.durable = self.head.clone();
        self.is_in_doubt = false;
        for (kind, outcome) in &self.marks {
            self.audit.measures.recorded(*kind, *outcome);
        }
        if let Some(listener) = self.audit.listener.get() {
            self.events.iter().for_each(listener);
        }
    }
}

impl Drop for HeldLane {
    fn drop(&mut self) {
        if !self.is_in_doubt {
            self.audit.lanes().free.push((self.number, self.durable.clone()));
        }
    }
}
