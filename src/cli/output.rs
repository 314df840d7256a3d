//! Tables for people, and what several commands show alike.

use time::OffsetDateTime;
use time::macros::format_description;

use crate::base::clock::Timestamp;

/// Prints a line; like `println!`, but a reader that has gone away (`| head`) is no reason to panic.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::output::line(format_args!($($text)*))
    };
}
pub(super) use say;

/// What [`say!`] does.
pub fn line(text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A table with aligned columns.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|title| title.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let header: Vec<String> = header.iter().map(|title| (*title).to_owned()).collect();
    std::iter::once(line(&header))
        .chain(rows.iter().map(|row| line(row)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A time as people read it, in UTC.
pub fn instant(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    OffsetDateTime::from_unix_timestamp(at)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| at.to_string())
}

/// As [`instant`], or a dash.
pub fn maybe_instant(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), instant)
}

/// Prints JSON.
pub fn json(value: &impl serde::Serialize) -> Result<(), super::Failure> {
    say!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Without characters that would steer a terminal; JSON escapes only some of them.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
