//! Which request is being worked on, for the lines of the log, and how much of it is settled.
//!
//! Lines are written on every floor, by libraries, too, and nobody hands an id to all of these. So it goes with the task: what
//! runs inside [`within`] belongs to the request. One thing is decided by it: a request of which something is settled, because it
//! was committed or somebody elsewhere was asked, is not begun again when the database undoes what comes after it.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

tokio::task_local! {
    static CURRENT: Arc<Request>;
}

/// A request, by its names.
#[derive(Debug, Default)]
pub struct Request {
    /// `X-Request-Id`
    pub id: String,
    /// The trace that it is a part of, in hexadecimal, if it is traced
    pub trace: Option<String>,
    /// Whether somebody will ask for [`Self::client`]
    pub wants_client: bool,
    client: OnceLock<String>,
    settled: AtomicU32,
}

impl Request {
    /// A request with these names.
    #[must_use]
    pub fn new(id: String, trace: Option<String>, wants_client: bool) -> Self {
        Self {
            id,
            trace,
            wants_client,
            client: OnceLock::new(),
            settled: AtomicU32::new(0),
        }
    }

    /// The client that has proved who it is in this request.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.get().map(String::as_str)
    }
}

/// Does some work that belongs to a request.
pub async fn within<T>(request: Arc<Request>, work: impl Future<Output = T>) -> T {
    CURRENT.scope(request, work).await
}

/// Work that may be done by another task, and belongs to the same request.
pub fn carried<T>(work: impl Future<Output = T> + Send) -> impl Future<Output = T> + Send {
    let request = CURRENT.try_with(Arc::clone).ok();
    async move {
        match request {
            Some(request) => within(request, work).await,
            None => work.await,
        }
    }
}

/// Looks at the request that is being worked on, if one is.
pub fn current<T>(look: impl FnOnce(&Request) -> T) -> Option<T> {
    CURRENT.try_with(|request| look(request)).ok()
}

/// A client has proved who it is.
pub fn note_client(id: &str) {
    current(|request| {
        if request.wants_client {
            let _ = request.client.set(id.to_owned());
        }
    });
}

/// Something of the request is done that must not be done twice, and that nothing takes back.
pub fn note_settled() {
    current(|request| request.settled.fetch_add(1, Ordering::Relaxed));
}

/// How much of the request that is: whoever begins something again looks whether this is still what it was before. `None` where it is
/// not known, because no request is being worked on.
#[must_use]
pub fn settled() -> Option<u32> {
    current(|request| request.settled.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Request, carried, current, note_client, note_settled, settled, within};

    #[tokio::test]
    async fn work_belongs_to_its_request() {
        let request = Arc::new(Request::new("one".to_owned(), None, true));
        let other = Arc::new(Request::new("two".to_owned(), None, false));
        let id = || current(|request| request.id.clone());
        assert_eq!(id(), None);
        within(Arc::clone(&request), async {
            tokio::task::yield_now().await;
            assert_eq!(id().as_deref(), Some("one"));
            note_client("app");
        })
        .await;
        within(Arc::clone(&other), async { note_client("app") }).await;
        let elsewhere = within(Arc::clone(&other), async { tokio::spawn(carried(async move { id() })).await });
        assert_eq!(elsewhere.await.unwrap().as_deref(), Some("two"));
        assert_eq!(tokio::spawn(carried(async move { id() })).await.unwrap(), None);
        assert_eq!(id(), None);
        assert_eq!((request.client(), other.client()), (Some("app"), None));
    }

    #[tokio::test]
    async fn what_is_settled_is_counted_for_its_request_and_no_other() {
        let request = Arc::new(Request::new("one".to_owned(), None, false));
        let other = Arc::new(Request::new("two".to_owned(), None, false));
        note_settled();
        assert_eq!(settled(), None, "nobody's");
        within(Arc::clone(&request), async {
            assert_eq!(settled(), Some(0));
            note_settled();
            assert_eq!(settled(), Some(1));
            tokio::spawn(carried(async { note_settled() })).await.unwrap();
            assert_eq!(settled(), Some(2), "another task that works for it");
            tokio::spawn(async { note_settled() }).await.unwrap();
            assert_eq!(settled(), Some(2), "another task that does not");
        })
        .await;
        assert_eq!(within(other, async { settled() }).await, Some(0));
        assert_eq!(within(request, async { settled() }).await, Some(2));
    }
}
