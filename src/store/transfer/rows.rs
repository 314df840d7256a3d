//! Reading and writing rows of any table, in pages and in the order of the primary key.
//!
//! Statements are put together from the names of the catalog, which have nothing in them but small letters, digits and
//! underscores; values are parameters.

use std::fmt::Write as _;

use sqlx::any::{Any, AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{AnyConnection, AssertSqlSafe, Executor, Row as _};

use crate::base::digest::sha256;
use crate::base::fault::Fault;
use crate::store::error::fault;
use crate::store::options::Dialect;
use crate::store::wording::words;

use super::TransferError;
use super::catalog::{Column, ColumnKind, Table};

/// How many rows are read at once.
const PAGE: usize = 200;
/// How many rows one statement inserts. One with more of them would have more parameters than a database takes.
const TOGETHER: usize = 50;
/// The most that one statement carries, in bytes of texts; what is longer goes row by row.
const MAX_STATEMENT: usize = 1 << 20;

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Number(i64),
    Text(String),
}

/// The values of a row, in the order of the columns.
pub(super) type Row = Vec<Value>;

/// What the rows of a table come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub rows: u64,
    digest: [u64; 4],
}

impl Sum {
    /// Adds the digest of a row. Databases sort texts in different ways, so the order must not count.
    pub(super) fn add(&mut self, row: &Row) {
        let mut bytes = Vec::new();
        for value in row {
            match value {
                Value::Null => bytes.push(0),
                Value::Number(number) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&number.to_be_bytes());
                }
                Value::Text(text) => {
                    bytes.push(2);
                    bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
                    bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        let digest = sha256(&bytes);
        for (sum, part) in self.digest.iter_mut().zip(digest.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_be_bytes(*part));
        }
        self.rows += 1;
    }

    pub(super) fn digest(&self) -> String {
        let [a, b, c, d] = self.digest;
        format!("{a:016x}{b:016x}{c:016x}{d:016x}")
    }
}

/// Parameters of a statement, counted.
struct Parameters(Dialect, usize);

impl Parameters {
    fn next(&mut self) -> String {
        self.1 += 1;
        match self.0 {
            Dialect::Sqlite | Dialect::Postgres => format!("${}", self.1),
            Dialect::MySql => "?".to_owned(),
        }
    }
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

type Statement = Query<'static, Any, AnyArguments>;

fn bound(statement: Statement, value: Value, kind: ColumnKind) -> Statement {
    match (value, kind) {
        (Value::Text(text), _) => statement.bind(text),
        (Value::Number(number), _) => statement.bind(number),
        (Value::Null, ColumnKind::Text) => statement.bind(None::<String>),
        (Value::Null, ColumnKind::Number) => statement.bind(None::<i64>),
    }
}

/// The rows after the one with the key `after`, some of them, in the order of their keys.
pub(super) async fn page(dialect: Dialect, connection: &mut AnyConnection, table: &Table, after: Option<&Row>) -> Result<Vec<Row>, Fault> {
    let mut parameters = Parameters(dialect, 0);
    let mut values = Vec::new();
    let key: Vec<&Column> = table.key.iter().filter_map(|at| table.columns.get(*at)).collect();
    let mut text = format!("SELECT {} FROM {}", names(&table.columns), table.name);
    if let Some(after) = after {
        // The first condition is what lets every database walk the index.
        let mut condition = String::new();
        if let (Some(first), Some(value)) = (key.first(), after.first()) {
            let _ = write!(condition, " WHERE {} >= {} AND ", first.name, parameters.next());
            values.push((value.clone(), first.kind));
        }
        for (at, (column, value)) in key.iter().zip(after).enumerate() {
            let _ = write!(condition, "({} > {}", column.name, parameters.next());
            values.push((value.clone(), column.kind));
            if at + 1 < key.len() {
                let _ = write!(condition, " OR ({} = {} AND ", column.name, parameters.next());
                values.push((value.clone(), column.kind));
            }
        }
        condition.push(')');
        condition.push_str(&"))".repeat(key.len().saturating_sub(1)));
        text.push_str(&condition);
    }
    let order = key.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
    let _ = write!(text, " ORDER BY {order} LIMIT {PAGE}");
    let statement = values
        .into_iter()
        .fold(sqlx::query(AssertSqlSafe(text)), |statement, (value, kind)| {
            bound(statement, value, kind)
        });
    let rows = connection.fetch_all(statement).await.map_err(fault)?;
    rows.iter().map(|row| read(row, table)).collect()
}

fn read(row: &AnyRow, table: &Table) -> Result<Row, Fault> {
    let unreadable = |column: &Column, error: sqlx::Error| Fault::internal(format!("{}.{}: {error}", table.name, column.name));
    let value = |(at, column): (usize, &Column)| match column.kind {
        ColumnKind::Text => row
            .try_get::<Option<String>, _>(at)
            .map(|text| text.map_or(Value::Null, Value::Text))
            .map_err(|error| unreadable(column, error)),
        ColumnKind::Number => row
            .try_get::<Option<i64>, _>(at)
            .map(|number| number.map_or(Value::Null, Value::Number))
            .map_err(|error| unreadable(column, error)),
    };
    table.columns.iter().enumerate().map(value).collect()
}

/// Inserts rows: many with one statement, what is left over one by one.
pub(super) async fn insert(dialect: Dialect, connection: &mut AnyConnection, table: &Table, rows: Vec<Row>) -> Result<(), TransferError> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<Row> = rows.by_ref().take(TOGETHER).collect();
        let size: usize = chunk.iter().flatten().map(size_of).sum();
        if chunk.len() == TOGETHER && size <= MAX_STATEMENT {
            insert_together(dialect, connection, table, chunk).await?;
            continue;
        }
        for row in chunk {
            insert_together(dialect, connection, table, vec![row]).await?;
        }
    }
    Ok(())
}

fn size_of(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Null | Value::Number(_) => 8,
    }
}

async fn insert_together(dialect: Dialect, connection: &mut AnyConnection, table: &Table, rows: Vec<Row>) -> Result<(), TransferError> {
    let mut parameters = Parameters(dialect, 0);
    let mut tuple = || {
        let places: Vec<String> = table.columns.iter().map(|_| parameters.next()).collect();
        format!("({})", places.join(", "))
    };
    let tuples: Vec<String> = rows.iter().map(|_| tuple()).collect();
    let text = format!(
        "INSERT INTO {} ({}) VALUES {}",
        table.name,
        names(&table.columns),
        tuples.join(", ")
    );
    let mut statement = sqlx::query(AssertSqlSafe(text));
    for row in rows {
        for (value, column) in row.into_iter().zip(&table.columns) {
            statement = bound(statement, value, column.kind);
        }
    }
    match connection.execute(statement).await {
        Ok(_) => Ok(()),
        // What one database takes, another may not: a text may be too long for it, or two that it takes for the same.
        Err(error) if error.as_database_error().is_some() => Err(TransferError::Refused(format!(
            "the target does not take a row of the table {}: {}; nothing was transferred",
            table.name,
            words(&error)
        ))),
        Err(error) => Err(fault(error).into()),
    }
}

/// Whether a table has a row.
pub(super) async fn has_any(connection: &mut AnyConnection, table: &str) -> Result<bool, sqlx::Error> {
    let text = format!("SELECT COUNT(*) FROM (SELECT 1 AS present FROM {table} LIMIT 1) AS any_row");
    let row = connection.fetch_one(AssertSqlSafe(text)).await?;
    Ok(row.try_get::<i64, _>(0)? > 0)
}
