//! What is counted of requests that leave the server.

use std::time::Duration;

use crate::base::measure::{Counter, DURATIONS, Histogram};

use super::fetch::FetchError;

/// What came of requests, by the way out and all that were made of it.
#[derive(Debug)]
pub struct Outcomes {
    counters: [Counter; NAMES.len()],
    /// How long they took, with their time in the line
    pub durations: Histogram,
}

/// The stable names.
const NAMES: [&str; 9] = [
    "answered",
    "forbidden_url",
    "forbidden_address",
    "no_address",
    "no_connection",
    "timeout",
    "busy",
    "status",
    "unusable",
];

impl Default for Outcomes {
    fn default() -> Self {
        Self {
            counters: Default::default(),
            durations: Histogram::of(DURATIONS),
        }
    }
}

impl Outcomes {
    /// A request came to its end.
    pub(super) fn count(&self, error: Option<&FetchError>, time: Duration) {
        let number = match error {
            None => 0,
            Some(FetchError::Url(_)) => 1,
            Some(FetchError::Special(..)) => 2,
            Some(FetchError::Name(_)) => 3,
            Some(FetchError::Connection(_)) => 4,
            Some(FetchError::Slow) => 5,
            Some(FetchError::Busy) => 6,
            Some(FetchError::Status(_)) => 7,
            Some(FetchError::ContentType | FetchError::Encoding | FetchError::TooLarge(_)) => 8,
        };
        self.counters[number].one_more();
        self.durations.took(time);
    }

    /// How many there were of each, by its stable name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.counters.iter().map(Counter::value))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::{FetchError, NAMES, Outcomes};

    #[test]
    fn every_error_is_counted_under_a_name_that_fits() {
        let cases = [
            (None, "answered"),
            (Some(FetchError::Url("is bad")), "forbidden_url"),
            (
                Some(FetchError::Special(IpAddr::V4(Ipv4Addr::LOCALHOST), "loopback")),
                "forbidden_address",
            ),
            (Some(FetchError::Name(String::new())), "no_address"),
            (Some(FetchError::Connection(String::new())), "no_connection"),
            (Some(FetchError::Slow), "timeout"),
            (Some(FetchError::Busy), "busy"),
            (Some(FetchError::Status(404)), "status"),
            (Some(FetchError::ContentType), "unusable"),
            (Some(FetchError::Encoding), "unusable"),
            (Some(FetchError::TooLarge(1)), "unusable"),
        ];
        for (error, name) in cases {
            let outcomes = Outcomes::default();
            outcomes.count(error.as_ref(), Duration::ZERO);
            let counted: Vec<&str> = outcomes.all().filter(|(_, count)| *count == 1).map(|(name, _)| name).collect();
            assert_eq!(counted, [name]);
        }
        assert_eq!(Outcomes::default().all().count(), NAMES.len());
    }
}
