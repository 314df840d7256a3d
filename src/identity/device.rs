//! Browsers that signed somebody in before (OWASP: "device cookies").
//!
//! While strangers hammer an account, its owner must still get in. A browser that once signed the
//! owner in carries a sealed cookie that says so, and is counted on its own.

use crate::app::App;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::fault::Fault;

/// How long a browser is remembered, in seconds.
pub const LIFETIME: Seconds = 180 * 86_400;

const CONTEXT: &[u8] = b"device";

/// The cookie for a browser that just signed a user in.
///
/// # Errors
/// When sealing fails.
pub fn remember(app: &App, user_id: &str) -> Result<String, Fault> {
    app.secrets
        .device
        .seal(&app.random, CONTEXT, format!("{} {user_id}", app.now() + LIFETIME).as_bytes())
}

/// Whether a cookie says that this browser signed this user in before.
#[must_use]
pub fn is_known(app: &App, cookie: Option<&str>, user_id: &str) -> bool {
    let Some(plain) = cookie.and_then(|cookie| app.secrets.device.open(CONTEXT, cookie)) else {
        return false;
    };
    let Ok(text) = String::from_utf8(plain) else {
        return false;
    };
    let Some((expires_at, known)) = text.split_once(' ') else {
        return false;
    };
    known == user_id && expires_at.parse::<Timestamp>().is_ok_and(|expires_at| app.now() < expires_at)
}
