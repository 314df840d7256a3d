//! How a node ends: whether it has been told to, and what is still under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The end of this node. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Ending(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    has_begun: AtomicBool,
    beginning: Notify,
    under_way: AtomicUsize,
}

/// Something that is under way, until it is dropped.
#[derive(Debug)]
pub struct UnderWay(Arc<Inner>);

impl Ending {
    /// From now on the node is about to stop.
    pub fn begin(&self) {
        self.0.has_begun.store(true, Ordering::SeqCst);
        self.0.beginning.notify_waiters();
    }

    /// Whether it is about to stop.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.has_begun.load(Ordering::Relaxed)
    }

    /// Waits until it is about to stop.
    pub async fn begun(&self) {
        let beginning = self.0.beginning.notified();
        tokio::pin!(beginning);
        // Whoever looks after this misses nothing.
        beginning.as_mut().enable();
        if !self.has_begun() {
            beginning.await;
        }
    }

    /// Something begins, and is under way until what is returned is dropped.
    #[must_use]
    pub fn enter(&self) -> UnderWay {
        self.0.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(&self.0))
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.0.under_way.load(Ordering::Relaxed) == 0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Ending;

    #[tokio::test]
    async fn whoever_comes_before_or_after_the_beginning_learns_of_it() {
        let ending = Ending::default();
        let early = tokio::spawn({
            let ending = ending.clone();
            async move { ending.begun().await }
        });
        tokio::task::yield_now().await;
        assert!(!ending.has_begun() && !early.is_finished());
        ending.begin();
        early.await.unwrap();
        ending.begun().await;
    }

    #[test]
    fn what_is_under_way_is_counted() {
        let ending = Ending::default();
        let (first, second) = (ending.enter(), ending.enter());
        drop(first);
        assert!(!ending.is_idle());
        drop(second);
        assert!(ending.is_idle());
    }
}
