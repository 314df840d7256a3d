//! From when until when a certificate is valid (RFC 5280 §4.1.2.5). Of the encoding (DER, X.690) only what leads there is read;
//! whether the certificate is good for anything is for the library of TLS to say.

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, Time};

use crate::base::clock::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// From when until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its first second
    pub begins: Timestamp,
    /// Its last second
    pub ends: Timestamp,
}

impl Validity {
    /// That of a certificate; none when it cannot be read.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let certificate = Element::first(certificate)?.inside(SEQUENCE)?;
        let mut fields = Element::first(certificate)?.inside(SEQUENCE)?;
        if Element::first(fields)?.tag == VERSION {
            fields = Element::first(fields)?.rest;
        }
        // The serial number, the algorithm and the issuer come before it.
        for _ in 0..3 {
            fields = Element::first(fields)?.rest;
        }
        let begins = Element::first(Element::first(fields)?.inside(SEQUENCE)?)?;
        let ends = Element::first(begins.rest)?;
        Some(Self {
            begins: begins.time()?,
            ends: ends.time()?,
        })
    }
}

impl std::fmt::Display for Validity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = OffsetDateTime::from_unix_timestamp(self.ends)
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok());
        f.write_str(time.as_deref().unwrap_or("a time that cannot be told"))
    }
}

/// One element, and what follows it.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn first(bytes: &'a [u8]) -> Option<Self> {
        let (tag, bytes) = bytes.split_first()?;
        let (length, bytes) = bytes.split_first()?;
        let (length, bytes) = match *length {
            length @ 0..=0x7f => (usize::from(length), bytes),
            long @ 0x81..=0x84 => {
                let (length, bytes) = bytes.split_at_checked(usize::from(long & 0x7f))?;
                (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), bytes)
            }
            _ => return None,
        };
        let (content, rest) = bytes.split_at_checked(length)?;
        Some(Self { tag: *tag, content, rest })
    }

    fn inside(&self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }

    /// `YYMMDDHHMMSSZ`, or the same with four digits for the year.
    fn time(&self) -> Option<Timestamp> {
        let digits = std::str::from_utf8(self.content).ok()?.strip_suffix('Z')?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (year, rest) = match (self.tag, digits.len()) {
            (UTC_TIME, 12) => {
                let year: i32 = digits[..2].parse().ok()?;
                (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
            }
            (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
            _ => return None,
        };
        let pair = |at: usize| rest[at..at + 2].parse::<u8>().ok();
        let date = Date::from_calendar_date(year, Month::try_from(pair(0)?).ok()?, pair(2)?).ok()?;
        let time = Time::from_hms(pair(4)?, pair(6)?, pair(8)?).ok()?;
        Some(date.with_time(time).assume_utc().unix_timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::{Element, GENERALIZED_TIME, UTC_TIME, Validity};

    #[test]
    fn times_of_both_kinds() {
        let time = |tag, text: &str| {
            let bytes = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            Element::first(&bytes).and_then(|element| element.time())
        };
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        for wrong in ["7001010000Z", "700101000000", "701301000000Z", "+00101000000Z", "700101000060Z", ""] {
            assert_eq!(time(UTC_TIME, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        for wrong in [
            &[][..],
            &[0x30],
            &[0x30, 0x82, 0xff],
            &[0x30, 0x80],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x02, 0x30, 0x00],
        ] {
            assert_eq!(Validity::of(wrong), None, "{wrong:?}");
        }
    }
}
