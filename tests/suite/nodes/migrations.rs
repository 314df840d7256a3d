//! The rule of `migrations/README.md`, held against the files: nodes of the version before serve while a newer one migrates,
//! so a migration adds, and takes nothing away.

use std::collections::BTreeSet;
use std::path::Path;

/// What was released before there was a rule. Nothing is added here: what has to go goes in two releases.
const RELEASED: [(&str, &str); 4] = [
    ("0003_administration.sql", "fills a new column with what is in another"),
    ("0004_search_order.postgres.sql", "another collation of the same texts"),
    ("0005_fewer_indexes.sql", "indexes that nobody needs"),
    ("0005_fewer_indexes.mysql.sql", "indexes that nobody needs"),
];

/// The statements of a file in capitals, without comments and with single spaces.
fn statements(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let plain = code
        .split(';')
        .map(|one| one.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase());
    plain.filter(|one| !one.is_empty()).collect()
}

/// Why nodes that know nothing of a statement might stumble over what it does; `made` are the tables of the same file.
fn objection(statement: &str, made: &mut BTreeSet<String>) -> Option<&'static str> {
    let words: Vec<&str> = statement.split([' ', '(']).collect();
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    match (word(0), word(1), word(2)) {
        ("CREATE", "TABLE", table) => {
            made.insert(table.to_owned());
            None
        }
        ("CREATE", "INDEX", _) => None,
        // As the program makes it at a first start, for installations that are older than it.
        ("INSERT", "INTO", _) if statement.contains("NOT EXISTS") => None,
        ("CREATE", "UNIQUE", "INDEX") if made.contains(word(5)) => None,
        ("CREATE", "UNIQUE", _) => Some("an older node may write what a new unique index refuses"),
        ("ALTER", "TABLE", _) if statement.contains(", ADD ") || statement.contains(", DROP ") => Some("one change in each statement"),
        ("ALTER", "TABLE", _) if (word(3), word(4)) == ("ADD", "COLUMN") => column_objection(statement),
        ("ALTER", ..) => Some("an older node knows the table as it was"),
        _ => Some("only tables, columns, indexes and rows are added"),
    }
}

fn column_objection(statement: &str) -> Option<&'static str> {
    let bound = ["UNIQUE", "PRIMARY", "REFERENCES", "CHECK", "GENERATED"];
    if statement.split([' ', '(']).any(|word| bound.contains(&word)) {
        return Some("an older node may write what a new constraint refuses");
    }
    let is_given = !statement.contains("NOT NULL") || statement.contains(" DEFAULT ");
    (!is_given).then_some("an older node inserts rows without the new column: it needs a default, or may be NULL")
}

fn objections(text: &str) -> Vec<(String, &'static str)> {
    let mut made = BTreeSet::new();
    let with = statements(text)
        .into_iter()
        .filter_map(|one| objection(&one, &mut made).map(|why| (one.clone(), why)));
    with.collect()
}

#[test]
fn migrations_only_add() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the migrations") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        seen += 1;
        let found = objections(&std::fs::read_to_string(&path).expect("a migration"));
        let is_released = RELEASED.iter().any(|(released, _)| *released == name);
        assert_eq!(!found.is_empty(), is_released, "{name}: {found:#?}; see migrations/README.md");
    }
    assert!(seen >= 12, "only {seen}");
}

#[test]
fn what_takes_away_is_refused() {
    for bad in [
        "DROP TABLE users;",
        "ALTER TABLE users DROP COLUMN email;",
        "ALTER TABLE users RENAME TO people;",
        "ALTER TABLE users RENAME COLUMN email TO mail;",
        "-- harmless\nalter table users\n  modify email TEXT;",
        "ALTER TABLE users ALTER COLUMN email SET NOT NULL;",
        "ALTER TABLE users ADD COLUMN age BIGINT NOT NULL;",
        "ALTER TABLE users ADD COLUMN age BIGINT DEFAULT 0 UNIQUE;",
        "ALTER TABLE users ADD COLUMN age BIGINT, DROP COLUMN email;",
        "ALTER TABLE users ADD CONSTRAINT one CHECK (age > 1);",
        "CREATE UNIQUE INDEX users_age ON users (age);",
        "DROP INDEX users_age;",
        "UPDATE users SET email = NULL;",
        "DELETE FROM users;",
        "INSERT INTO scopes (name) VALUES ('x');",
        "TRUNCATE users;",
    ] {
        assert_eq!(objections(bad).len(), 1, "{bad}");
    }
    for good in [
        "CREATE TABLE things (id VARCHAR(32) NOT NULL PRIMARY KEY);\nCREATE UNIQUE INDEX things_id ON things (id);",
        "ALTER TABLE users ADD COLUMN age BIGINT;",
        "ALTER TABLE users ADD COLUMN age BIGINT NOT NULL DEFAULT 0;",
        "CREATE INDEX users_age ON users (age);",
        include_str!("newer/9001_more_columns.sql"),
        include_str!("newer/9002_more_tables.sql"),
    ] {
        assert_eq!(objections(good), [], "{good}");
    }
}
