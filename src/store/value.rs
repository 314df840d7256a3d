//! The parameters of statements, as all databases take them.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use sqlx::any::AnyArguments;
use sqlx::{Arguments as _, Error};

/// A parameter. What is absent still has a type: PostgreSQL asks for one.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Option<String>),
    Small(i16),
    Number(Option<i64>),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i16> for Value {
    fn from(number: i16) -> Self {
        Self::Small(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Small(number) => ValueRef::Integer(i64::from(*number)),
            Self::Number(Some(number)) => ValueRef::Integer(*number),
            Self::Text(None) | Self::Number(None) => ValueRef::Null,
        }))
    }
}

/// The parameters as the drivers of servers take them.
pub(super) fn arguments(values: Vec<Value>) -> Result<AnyArguments, Error> {
    let mut arguments = AnyArguments::default();
    for value in values {
        match value {
            Value::Text(text) => arguments.add(text),
            Value::Small(number) => arguments.add(number),
            Value::Number(number) => arguments.add(number),
        }
        .map_err(Error::Encode)?;
    }
    Ok(arguments)
}
