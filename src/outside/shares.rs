//! How much of what is scarce one asker may have at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Places, of which each asker may have a few at once.
#[derive(Debug)]
pub struct Shares {
    most: usize,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Share {
    asker: String,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

impl Shares {
    /// Each asker may have this many at once.
    #[must_use]
    pub fn of(most: usize) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    /// A place for an asker, if they have not too many.
    #[must_use]
    pub fn take(&self, asker: &str) -> Option<Share> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(asker.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share {
            asker: asker.to_owned(),
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.asker) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.asker);
            }
        }
    }
}
