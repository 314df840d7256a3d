//! Reading the audit log, newest first.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::chain::Entry;
use crate::model::event::{Actor, Event, EventKind, Outcome};

use super::Connection;
use super::audit::{columns, entry};
use super::sql::{Sql, sql};

/// Which events to read: those for which everything that is set here is true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// What happened
    pub kind: Option<EventKind>,
    /// The user whom it concerns, by id
    pub subject_id: Option<String>,
    /// The client that it concerns
    pub client_id: Option<String>,
    /// Who did it
    pub actor: Option<Actor>,
    /// Not before this time
    pub since: Option<Timestamp>,
    /// Before this time
    pub until: Option<Timestamp>,
    /// With what result
    pub outcome: Option<Outcome>,
}

/// The page that begins below an id. `$lead` is the column whose index is walked, all others are
/// looked at on the way.
macro_rules! page {
    ($lead:literal) => {
        sql!(
            "SELECT ",
            columns!(),
            " FROM events WHERE ",
            $lead,
            " = $1 AND id < $2 AND id >= $3 AND at >= $4 AND at < $5 \
             AND ($6 = '' OR kind = $7) AND ($8 = '' OR subject_id = $9) AND ($10 = '' OR client_id = $11) \
             AND ($12 = '' OR actor = $13) AND ($14 = '' OR outcome = $15) ORDER BY id DESC LIMIT $16"
        )
    };
}

/// Between making the id of an event and noting its time no more than this passes, in seconds.
const SLACK: i64 = 60;

/// The least id that was made at a time: ids begin with their milliseconds in 12 hexadecimal digits.
fn first_id(at: Timestamp) -> String {
    let millis = at.clamp(0, 1 << 38).saturating_mul(1000);
    format!("{millis:012x}")
}

/// Greater than every id.
const END: &str = "g";

/// The filter as texts, empty where it does not matter.
struct Terms {
    kind: &'static str,
    subject: String,
    client: String,
    actor: String,
    outcome: &'static str,
    first: String,
    since: Timestamp,
    until: Timestamp,
}

impl Terms {
    fn of(filter: &EventFilter) -> Self {
        Self {
            kind: filter.kind.map_or("", EventKind::as_str),
            subject: filter.subject_id.clone().unwrap_or_default(),
            client: filter.client_id.clone().unwrap_or_default(),
            actor: filter.actor.as_ref().map_or_else(String::new, ToString::to_string),
            outcome: filter.outcome.map_or("", Outcome::as_str),
            first: filter.since.map_or_else(String::new, |since| first_id(since - SLACK)),
            since: filter.since.unwrap_or(i64::MIN),
            until: filter.until.unwrap_or(i64::MAX),
        }
    }

    /// The statement that walks the most telling index, and what it looks up there.
    fn page(&self) -> (Sql, &str) {
        match () {
            () if !self.subject.is_empty() => (page!("subject_id"), &self.subject),
            () if !self.client.is_empty() => (page!("client_id"), &self.client),
            () if !self.actor.is_empty() => (page!("actor"), &self.actor),
            () if !self.kind.is_empty() => (page!("kind"), self.kind),
            () => (page!("''"), ""),
        }
    }
}

impl Connection {
    /// Events, newest first, `limit` at most. `before` is the id of the last one of the page before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events(&mut self, filter: &EventFilter, before: Option<&str>, limit: u16) -> Result<Vec<Event>, Fault> {
        let terms = Terms::of(filter);
        let end = filter.until.map_or_else(|| END.to_owned(), |until| first_id(until + SLACK));
        let mut before = before.map_or(end.clone(), |before| end.min(before.to_owned()));
        let mut events = Vec::new();
        loop {
            let missing = limit - u16::try_from(events.len()).unwrap_or(limit);
            let entries = self.page(&terms, &before, missing).await?;
            let is_last = entries.len() < usize::from(missing);
            if let Some(last) = entries.last() {
                before.clone_from(&last.id);
            }
            // Kinds of a newer version are passed over; the page is filled up with what follows.
            events.extend(entries.into_iter().filter_map(Entry::event));
            if is_last || events.len() >= usize::from(limit) {
                return Ok(events);
            }
        }
    }

    async fn page(&mut self, terms: &Terms, before: &str, limit: u16) -> Result<Vec<Entry>, Fault> {
        let (statement, lead) = terms.page();
        let mut query = self
            .query(statement)
            .text(lead)
            .text(before)
            .text(&terms.first)
            .bind(terms.since)
            .bind(terms.until);
        for term in [terms.kind, &terms.subject, &terms.client, &terms.actor, terms.outcome] {
            query = query.text(term).text(term);
        }
        query.bind(i64::from(limit)).all(entry).await
    }

    /// One event.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn event(&mut self, id: &str) -> Result<Option<Event>, Fault> {
        let found = self
            .query(sql!("SELECT ", columns!(), " FROM events WHERE id = $1"))
            .text(id)
            .optional(entry)
            .await?;
        Ok(found.and_then(Entry::event))
    }
}
