//! Reading the audit log, newest first.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::chain::Entry;
use crate::model::event::{Event, EventFilter, EventKind, Outcome};

use super::Connection;
use super::audit::{columns, entry};
use super::sql::{Sql, sql};

/// A part of the events that a filter finds, and how far it was looked.
#[derive(Clone, Debug, PartialEq)]
pub struct EventsNearby {
    /// Newest first
    pub events: Vec<Event>,
    /// The id below which to go on, when it was looked far enough before enough events were found
    pub reached: Option<String>,
}

/// How many rows are looked at for one page: nobody waits for a needle in a million of them.
const REACH: i64 = 2500;

/// The page that begins below an id. `$lead` is the column whose index is walked, all others are
/// looked at on the way. `at + 0` is in no index: a range of ids stands for a range of times, and PostgreSQL, which
/// plans before it knows the values, would take both.
macro_rules! page {
    ($lead:literal) => {
        sql!(
            "SELECT ",
            columns!(),
            " FROM events WHERE ",
            $lead,
            " = $1 AND id < $2 AND id >= $3 AND ($4 = 0 OR at + 0 >= $5 AND at + 0 < $6) \
             AND ($7 = '' OR kind = $8) AND ($9 = '' OR subject_id = $10) AND ($11 = '' OR client_id = $12) \
             AND ($13 = '' OR actor = $14) AND ($15 = '' OR outcome = $16) ORDER BY id DESC LIMIT $17"
        )
    };
}

/// The id of the row that lies so many below an id in the index of `$lead`.
macro_rules! edge {
    ($lead:literal) => {
        sql!(
            "SELECT id FROM events WHERE ",
            $lead,
            " = $1 AND id < $2 AND id >= $3 ORDER BY id DESC LIMIT 1 OFFSET $4"
        )
    };
}

/// A column whose index is walked.
#[derive(Clone, Copy)]
struct Lead<'a> {
    page: Sql,
    edge: Sql,
    /// What is looked up there
    value: &'a str,
}

macro_rules! lead {
    ($column:literal, $value:expr) => {
        Lead {
            page: page!($column),
            edge: edge!($column),
            value: $value,
        }
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
    /// Whether the times matter: a condition that is always true makes PostgreSQL expect few rows
    is_timed: bool,
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
            is_timed: filter.since.is_some() || filter.until.is_some(),
            since: filter.since.unwrap_or(i64::MIN),
            until: filter.until.unwrap_or(i64::MAX),
        }
    }

    /// The indexes that can be walked, and whether one of them finds nothing but what is asked for.
    fn leads(&self) -> (Vec<Lead<'_>>, bool) {
        let mut leads = vec![
            lead!("subject_id", &self.subject),
            lead!("client_id", &self.client),
            lead!("actor", &self.actor),
            lead!("kind", self.kind),
        ];
        leads.retain(|lead| !lead.value.is_empty());
        let is_exact = leads.len() < 2 && self.outcome.is_empty();
        if leads.is_empty() {
            leads.push(lead!("''", ""));
        }
        (leads, is_exact)
    }
}

impl Connection {
    /// Events, newest first, `limit` at most. `before` is the id of the last one of the page before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events(&mut self, filter: &EventFilter, before: Option<&str>, limit: u16) -> Result<Vec<Event>, Fault> {
        let mut before = before.map(str::to_owned);
        let mut events = Vec::new();
        loop {
            let missing = limit - u16::try_from(events.len()).unwrap_or(limit);
            let nearby = self.events_nearby(filter, before.as_deref(), missing).await?;
            events.extend(nearby.events);
            if nearby.reached.is_none() {
                return Ok(events);
            }
            before = nearby.reached;
        }
    }

    /// As [`Self::events`], for somebody who waits: where no index finds exactly what is asked for it looks
    /// at some thousand rows only.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events_nearby(&mut self, filter: &EventFilter, before: Option<&str>, limit: u16) -> Result<EventsNearby, Fault> {
        let mut terms = Terms::of(filter);
        let end = filter.until.map_or_else(|| END.to_owned(), |until| first_id(until + SLACK));
        let mut before = before.map_or(end.clone(), |before| end.min(before.to_owned()));
        let (lead, edge) = self.farthest(&terms, &before).await?;
        let (sql, value) = (lead.page, lead.value.to_owned());
        if let Some(edge) = &edge {
            terms.first.clone_from(edge);
        }
        let mut events = Vec::new();
        loop {
            let missing = limit - u16::try_from(events.len()).unwrap_or(limit);
            let entries = self.page(sql, &value, &terms, &before, missing).await?;
            let is_last = entries.len() < usize::from(missing);
            if let Some(last) = entries.last() {
                before.clone_from(&last.id);
            }
            // Kinds of a newer version are passed over; the page is filled up with what follows.
            events.extend(entries.into_iter().filter_map(Entry::event));
            let is_full = events.len() >= usize::from(limit);
            if is_last || is_full {
                let reached = edge.filter(|_| !is_full);
                return Ok(EventsNearby { events, reached });
            }
        }
    }

    /// The index in which [`REACH`] rows below `before` lead farthest back, and the id of the last of them;
    /// `None` when there are not so many, or all of them are asked for.
    async fn farthest<'a>(&mut self, terms: &'a Terms, before: &str) -> Result<(Lead<'a>, Option<String>), Fault> {
        let (leads, is_exact) = terms.leads();
        let mut farthest: Option<(Lead<'a>, String)> = None;
        for lead in leads {
            let edge = if is_exact {
                None
            } else {
                self.edge(lead, before, &terms.first).await?
            };
            match (edge, &farthest) {
                (None, _) => return Ok((lead, None)),
                (Some(edge), Some((_, least))) if *least <= edge => {}
                (Some(edge), _) => farthest = Some((lead, edge)),
            }
        }
        let (lead, edge) = farthest.ok_or_else(|| Fault::internal("no index of events to walk"))?;
        Ok((lead, Some(edge)))
    }

    async fn edge(&mut self, lead: Lead<'_>, before: &str, first: &str) -> Result<Option<String>, Fault> {
        self.query(lead.edge)
            .planned_for_its_values()
            .text(lead.value)
            .text(before)
            .text(first)
            .bind(REACH - 1)
            .aside()
            .optional(|row| row.text(0))
            .await
    }

    async fn page(&mut self, sql: Sql, lead: &str, terms: &Terms, before: &str, limit: u16) -> Result<Vec<Entry>, Fault> {
        let mut query = self
            .query(sql)
            .planned_for_its_values()
            .text(lead)
            .text(before)
            .text(&terms.first)
            .flag(terms.is_timed)
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
