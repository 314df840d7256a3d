//! Time as a value: seconds since the Unix epoch, from a clock that can be replaced.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time, in whole seconds since the Unix epoch (RFC 7519 §2 `NumericDate`).
pub type Timestamp = i64;

/// A length of time in seconds.
pub type Seconds = i64;

/// How far the clocks of two nodes may differ without anybody noticing, in seconds. Whoever compares a time that another
/// node has written with the clock of this one allows for it, where the comparison would refuse or forget something.
pub const CLOCK_SKEW: Seconds = 5;

/// Where the time comes from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The clock of the machine.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn system() -> Self {
        Self::from_millis(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
        })
    }

    /// A clock that asks `millis` for the milliseconds since the epoch; tests hold its hands.
    pub fn from_millis(millis: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(millis))
    }

    /// Seconds since the epoch.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        i64::try_from(self.now_millis() / 1000).unwrap_or(i64::MAX)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn now_millis(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
