//! Which tables a database has, as the database itself tells.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Executor, Row as _};

use crate::base::fault::Fault;
use crate::store::error::fault;
use crate::store::options::Dialect;

use super::TransferError;
use super::rows::{Row, Value};

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub name: String,
    /// In the order of their names
    pub columns: Vec<Column>,
    /// The places of those that a row is known by, in the order of the primary key
    pub key: Vec<usize>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub name: String,
    pub kind: ColumnKind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Text,
    Number,
}

impl Table {
    /// What a row is known by.
    pub(super) fn key_of(&self, row: &Row) -> Row {
        self.key.iter().map(|at| row.get(*at).cloned().unwrap_or(Value::Null)).collect()
    }
}

/// Name of the table, name and type of the column, and its place in the primary key, 0 when it has none; but for the table in
/// which sqlx keeps what it has migrated.
fn question(dialect: Dialect) -> &'static str {
    macro_rules! information_schema {
        ($schema:literal, $text:literal, $number:literal) => {
            concat!(
                "SELECT CAST(c.table_name AS ",
                $text,
                "), CAST(c.column_name AS ",
                $text,
                "), CAST(c.data_type AS ",
                $text,
                "), \
                 CAST(COALESCE(k.ordinal_position, 0) AS ",
                $number,
                ") \
                 FROM information_schema.columns c \
                 JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
                 LEFT JOIN (SELECT u.table_schema, u.table_name, u.column_name, u.ordinal_position \
                   FROM information_schema.key_column_usage u JOIN information_schema.table_constraints p \
                   ON p.constraint_name = u.constraint_name AND p.table_schema = u.table_schema AND p.table_name = u.table_name \
                   WHERE p.constraint_type = 'PRIMARY KEY') k \
                 ON k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name \
                 WHERE c.table_schema = ",
                $schema,
                " AND t.table_type = 'BASE TABLE' AND c.table_name <> '_sqlx_migrations'"
            )
        };
    }
    match dialect {
        Dialect::Sqlite => {
            "SELECT CAST(t.name AS TEXT), CAST(c.name AS TEXT), CAST(c.type AS TEXT), CAST(c.pk AS BIGINT) \
             FROM sqlite_master t JOIN pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite~_%' ESCAPE '~' AND t.name <> '_sqlx_migrations'"
        }
        Dialect::Postgres => information_schema!("current_schema()", "TEXT", "BIGINT"),
        Dialect::MySql => information_schema!("DATABASE()", "CHAR(64)", "SIGNED"),
    }
}

/// Every table, in the order of their names, but for the one of the migrations.
pub(super) async fn tables(dialect: Dialect, connection: &mut AnyConnection) -> Result<Vec<Table>, TransferError> {
    let rows = connection.fetch_all(question(dialect)).await.map_err(fault)?;
    let mut found: BTreeMap<String, Vec<(Column, i64)>> = BTreeMap::new();
    for row in &rows {
        let (table, column, place) = described(row)?;
        found.entry(table).or_default().push((column, place));
    }
    Ok(found
        .into_iter()
        .map(|(name, columns)| table(name, columns))
        .collect::<Result<_, _>>()?)
}

/// The names of all tables, whoever made them, but for the one of the migrations.
pub(super) async fn names(dialect: Dialect, connection: &mut AnyConnection) -> Result<Vec<String>, Fault> {
    let question = match dialect {
        Dialect::Sqlite => {
            "SELECT CAST(name AS TEXT) FROM sqlite_master \
             WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND name <> '_sqlx_migrations' ORDER BY name"
        }
        Dialect::Postgres => {
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name <> '_sqlx_migrations' ORDER BY 1"
        }
        Dialect::MySql => {
            "SELECT CAST(table_name AS CHAR(64)) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND table_name <> '_sqlx_migrations' ORDER BY 1"
        }
    };
    let rows = connection.fetch_all(question).await.map_err(fault)?;
    rows.iter().map(|row| row.try_get(0).map_err(fault)).collect()
}

fn described(row: &AnyRow) -> Result<(String, Column, i64), Fault> {
    let text = |at: usize| row.try_get::<String, _>(at).map_err(fault);
    let (table, name, declared) = (text(0)?, text(1)?, text(2)?.to_ascii_lowercase());
    // They become parts of statements.
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if !is_name(&table) || !is_name(&name) {
        return Err(Fault::internal(format!("{table:?}.{name:?} is no column of ours")));
    }
    let kind = if declared.contains("char") || declared.contains("text") {
        ColumnKind::Text
    } else if declared.contains("int") {
        ColumnKind::Number
    } else {
        return Err(Fault::internal(format!("{table}.{name} is of the type {declared}")));
    };
    Ok((table, Column { name, kind }, row.try_get(3).map_err(fault)?))
}

fn table(name: String, mut columns: Vec<(Column, i64)>) -> Result<Table, Fault> {
    columns.sort_by(|(left, _), (right, _)| left.name.cmp(&right.name));
    let mut key: Vec<(i64, usize)> = columns
        .iter()
        .enumerate()
        .filter(|(_, (_, place))| *place > 0)
        .map(|(at, (_, place))| (*place, at))
        .collect();
    key.sort_unstable();
    if key.is_empty() {
        return Err(Fault::internal(format!("the table {name} has no primary key")));
    }
    Ok(Table {
        name,
        key: key.into_iter().map(|(_, at)| at).collect(),
        columns: columns.into_iter().map(|(column, _)| column).collect(),
    })
}

/// The first thing in which two databases differ, in words.
pub(super) fn difference(source: &[Table], target: &[Table]) -> Option<String> {
    let lacking = |tables: &[Table], others: &[Table]| -> Option<String> {
        let is_there = |table: &&Table| others.iter().any(|other| other.name == table.name);
        tables.iter().find(|table| !is_there(table)).map(|table| table.name.clone())
    };
    if let Some(name) = lacking(source, target) {
        return Some(format!("{name} is only in the source"));
    }
    if let Some(name) = lacking(target, source) {
        return Some(format!("{name} is only in the target"));
    }
    let differs = |(left, right): &(&Table, &Table)| left != right;
    let (table, _) = source.iter().zip(target).find(differs)?;
    Some(format!("{} has other columns", table.name))
}
