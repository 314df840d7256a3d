//! How a node ends: whether it has been told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The end of this node. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Ending(Arc<AtomicBool>);

impl Ending {
    /// From now on the node is about to stop.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is about to stop.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
