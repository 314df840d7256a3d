//! A document that is served as it is.

use super::digest::sha256_text;

/// Its text, and what tells this one from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// What is served
    pub text: String,
    /// Its entity tag (RFC 9110 §8.8.3), in quotation marks
    pub etag: String,
}

impl Document {
    /// The document of this text.
    #[must_use]
    pub fn of(text: String) -> Self {
        let etag = format!("\"{}\"", &sha256_text(&text)[..16]);
        Self { text, etag }
    }
}
