//! Tables and lists of facts.

use askama::Template;

use super::Part;
use super::parts::{Tag, id_of};
use super::time;
use crate::base::clock::Timestamp;

/// What stands in one place of a table.
#[derive(Default, Template)]
#[template(path = "admin/parts/cell.html")]
pub struct Cell {
    text: String,
    href: Option<String>,
    is_code: bool,
    is_unbroken: bool,
    machine: Option<String>,
    exact: String,
    tags: Vec<Tag>,
    note: String,
    parts: Vec<Part>,
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Text for machines.
    pub fn code(text: impl Into<String>) -> Self {
        Self {
            is_code: true,
            ..Self::text(text)
        }
    }

    /// It stays on one line: half an address means something else.
    pub fn unbroken(mut self) -> Self {
        self.is_unbroken = true;
        self
    }

    /// A point in time, as far from now as it is.
    pub fn time(at: Timestamp, now: Timestamp) -> Self {
        Self {
            machine: Some(time::machine(at)),
            exact: time::exact(at),
            ..Self::text(time::from_now(at, now))
        }
    }

    /// A tag.
    pub fn only_tag(tag: Tag) -> Self {
        Self::default().tag(tag)
    }

    /// A button or another part.
    pub fn only(part: impl Template + 'static) -> Self {
        Self::default().part(part)
    }

    /// Leads somewhere.
    pub fn to(mut self, href: String) -> Self {
        self.href = Some(href);
        self
    }

    /// With a tag behind it.
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tags.push(tag);
        self
    }

    /// With a tag behind it, if there is one.
    pub fn maybe_tag(self, tag: Option<Tag>) -> Self {
        match tag {
            Some(tag) => self.tag(tag),
            None => self,
        }
    }

    /// With something in smaller type behind it.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// With a part behind it.
    pub fn part(mut self, part: impl Template + 'static) -> Self {
        self.parts.push(Box::new(part));
        self
    }
}

/// A table. On a narrow screen each of its rows is a card.
#[derive(Template)]
#[template(path = "admin/parts/table.html")]
pub struct Table {
    id: String,
    caption: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<(&'static str, Cell)>>,
    empty: String,
    next: Option<String>,
}

impl Table {
    /// A table without rows; `empty` is what stands there then.
    pub fn new(caption: &str, columns: &[&'static str], empty: &str) -> Self {
        Self {
            id: id_of("table", caption),
            caption: caption.to_owned(),
            columns: columns.to_vec(),
            rows: Vec::new(),
            empty: empty.to_owned(),
            next: None,
        }
    }

    /// A row: what names it, then the rest.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(self.columns.iter().copied().zip(cells).collect());
    }

    /// Where it goes on.
    pub fn next(mut self, next: Option<String>) -> Self {
        if next.is_some() {
            // Only so many rows are looked at for one page.
            "None of the latest is like this. Go on to look at older ones.".clone_into(&mut self.empty);
        }
        self.next = next;
        self
    }
}

/// What there is to know about one thing.
#[derive(Default, Template)]
#[template(path = "admin/parts/facts.html")]
pub struct Facts {
    facts: Vec<(String, Cell)>,
}

impl Facts {
    /// A fact.
    pub fn fact(mut self, term: &str, cell: Cell) -> Self {
        self.facts.push((term.to_owned(), cell));
        self
    }

    /// A fact that may be missing.
    pub fn maybe(self, term: &str, cell: Option<Cell>) -> Self {
        match cell {
            Some(cell) => self.fact(term, cell),
            None => self,
        }
    }
}
