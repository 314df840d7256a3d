//! Trying again what could not be done now.

use std::time::{Duration, Instant};

use super::fault::Fault;
use super::request;

/// How long it is tried.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Does something in the database that can be done again from its beginning, until it is done, fails for good, or five seconds are
/// over: for what nobody else would repeat. Of several who write the same at the same moment, a database may refuse one
/// (a deadlock); and a connection may have ended without anybody having noticed.
///
/// # Errors
/// That of the last try.
pub async fn again<T>(work: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Fault> {
    let began = Instant::now();
    loop {
        match work().await {
            Err(Fault::Unavailable(_) | Fault::Undone(_)) if began.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}

/// How often a request is begun again.
const ATTEMPTS: u32 = 4;

/// How often something was begun that a database may undo in favour of another one ([`Fault::Undone`]). Databases do that to end a
/// deadlock, engines that are distributed whenever two write the same, and both ask to be tried again.
#[derive(Debug)]
pub struct Attempts {
    began: Instant,
    count: u32,
}

impl Attempts {
    /// The first one begins.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            began: Instant::now(),
            count: 1,
        }
    }

    /// Waits for a moment before another one, because the last was undone for this cause. Whether there may be another one: three after
    /// the first. When not, whatever is around this does not begin again on top of that.
    pub async fn go_on(&mut self, cause: &str) -> bool {
        if self.count >= ATTEMPTS {
            request::note_settled();
            return false;
        }
        tracing::debug!(
            event = "begun_again",
            attempts = self.count,
            cause,
            "a transaction was undone, and is begun again"
        );
        tokio::time::sleep(PAUSE * self.count + share(self.began.elapsed())).await;
        self.count += 1;
        true
    }

    /// The outcome, when it is the last one; `None`, after a moment, when another attempt is to be made. For callers who cannot hand the
    /// work to [`when_undone`], because its closure could not be sent to another thread.
    pub async fn last<T>(&mut self, outcome: Result<T, Fault>) -> Option<Result<T, Fault>> {
        if let Err(Fault::Undone(cause)) = &outcome
            && self.go_on(cause).await
        {
            return None;
        }
        Some(outcome)
    }
}

/// Does a transaction, and does it again from its beginning when the database has undone it in favour of another one
/// ([`Fault::Undone`]), three times at most: for what a request does besides other things, or when others have come before it. What
/// `work` did besides is done again, too. A whole request of which nothing is committed is begun again without this.
///
/// # Errors
/// That of the last attempt; every other one at once.
pub async fn when_undone<T>(work: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Fault> {
    let mut attempts = Attempts::begin();
    loop {
        if let Some(outcome) = attempts.last(work().await).await {
            return outcome;
        }
    }
}

/// Some part of a pause, by what nobody can foresee of a time: two who have undone each other do not come back at the same moment.
fn share(time: Duration) -> Duration {
    Duration::from_nanos(u64::from(time.subsec_nanos()) % 20_000_000)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{ATTEMPTS, again, when_undone};
    use crate::base::fault::Fault;

    #[tokio::test]
    async fn what_passes_is_tried_again_and_nothing_else() {
        let tries = Cell::new(0);
        let fails = |times: u32, fault: fn() -> Fault| {
            tries.set(0);
            let tries = &tries;
            again(async move || {
                tries.set(tries.get() + 1);
                if tries.get() > times { Ok(tries.get()) } else { Err(fault()) }
            })
        };
        assert_eq!(fails(3, || Fault::database("a deadlock")).await.unwrap(), 4);
        assert!(fails(3, || Fault::internal("a fault")).await.is_err());
        assert_eq!(tries.get(), 1);
    }
    #[tokio::test]
    async fn what_was_undone_is_begun_again_a_few_times() {
        let tries = Cell::new(0);
        let fails = |times: u32, fault: fn() -> Fault| {
            tries.set(0);
            let tries = &tries;
            when_undone(async move || {
                tries.set(tries.get() + 1);
                if tries.get() > times { Ok(tries.get()) } else { Err(fault()) }
            })
        };
        let undone = || Fault::Undone("a deadlock".to_owned());
        assert_eq!(fails(ATTEMPTS - 1, undone).await.unwrap(), ATTEMPTS);
        assert!(matches!(fails(ATTEMPTS, undone).await, Err(Fault::Undone(_))));
        assert_eq!(tries.get(), ATTEMPTS);
        // It is not known what came of it.
        assert!(fails(1, || Fault::database("away")).await.is_err());
        assert_eq!(tries.get(), 1);
    }
}
