//! Points in time, for people.

use ::time::format_description::well_known::Rfc3339;
use ::time::macros::format_description;
use ::time::{OffsetDateTime, PrimitiveDateTime};

use crate::base::clock::{Seconds, Timestamp};

fn date(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// As machines read it (RFC 3339).
pub fn machine(at: Timestamp) -> String {
    date(at).format(&Rfc3339).unwrap_or_default()
}

/// `15 Jan 2027, 08:00 UTC`
pub fn exact(at: Timestamp) -> String {
    let form = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
    date(at).format(form).unwrap_or_default()
}

/// A date that somebody typed, with a time or without, in UTC: `2027-01-15 08:00`, `2027-01-15T08:00:30Z`.
pub fn typed(text: &str) -> Option<Timestamp> {
    let text = text.trim().trim_end_matches('Z').replacen('T', " ", 1);
    let with_seconds = match text.len() {
        10 => format!("{text} 00:00:00"),
        16 => format!("{text}:00"),
        _ => text,
    };
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let date = PrimitiveDateTime::parse(&with_seconds, form).ok()?;
    Some(date.assume_utc().unix_timestamp())
}

/// As [`typed`], for the end of a range: a day without a time is meant to its end.
pub fn typed_end(text: &str) -> Option<Timestamp> {
    const DAY: Seconds = 86_400;
    let is_day = text.trim().len() == 10;
    typed(text).map(|at| if is_day { at + DAY } else { at })
}

/// `15 Jan`
pub fn day(at: Timestamp) -> String {
    date(at)
        .format(format_description!("[day padding:none] [month repr:short]"))
        .unwrap_or_default()
}

/// `08:00`
pub fn hour(at: Timestamp) -> String {
    date(at).format(format_description!("[hour]:[minute]")).unwrap_or_default()
}

/// `5 minutes`
pub fn length(seconds: Seconds) -> String {
    const UNITS: [(Seconds, &str); 4] = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (size, name) = UNITS.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, "second"));
    let number = seconds / size;
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

/// `5 minutes ago`, `in 3 days`, and the date where that says more.
pub fn from_now(at: Timestamp, now: Timestamp) -> String {
    const FAR: Seconds = 60 * 86_400;
    match now - at {
        -4..=4 => "now".to_owned(),
        passed if passed.abs() > FAR => exact(at),
        passed if passed > 0 => format!("{} ago", length(passed)),
        ahead => format!("in {}", length(-ahead)),
    }
}
