//! What people see of a client: its name and its links.

use crate::protocol::issuer::is_loopback;
use crate::protocol::redirect_uri::MAX_LENGTH;

/// Control characters, and marks that turn the direction of writing: they make a name look like another one.
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}' | '\u{ad}' | '\u{34f}' | '\u{3164}' | '\u{2800}' | '\u{e0000}'..='\u{e007f}')
}

/// Links that a person may click, or a picture that their browser loads: `https` only.
pub fn check_link(uri: &str) -> Result<(), String> {
    // The parser drops some of these; what is stored is the text.
    if uri.chars().any(char::is_control) {
        return Err("has control characters".to_owned());
    }
    let url = url::Url::parse(uri).map_err(|error| format!("not a URL ({error})"))?;
    if url.scheme() != "https" && !is_loopback(&url) || !matches!(url.scheme(), "https" | "http") {
        return Err("must be an https URL".to_owned());
    }
    if uri.len() > MAX_LENGTH || url.username() != "" || url.password().is_some() {
        return Err("is too long or carries a user name".to_owned());
    }
    Ok(())
}
