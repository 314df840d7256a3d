//! A value that cannot be, and the field that it stands in.

/// A field with a value that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Its name in the API
    pub field: &'static str,
    /// What is wrong with it, as a sentence for whoever sent it
    pub message: String,
}

impl Invalid {
    /// `message` about `field`.
    #[must_use]
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            field,
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
