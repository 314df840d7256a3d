//! Connections that end with the node.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::base::ending::Ending;

/// Time between two looks at whether anything is under way.
pub(super) const INTERVAL: Duration = Duration::from_millis(200);

/// Done when a connection on which nobody asks may be closed, because the node is about to stop. The HTTP library closes those
/// of HTTP/1.1 itself and would wait for those of HTTP/2, which may stay open for as long as they like.
pub(super) struct Leaving(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Leaving {
    pub(super) fn with(ending: Ending) -> Self {
        Self(Box::pin(async move {
            ending.begun().await;
            // Twice: what has just been answered is on its way.
            let mut idle = 0;
            while idle < 2 {
                tokio::time::sleep(INTERVAL).await;
                idle = if ending.is_idle() { idle + 1 } else { 0 };
            }
        }))
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leaving")
    }
}
