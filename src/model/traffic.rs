//! What is counted of requests: by the row of the table of routes that they are for, by method, by what came of them.
//!
//! The names of rows are known above. Here a row is a number, so nobody can make new ones by asking for them.

use std::sync::OnceLock;
use std::time::Duration;

use crate::base::measure::{Counter, DURATIONS, Histogram, Level};
use crate::protocol::error::ErrorCode;

/// A method of HTTP that is told apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    /// Any other, which somebody may have made up
    Other,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
        Self::Other,
    ];

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "other",
        }
    }

    /// The method of that name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|method| method.as_str() == name).unwrap_or(Self::Other)
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered with a status of that hundred, 1 to 5
    Status(u16),
    /// Whoever asked went away before there was an answer
    Aborted,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Status(1),
        Self::Status(2),
        Self::Status(3),
        Self::Status(4),
        Self::Status(5),
        Self::Aborted,
    ];

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status(1) => "1xx",
            Self::Status(2) => "2xx",
            Self::Status(3) => "3xx",
            Self::Status(4) => "4xx",
            Self::Status(_) => "5xx",
            Self::Aborted => "aborted",
        }
    }

    fn number(self) -> usize {
        match self {
            Self::Status(hundred) => usize::from(hundred.clamp(1, 5) - 1),
            Self::Aborted => 5,
        }
    }
}

/// What is counted for one row.
#[derive(Debug)]
pub struct Row {
    requests: [[Counter; Outcome::ALL.len()]; Method::ALL.len()],
    refusals: [Counter; ErrorCode::ALL.len()],
    /// How long it took until the answer began, of requests that were answered
    pub durations: Histogram,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            requests: Default::default(),
            refusals: Default::default(),
            durations: Histogram::of(DURATIONS),
        }
    }
}

impl Row {
    /// A request came to its end.
    pub fn count(&self, method: Method, outcome: Outcome, time: Duration) {
        self.requests[method as usize][outcome.number()].one_more();
        if outcome != Outcome::Aborted {
            self.durations.took(time);
        }
    }

    /// It was answered with an error.
    pub fn refuse(&self, code: ErrorCode) {
        self.refusals[code as usize].one_more();
    }

    /// How many requests there were.
    #[must_use]
    pub fn requests(&self, method: Method, outcome: Outcome) -> u64 {
        self.requests[method as usize][outcome.number()].value()
    }

    /// How many were answered with this error.
    #[must_use]
    pub fn refusals(&self, code: ErrorCode) -> u64 {
        self.refusals[code as usize].value()
    }
}

/// What is counted of all requests of this node.
#[derive(Debug, Default)]
pub struct Traffic {
    rows: OnceLock<Box<[Row]>>,
    /// Requests for addresses that no row has
    pub unmatched: Row,
    /// Requests that are being worked on
    pub in_flight: Level,
}

impl Traffic {
    /// Says how many rows there are; the first one who says so decides.
    pub fn prepare(&self, rows: usize) {
        self.rows.get_or_init(|| (0..rows).map(|_| Row::default()).collect());
    }

    /// The row of that number.
    #[must_use]
    pub fn row(&self, number: usize) -> &Row {
        self.rows.get().and_then(|rows| rows.get(number)).unwrap_or(&self.unmatched)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Method, Outcome, Traffic};
    use crate::protocol::error::ErrorCode;

    #[test]
    fn each_cell_is_its_own() {
        let traffic = Traffic::default();
        traffic.prepare(2);
        for method in Method::ALL {
            for outcome in Outcome::ALL {
                assert_eq!(Method::of(method.as_str()), method);
                let before = traffic.row(1).requests(method, outcome);
                assert_eq!(before, 0, "{method:?} {outcome:?}");
                traffic.row(1).count(method, outcome, Duration::from_millis(1));
                assert_eq!(traffic.row(1).requests(method, outcome), 1);
                assert_eq!(traffic.row(0).requests(method, outcome), 0);
            }
        }
        assert_eq!(Method::of("BREW"), Method::Other);
        let answered = Method::ALL.len() * (Outcome::ALL.len() - 1);
        assert_eq!(traffic.row(1).durations.read().count, answered as u64);
        for (number, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, number, "{code} stands where it is declared");
            traffic.row(0).refuse(code);
            assert_eq!(traffic.row(0).refusals(code), 1);
        }
        assert_eq!(traffic.row(7).requests(Method::Get, Outcome::Aborted), 0, "there is no such row");
    }
}
