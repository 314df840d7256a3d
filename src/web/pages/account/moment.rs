//! Points in time, in words.

use time::OffsetDateTime;
use time::macros::format_description;

use crate::base::clock::{Seconds, Timestamp};

const MINUTE: Seconds = 60;
const HOUR: Seconds = 60 * MINUTE;
const DAY: Seconds = 24 * HOUR;

/// A point in time as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// For programs: RFC 3339
    pub datetime: String,
    /// For people: the date and the time in UTC
    pub date: String,
    /// How long ago that is
    pub ago: String,
}

impl Moment {
    /// `at`, as seen from `now`.
    #[must_use]
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        let time = OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let datetime = time.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"));
        let date = time.format(format_description!(
            "[day padding:none] [month repr:long] [year], [hour]:[minute] UTC"
        ));
        Self {
            datetime: datetime.unwrap_or_default(),
            date: date.unwrap_or_default(),
            ago: ago(now - at),
        }
    }
}

fn ago(seconds: Seconds) -> String {
    let (count, unit) = match seconds {
        ..MINUTE => return "just now".to_owned(),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..DAY => (seconds / HOUR, "hour"),
        _ if seconds < 60 * DAY => (seconds / DAY, "day"),
        _ if seconds < 730 * DAY => (seconds / (30 * DAY), "month"),
        _ => (seconds / (365 * DAY), "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_words() {
        let now = 1_800_000_000;
        for (seconds, words) in [
            (-5, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (7199, "1 hour ago"),
            (3 * HOUR, "3 hours ago"),
            (DAY, "1 day ago"),
            (59 * DAY, "59 days ago"),
            (60 * DAY, "2 months ago"),
            (800 * DAY, "2 years ago"),
        ] {
            assert_eq!(Moment::new(now - seconds, now).ago, words);
        }
        let moment = Moment::new(now, now);
        assert_eq!(
            (moment.datetime.as_str(), moment.date.as_str()),
            ("2027-01-15T08:00:00Z", "15 January 2027, 08:00 UTC")
        );
    }
}
