//! What is said of an error of the database: never with the values that a statement was about.

use rusqlite::ErrorCode;
use sqlx::Error;

use super::file::LIMIT;

/// The error in words, for the log.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::Database(database) => of_database(database.code().as_deref(), database.message(), database.constraint()),
        other => other.to_string(),
    }
}

/// The same of SQLite: what it says of a statement names columns only; what cannot be read of a row is not shown.
pub(super) fn words_of_file(error: &rusqlite::Error) -> String {
    use rusqlite::Error;
    match error {
        Error::FromSqlConversionFailure(column, kind, _) => format!("column {column} cannot be read: it is of type {kind}"),
        Error::IntegralValueOutOfRange(column, _) => format!("the number in column {column} is out of range"),
        Error::ToSqlConversionFailure(_) => "a parameter cannot be stored".to_owned(),
        Error::SqliteFailure(error, _) if error.code == ErrorCode::OperationInterrupted => {
            format!("a statement took longer than {} seconds and was given up", LIMIT.as_secs())
        }
        Error::SqliteFailure(error, Some(message)) => {
            let said = format!("{message} [{}]", error.extended_code);
            if is_damage(error.extended_code) { damaged(&said) } else { said }
        }
        other => other.to_string(),
    }
}

fn of_database(code: Option<&str>, message: &str, constraint: Option<&str>) -> String {
    let mut said = "error returned from database: ".to_owned();
    if code.is_some_and(quotes_values) {
        // A value may hold quotes itself, so nothing is shown of what comes after the first one.
        let plain = message.split(['\'', '"', '`', '«']).next().unwrap_or_default();
        said.push_str(plain.trim_end());
        said.push_str(" …");
    } else {
        said.push_str(message);
    }
    if let Some(constraint) = constraint.filter(|name| !said.contains(name)) {
        said = format!("{said} ({constraint})");
    }
    if let Some(code) = code {
        said = format!("{said} [{code}]");
    }
    // SQLSTATE has five characters; those of SQLite, from its migrator, are shorter.
    let of_file = code.filter(|code| code.len() < 5).and_then(|code| code.parse().ok());
    if of_file.is_some_and(is_damage) { damaged(&said) } else { said }
}

/// Whether SQLite says with this code that the file is not what it has written: 11 corrupt, 26 not a database.
fn is_damage(extended_code: i32) -> bool {
    matches!(extended_code & 0xff, 11 | 26)
}

/// What to do about that.
fn damaged(said: &str) -> String {
    format!("{said}: the file is damaged, or is no database; stop the server and restore a backup")
}

/// Whether messages with this code show what somebody has sent: SQLSTATE classes 22 (data) and 23 (integrity), and what MySQL
/// has no class for. SQLite's codes are numbers of other lengths, and its messages name columns only.
fn quotes_values(code: &str) -> bool {
    code.len() == 5 && ["22", "23", "HY"].iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::{of_database, words_of_file};

    #[test]
    fn values_are_left_out() {
        for (code, message, said) in [
            (
                "23000",
                "Duplicate entry 'hunter2' for key 'users.email'",
                "error returned from database: Duplicate entry … [23000]",
            ),
            (
                "23000",
                "Duplicate entry 'a'hunter2' for key 'PRIMARY'",
                "error returned from database: Duplicate entry … [23000]",
            ),
            (
                "22P02",
                "invalid input syntax for type bigint: \"hunter2\"",
                "error returned from database: invalid input syntax for type bigint: … [22P02]",
            ),
            (
                "HY000",
                "Incorrect string value: 'hunter2' for column",
                "error returned from database: Incorrect string value: … [HY000]",
            ),
        ] {
            assert_eq!(of_database(Some(code), message, None), said);
        }
        let said = of_database(
            Some("23505"),
            "duplicate key value violates unique constraint \"users_email\"",
            Some("users_email"),
        );
        assert!(said.contains("users_email") && said.contains("duplicate key"), "{said}");
    }

    #[test]
    fn what_sqlite_cannot_read_is_not_shown() {
        let out_of_range = rusqlite::Error::IntegralValueOutOfRange(3, 4711);
        assert_eq!(words_of_file(&out_of_range), "the number in column 3 is out of range");
        let unreadable = rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, "hunter2".into());
        assert_eq!(words_of_file(&unreadable), "column 1 cannot be read: it is of type Text");
        let unstorable = rusqlite::Error::ToSqlConversionFailure("hunter2".into());
        assert!(!words_of_file(&unstorable).contains("hunter2"));
    }

    #[test]
    fn of_a_damaged_file_it_is_said_what_to_do() {
        let advice = "the file is damaged, or is no database; stop the server and restore a backup";
        for code in [11, 26, 267] {
            let error = rusqlite::ffi::Error::new(code);
            let said = words_of_file(&rusqlite::Error::SqliteFailure(error, Some("it cannot be read".to_owned())));
            assert_eq!(said, format!("it cannot be read [{code}]: {advice}"));
            let said = of_database(Some(&code.to_string()), "it cannot be read", None);
            assert!(said.ends_with(&format!("[{code}]: {advice}")), "{said}");
        }
        let full = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(13), Some("the disk is full".to_owned()));
        assert_eq!(words_of_file(&full), "the disk is full [13]");
    }

    #[test]
    fn what_names_no_value_is_said_as_it_is() {
        let missing = "relation \"users\" does not exist";
        assert_eq!(
            of_database(Some("42P01"), missing, None),
            format!("error returned from database: {missing} [42P01]")
        );
        let failed = "UNIQUE constraint failed: users.email";
        assert_eq!(
            of_database(Some("2067"), failed, None),
            format!("error returned from database: {failed} [2067]")
        );
    }
}
