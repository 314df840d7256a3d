//! An answer that costs something, kept for a moment, so that many who ask at once ask once.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// The answer as it was last.
#[derive(Debug)]
pub struct Latest<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Latest<T> {
    /// The answer that is kept, if it is not older than that, or a new one. One after the other asks, and whoever waited for that takes over
    /// what it brought.
    pub async fn of(&self, lifetime: Duration, ask: impl Future<Output = T>) -> T {
        let mut kept = self.0.lock().await;
        if let Some((_, answer)) = kept.as_ref().filter(|(at, _)| at.elapsed() < lifetime) {
            return answer.clone();
        }
        let answer = ask.await;
        *kept = Some((Instant::now(), answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::Latest;

    #[tokio::test]
    async fn many_who_ask_at_once_ask_once() {
        let (latest, asked) = (Latest::default(), Cell::new(0));
        let ask = |lifetime| {
            latest.of(lifetime, async {
                asked.set(asked.get() + 1);
                tokio::task::yield_now().await;
                asked.get()
            })
        };
        let long = Duration::from_mins(1);
        assert_eq!(tokio::join!(ask(long), ask(long), ask(long)), (1, 1, 1));
        assert_eq!(ask(Duration::ZERO).await, 2);
        // Who gives up leaves nothing behind.
        assert!(ask(Duration::ZERO).now_or_never().is_none());
        assert_eq!(ask(long).await, 2);
        assert_eq!(ask(Duration::ZERO).await, 4);
    }
}
