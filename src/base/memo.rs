//! What was made last, kept for as long as what it was made of is the same.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The last value of `V`, and the parts it was made of.
pub struct Memo<A, B, V>(Mutex<Option<Made<A, B, V>>>);

/// The parts, and what was made of them.
type Made<A, B, V> = (Arc<A>, Arc<B>, Arc<V>);

impl<A, B, V> Default for Memo<A, B, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<A, B, V> fmt::Debug for Memo<A, B, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}

impl<A, B, V> Memo<A, B, V> {
    /// The value for exactly these parts: the one that is kept, or a new one.
    pub fn of(&self, first: &Arc<A>, second: &Arc<B>, make: impl FnOnce() -> V) -> Arc<V> {
        let is_same = |kept: &&Made<A, B, V>| Arc::ptr_eq(&kept.0, first) && Arc::ptr_eq(&kept.1, second);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, value)) = kept.as_ref().filter(is_same) {
            return Arc::clone(value);
        }
        drop(kept);
        let value = Arc::new(make());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(first), Arc::clone(second), Arc::clone(&value)));
        value
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Memo;

    #[test]
    fn is_made_anew_when_a_part_is_another() {
        let (memo, one, other) = (Memo::default(), Arc::new(1), Arc::new(1));
        assert_eq!(*memo.of(&one, &one, || "first"), "first");
        assert_eq!(*memo.of(&one, &one, || "second"), "first");
        assert_eq!(*memo.of(&one, &other, || "third"), "third", "equal is not the same");
    }
}
