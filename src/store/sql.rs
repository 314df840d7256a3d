//! One SQL text for three databases.
//!
//! A statement is written once with `$1, $2 …`, each used once and in order. SQLite and PostgreSQL
//! take it as it is; for MySQL the `sql!` macro writes `?` instead, at compile time, so that every
//! statement stays a `&'static str` and nothing from outside can ever become part of one.

/// A statement in both notations of parameters.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    /// With `$1, $2 …`: SQLite and PostgreSQL.
    pub numbered: &'static str,
    /// With `?`: MySQL and MariaDB.
    pub positional: &'static str,
}

/// Makes a [`Sql`] of a string literal. Parameters out of order do not compile.
macro_rules! sql {
    ($($text:expr),+ $(,)?) => {{
        const NUMBERED: &str = concat!($($text),+);
        const LENGTH: usize = $crate::store::sql::positional_length(NUMBERED);
        const BYTES: [u8; LENGTH] = $crate::store::sql::positional::<LENGTH>(NUMBERED);
        const POSITIONAL: &str = match ::std::str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => panic!("SQL is not UTF-8"),
        };
        $crate::store::sql::Sql { numbered: NUMBERED, positional: POSITIONAL }
    }};
}

/// The named seam "insert unless the row is there": a failed INSERT would poison a PostgreSQL
/// transaction, so there the conflict is declared; MySQL has no such clause, but only the statement
/// fails there, which [`super::Connection`] turns into "no row".
macro_rules! insert_if_absent {
    ($($text:expr),+ $(,)?) => {{
        let plain = $crate::store::sql::sql!($($text),+);
        $crate::store::sql::Sql {
            numbered: concat!($($text),+, " ON CONFLICT DO NOTHING"),
            positional: plain.positional,
        }
    }};
}

/// The named seam "insert, or change the row that is there": one statement that takes the row's lock
/// at once. (On MySQL a failed INSERT leaves a shared lock, and two of those wait for each other.)
macro_rules! upsert {
    ($insert:literal, key $($key:literal),+; set $first:literal $(, $column:literal)*) => {
        $crate::store::sql::Sql {
            numbered: concat!(
                $insert, " ON CONFLICT (", $crate::store::sql::list!($($key),+), ") DO UPDATE SET ",
                $first, " = excluded.", $first $(, ", ", $column, " = excluded.", $column)*
            ),
            positional: {
                const PLAIN: $crate::store::sql::Sql = $crate::store::sql::sql!(
                    $insert, " ON DUPLICATE KEY UPDATE ", $first, " = VALUES(", $first, ")" $(, ", ", $column, " = VALUES(", $column, ")")*
                );
                PLAIN.positional
            },
        }
    };
}

/// The named seam "hold this row until the transaction ends": an UPDATE that changes nothing takes its lock. SQLite has one
/// writer, who holds everything: there it is only looked for, and no page is written.
pub(super) struct Hold {
    /// SQLite
    pub look: Sql,
    /// The others
    pub lock: Sql,
}

/// Makes a [`Hold`] of a table, a column that is not in any index, and a condition.
macro_rules! hold {
    ($table:literal, $column:literal, $condition:literal) => {
        $crate::store::sql::Hold {
            look: $crate::store::sql::sql!("SELECT 1 FROM ", $table, " WHERE ", $condition),
            lock: $crate::store::sql::sql!("UPDATE ", $table, " SET ", $column, " = ", $column, " WHERE ", $condition),
        }
    };
}

/// Names with commas between them.
macro_rules! list {
    ($first:literal $(, $next:literal)*) => {
        concat!($first $(, ", ", $next)*)
    };
}

pub(crate) use {hold, insert_if_absent, list, sql, upsert};

/// Length of the text once every `$n` has become `?`.
pub const fn positional_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut length) = (0, 0);
    while at < bytes.len() {
        at += 1;
        length += 1;
        if bytes[at - 1] == b'$' {
            while at < bytes.len() && bytes[at].is_ascii_digit() {
                at += 1;
            }
        }
    }
    length
}

/// The text with every `$n` as `?`.
///
/// # Panics
/// At compile time, when the parameters are not `$1, $2 …` in this order.
pub const fn positional<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    let bytes = text.as_bytes();
    let mut out = [0; LENGTH];
    let (mut at, mut length, mut expected) = (0, 0, 1);
    while at < bytes.len() {
        if bytes[at] == b'$' {
            out[length] = b'?';
            at += 1;
            let mut number = 0;
            while at < bytes.len() && bytes[at].is_ascii_digit() {
                number = number * 10 + (bytes[at] - b'0') as usize;
                at += 1;
            }
            assert!(number == expected, "SQL parameters must be $1, $2 ... in this order");
            expected += 1;
        } else {
            out[length] = bytes[at];
            at += 1;
        }
        length += 1;
    }
    out
}
