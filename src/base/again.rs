//! Trying again what could not be done now.

use std::time::{Duration, Instant};

use super::fault::Fault;

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
            Err(Fault::Unavailable(_)) if began.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::again;
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
}
