//! Reading columns by position into types.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::base::fault::Fault;
use crate::protocol::scope::Scope;

/// A row of a result, from some column on.
pub(super) struct Row<'r> {
    row: &'r AnyRow,
    first: usize,
}

impl<'r> Row<'r> {
    pub(super) fn new(row: &'r AnyRow) -> Self {
        Self { row, first: 0 }
    }

    /// What stands in it from a column on, as a row of its own.
    pub(super) fn from(&self, at: usize) -> Self {
        Self {
            row: self.row,
            first: self.first + at,
        }
    }
}

impl Row<'_> {
    pub(super) fn text(&self, at: usize) -> Result<String, Fault> {
        self.row.try_get(self.first + at).map_err(unreadable)
    }

    pub(super) fn maybe_text(&self, at: usize) -> Result<Option<String>, Fault> {
        self.row.try_get(self.first + at).map_err(unreadable)
    }

    pub(super) fn integer(&self, at: usize) -> Result<i64, Fault> {
        self.row.try_get(self.first + at).map_err(unreadable)
    }

    pub(super) fn maybe_integer(&self, at: usize) -> Result<Option<i64>, Fault> {
        self.row.try_get(self.first + at).map_err(unreadable)
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
