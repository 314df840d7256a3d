//! For how long an answer may be kept, as its headers say (RFC 9111 §4.2).

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::base::clock::Seconds;

/// The headers that say so, as they were sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheHeaders<'a> {
    /// `Cache-Control`
    pub cache_control: Option<&'a str>,
    /// `Age`
    pub age: Option<&'a str>,
    /// `Expires`
    pub expires: Option<&'a str>,
    /// `Date`
    pub date: Option<&'a str>,
}

/// `IMF-fixdate` (RFC 9110 §5.6.7), the only form that senders may use.
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

impl CacheHeaders<'_> {
    /// The seconds for which the answer is fresh; 0 when it must not be kept, `None` when nothing is said.
    #[must_use]
    pub fn freshness(&self) -> Option<Seconds> {
        let directives = || self.cache_control.unwrap_or_default().split(',').map(str::trim);
        let is_said = |name: &str| {
            directives().any(|directive| {
                let said = directive.split('=').next().unwrap_or_default();
                said.eq_ignore_ascii_case(name)
            })
        };
        if is_said("no-store") || is_said("no-cache") || is_said("private") {
            return Some(0);
        }
        let seconds = |name: &str| {
            directives().find_map(|directive| {
                let (said, value) = directive.split_once('=')?;
                let value = value.trim().trim_matches('"');
                said.trim()
                    .eq_ignore_ascii_case(name)
                    .then(|| value.parse::<u32>().map_or(0, i64::from))
            })
        };
        // Of the two, the one for caches that several share (RFC 9111 §5.2.2.10).
        if let Some(max_age) = seconds("s-maxage").or_else(|| seconds("max-age")) {
            let age = self.age.and_then(|age| age.trim().parse::<u32>().ok()).map_or(0, i64::from);
            return Some((max_age - age).max(0));
        }
        let expires = self.expires?;
        match (at(expires), self.date.and_then(at)) {
            (Some(expires), Some(date)) => Some((expires - date).max(0)),
            // A date that cannot be read has passed (RFC 9111 §5.3); without `Date` there is nothing to compare with.
            _ => Some(0),
        }
    }
}

fn at(text: &str) -> Option<i64> {
    time::PrimitiveDateTime::parse(text.trim(), HTTP_DATE)
        .ok()
        .map(|moment| OffsetDateTime::unix_timestamp(moment.assume_utc()))
}
