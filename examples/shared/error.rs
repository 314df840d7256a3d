//! Errors, as they are told to whoever runs an example.

use std::error::Error;
use std::fmt::Write as _;

/// An error with everything that led to it.
pub fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

/// A text without what moves the cursor, speaks to the terminal, or turns the direction of writing: servers write
/// what they like.
pub fn printable(text: &str) -> String {
    let is_harmless =
        |c: &char| !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(is_harmless).collect()
}
