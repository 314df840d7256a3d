//! A look into any database that is not the program's own, and rows that it did not write.

use std::collections::BTreeMap;

use sqlx::any::{AnyRow, install_default_drivers};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row};

/// Long after these tests.
const LATER: i64 = 4_102_444_800;

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub is_text: bool,
    pub is_nullable: bool,
}

pub async fn connect(url: &str) -> AnyConnection {
    install_default_drivers();
    AnyConnection::connect(url).await.expect("the database answers")
}

/// Every table with its columns, but for the one of the migrations.
pub async fn tables(url: &str) -> BTreeMap<String, Vec<Column>> {
    let question = if url.starts_with("sqlite") {
        "SELECT CAST(m.name AS TEXT), CAST(p.name AS TEXT), CAST(p.type AS TEXT), CASE WHEN p.\"notnull\" = 1 THEN 'NO' ELSE 'YES' END \
         FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name <> '_sqlx_migrations'"
    } else if url.starts_with("postgres") {
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT), CAST(is_nullable AS TEXT) \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'"
    } else {
        "SELECT CAST(table_name AS CHAR(64)), CAST(column_name AS CHAR(64)), CAST(data_type AS CHAR(64)), CAST(is_nullable AS CHAR(8)) \
         FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> '_sqlx_migrations'"
    };
    let mut connection = connect(url).await;
    let rows = connection.fetch_all(question).await.expect("the catalog is there");
    let _ = connection.close().await;
    let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for row in rows {
        let text = |at: usize| row.get::<String, _>(at);
        let declared = text(2).to_ascii_lowercase();
        tables.entry(text(0)).or_default().push(Column {
            name: text(1),
            is_text: declared.contains("char") || declared.contains("text"),
            is_nullable: text(3) == "YES",
        });
    }
    for columns in tables.values_mut() {
        columns.sort_by(|left, right| left.name.cmp(&right.name));
    }
    tables
}

fn shown(row: &AnyRow, columns: &[Column]) -> String {
    let value = |(at, column): (usize, &Column)| {
        if column.is_text {
            format!("{:?}", row.get::<Option<String>, _>(at))
        } else {
            format!("{:?}", row.get::<Option<i64>, _>(at))
        }
    };
    columns.iter().enumerate().map(value).collect::<Vec<_>>().join(" ")
}

/// Every row of every table, as text.
pub async fn contents(url: &str) -> BTreeMap<String, Vec<String>> {
    let tables = tables(url).await;
    let mut connection = connect(url).await;
    let mut contents = BTreeMap::new();
    for (table, columns) in tables {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let question = format!("SELECT {} FROM {table}", names.join(", "));
        let rows = connection.fetch_all(AssertSqlSafe(question)).await.expect("the rows are read");
        let mut rows: Vec<String> = rows.iter().map(|row| shown(row, &columns)).collect();
        rows.sort();
        contents.insert(table, rows);
    }
    let _ = connection.close().await;
    contents
}

/// Adds a row: with these values, written as SQL takes them, and something in every other column that needs it.
pub async fn insert(url: &str, table: &str, values: &[(&str, String)]) {
    let tables = tables(url).await;
    let (mut names, mut given) = (Vec::new(), Vec::new());
    for column in &tables[table] {
        let value = values.iter().find(|(name, _)| *name == column.name).map(|(_, value)| value.clone());
        let other = || (!column.is_nullable).then(|| usual(column, "x"));
        if let Some(value) = value.or_else(other) {
            names.push(column.name.clone());
            given.push(value);
        }
    }
    run(
        url,
        format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), given.join(", ")),
    )
    .await;
}

fn usual(column: &Column, text: &str) -> String {
    if column.is_text {
        return format!("'{text}'");
    }
    let is_time = ["_at", "_until"].iter().any(|end| column.name.ends_with(end));
    if is_time { LATER.to_string() } else { "1".to_owned() }
}

/// A text as SQL takes it.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub async fn run(url: &str, statement: String) -> u64 {
    let mut connection = connect(url).await;
    let done = connection.execute(AssertSqlSafe(statement.clone())).await;
    let _ = connection.close().await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}")).rows_affected()
}

/// Puts two rows into every table that has none: one with everything in it, and one with nothing where that may be.
pub async fn fill(url: &str) {
    let contents = contents(url).await;
    for (table, columns) in tables(url).await {
        if !contents[&table].is_empty() {
            continue;
        }
        for (text, is_full) in [("{}", true), ("[\u{e4}\u{1f4d6}]", false)] {
            let (mut names, mut given) = (Vec::new(), Vec::new());
            for column in columns.iter().filter(|column| is_full || !column.is_nullable) {
                names.push(column.name.clone());
                given.push(match (column.is_text, is_full) {
                    (false, false) => "-7".to_owned(),
                    _ => usual(column, text),
                });
            }
            run(
                url,
                format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), given.join(", ")),
            )
            .await;
        }
    }
}
