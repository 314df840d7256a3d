//! How a node ends: whether it has been told to, or has to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The end of this node. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Ending(Arc<AtomicBool>);

impl Ending {
    /// From now on the node is about to stop, or has to.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
