//! Writing many rows: a few hundred in a statement, a few hundred statements in a transaction.

use std::fmt::Write as _;

use sqlx::{AnyConnection, AssertSqlSafe, Executor as _};

use super::Outcome;

/// Rows in a statement.
const STATEMENT: usize = 400;
/// Rows in a transaction.
const TRANSACTION: usize = 100_000;

/// A value of a column.
pub enum Value {
    Null,
    Number(i64),
    Text(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Number(i64::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row of values that can be of different types.
macro_rules! row {
    ($($value:expr),+ $(,)?) => { vec![$($crate::support::rows::Value::from($value)),+] };
}
pub(crate) use row;

/// Writes all rows of a table. The texts are our own and hold neither quotes nor backslashes.
pub async fn insert(connection: &mut AnyConnection, table: &str, columns: &str, rows: impl Iterator<Item = Vec<Value>>) -> Outcome<()> {
    let mut statement = String::new();
    let mut count = 0;
    connection.execute("BEGIN").await?;
    for row in rows {
        if statement.is_empty() {
            write!(statement, "INSERT INTO {table} ({columns}) VALUES ")?;
        } else {
            statement.push(',');
        }
        append(&mut statement, row)?;
        count += 1;
        if count % STATEMENT == 0 {
            connection.execute(AssertSqlSafe(std::mem::take(&mut statement))).await?;
        }
        if count % TRANSACTION == 0 {
            connection.execute("COMMIT").await?;
            connection.execute("BEGIN").await?;
        }
    }
    if !statement.is_empty() {
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    connection.execute("COMMIT").await?;
    Ok(())
}

fn append(statement: &mut String, row: Vec<Value>) -> Outcome<()> {
    let mut separator = '(';
    for value in row {
        statement.push(separator);
        separator = ',';
        match value {
            Value::Null => statement.push_str("NULL"),
            Value::Number(number) => write!(statement, "{number}")?,
            Value::Text(text) if text.contains(['\'', '\\']) => return Err(format!("a text that needs quoting: {text}").into()),
            Value::Text(text) => write!(statement, "'{text}'")?,
        }
    }
    statement.push(')');
    Ok(())
}
