//! Reading columns by position into types.

use rusqlite::types::{FromSql, Value as Cell};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::any::{Any, AnyRow};
use sqlx::{Decode, Row as _, Type};

use crate::base::fault::Fault;
use crate::protocol::scope::Scope;

use super::wording::{words, words_of_file};

/// A row of a result, from some column on.
#[derive(Clone, Copy)]
pub(super) struct Row<'r> {
    cells: Cells<'r>,
    first: usize,
}

/// Where its values are.
#[derive(Clone, Copy)]
enum Cells<'r> {
    Server(&'r AnyRow),
    File(&'r rusqlite::Row<'r>),
    Table(&'r [Cell]),
}

impl<'r> Row<'r> {
    /// A row that a server has sent.
    pub(super) fn of_server(row: &'r AnyRow) -> Self {
        let cells = Cells::Server(row);
        Self { cells, first: 0 }
    }

    /// The row that a statement of SQLite is at.
    pub(super) fn of_file(row: &'r rusqlite::Row<'r>) -> Self {
        let cells = Cells::File(row);
        Self { cells, first: 0 }
    }

    /// A row of SQLite that was read before.
    pub(super) fn of_table(row: &'r [Cell]) -> Self {
        let cells = Cells::Table(row);
        Self { cells, first: 0 }
    }

    /// What stands in it from a column on, as a row of its own.
    pub(super) fn from(&self, at: usize) -> Self {
        Self {
            first: self.first + at,
            ..*self
        }
    }

    fn value<T>(&self, at: usize) -> Result<T, Fault>
    where
        T: Type<Any> + Decode<'r, Any> + FromSql,
    {
        let at = self.first + at;
        match self.cells {
            Cells::Server(row) => row.try_get(at).map_err(|error| unreadable(words(&error))),
            Cells::File(row) => row.get(at).map_err(|error| unreadable(words_of_file(&error))),
            Cells::Table(cells) => {
                let cell = cells.get(at).ok_or_else(|| unreadable(format!("it has no column {at}")))?;
                T::column_result(cell.into()).map_err(unreadable)
            }
        }
    }
}

impl Row<'_> {
    pub(super) fn text(&self, at: usize) -> Result<String, Fault> {
        self.value(at)
    }

    pub(super) fn maybe_text(&self, at: usize) -> Result<Option<String>, Fault> {
        self.value(at)
    }

    pub(super) fn integer(&self, at: usize) -> Result<i64, Fault> {
        self.value(at)
    }

    pub(super) fn maybe_integer(&self, at: usize) -> Result<Option<i64>, Fault> {
        self.value(at)
    }

    pub(super) fn flag(&self, at: usize) -> Result<bool, Fault> {
        self.integer(at).map(|value| value != 0)
    }

    pub(super) fn json<T: DeserializeOwned>(&self, at: usize) -> Result<T, Fault> {
        serde_json::from_str(&self.text(at)?).map_err(no_json)
    }

    /// Settings. What a newer version has written, and this one does not know, is left out: both serve while one takes the
    /// place of the other.
    pub(super) fn settings<T: DeserializeOwned + Serialize + Default>(&self, at: usize) -> Result<T, Fault> {
        let text = self.text(at)?;
        serde_json::from_str(&text).or_else(|_| known(&text)).map_err(no_json)
    }

    pub(super) fn maybe_json<T: DeserializeOwned>(&self, at: usize) -> Result<Option<T>, Fault> {
        let text = self.maybe_text(at)?;
        text.map(|text| serde_json::from_str(&text).map_err(no_json)).transpose()
    }

    pub(super) fn scope(&self, at: usize) -> Result<Scope, Fault> {
        Scope::stored(&self.text(at)?).map_err(|refusal| unreadable(refusal.description))
    }

    /// A text that names one of a closed set of values.
    pub(super) fn named<T>(&self, at: usize, parse: impl Fn(&str) -> Option<T>) -> Result<T, Fault> {
        let text = self.text(at)?;
        parse(&text).ok_or_else(|| unreadable(format!("unknown value {text:?} in column {at}")))
    }
}

/// A row that this program cannot have written, or a newer one did.
pub(super) fn unreadable(cause: impl std::fmt::Display) -> Fault {
    Fault::internal(format!("unreadable row: {cause}"))
}

/// Where the JSON of a column goes wrong. What stands there is not shown.
fn no_json(error: serde_json::Error) -> Fault {
    unreadable(format!(
        "{:?} error in JSON at line {}, column {}",
        error.classify(),
        error.line(),
        error.column()
    ))
}

/// A list or map as JSON, the way columns hold them.
pub(super) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(Fault::internal)
}

/// The settings in a text, without the fields that are not known.
fn known<T: DeserializeOwned + Serialize + Default>(text: &str) -> Result<T, serde_json::Error> {
    let mut value: Value = serde_json::from_str(text)?;
    let fields = serde_json::to_value(T::default())?;
    if let (Value::Object(value), Value::Object(fields)) = (&mut value, fields) {
        value.retain(|name, _| fields.contains_key(name));
    }
    serde_json::from_value(value)
}

/// A text that `LIKE … ESCAPE '!'` takes literally.
pub(super) fn escape_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
