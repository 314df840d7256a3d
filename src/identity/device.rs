//! Browsers that signed somebody in before (OWASP: "device cookies").
//!
//! While strangers hammer an account, its owner must still get in. A browser that once signed the
//! owner in carries a sealed cookie that says so, and is counted on its own.

use crate::app::App;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::digest::sha256_text;
use crate::base::encoding::base64url;
use crate::base::fault::Fault;
use crate::model::user::User;

/// How long a browser is remembered, in seconds.
pub const LIFETIME: Seconds = 180 * 86_400;

const CONTEXT: &[u8] = b"device";

/// The cookie for a browser that just signed a user in: until when, which browser, who, and the
/// password that it was, so that it means nothing once the password has changed.
///
/// # Errors
/// When sealing fails.
pub fn remember(app: &App, user: &User) -> Result<String, Fault> {
    let id = base64url(&app.random.bytes::<12>());
    let plain = format!("{} {id} {} {}", app.now() + LIFETIME, user.id, password_mark(user));
    app.secrets.device.seal(&app.random, CONTEXT, plain.as_bytes())
}

/// The name of this browser, if it signed this user in before with the password that is in force.
#[must_use]
pub fn recognize(app: &App, cookie: Option<&str>, user: &User) -> Option<String> {
    let plain = app.secrets.device.open(CONTEXT, cookie?)?;
    let text = String::from_utf8(plain).ok()?;
    let mut parts = text.split(' ');
    let (expires_at, id, known, mark) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_fresh = expires_at.parse::<Timestamp>().is_ok_and(|expires_at| app.now() < expires_at);
    (is_fresh && known == user.id && mark == password_mark(user)).then(|| id.to_owned())
}

fn password_mark(user: &User) -> String {
    sha256_text(user.password_hash.as_deref().unwrap_or_default())
        .chars()
        .take(16)
        .collect()
}
