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
