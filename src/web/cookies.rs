//! The five cookies: who is signed in, which browser this is, that it signed somebody in before, that
//! somebody signed in with the admin token, and what the playground of the administration has begun.
//!
//! Under https they carry the `__Host-` prefix (RFC 6265bis §4.1.3.2): no subdomain and no
//! unencrypted page can set them.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

use crate::app::App;
use crate::identity::device;

use super::call::Call;

const SESSION: [&str; 2] = ["gatehouse_session", "__Host-gatehouse_session"];
const BROWSER: [&str; 2] = ["gatehouse_browser", "__Host-gatehouse_browser"];
const DEVICE: [&str; 2] = ["gatehouse_device", "__Host-gatehouse_device"];
const ADMIN: [&str; 2] = ["gatehouse_admin", "__Host-gatehouse_admin"];
const PLAYGROUND: [&str; 2] = ["gatehouse_playground", "__Host-gatehouse_playground"];

fn name(app: &App, names: [&'static str; 2]) -> &'static str {
    names[usize::from(app.issuer.is_https())]
}

fn read(call: &Call, names: [&'static str; 2]) -> Option<String> {
    call.http.cookie(name(&call.app, names)).map(|cookie| cookie.value().to_owned())
}

fn write(app: &App, names: [&'static str; 2], value: String, max_age: Option<i64>) -> Cookie<'static> {
    let mut cookie = Cookie::build(name(app, names), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app.issuer.is_https())
        .finish();
    if let Some(seconds) = max_age {
        cookie.set_max_age(Duration::seconds(seconds));
    }
    cookie
}

/// The session's cookie.
#[must_use]
pub fn session(call: &Call) -> Option<String> {
    read(call, SESSION)
}

/// Sets the session's cookie for as long as the session can last.
#[must_use]
pub fn set_session(app: &App, value: String) -> Cookie<'static> {
    write(app, SESSION, value, Some(app.lifetimes().session))
}

/// The cookie of a session that the admin token began.
#[must_use]
pub fn admin(call: &Call) -> Option<String> {
    read(call, ADMIN)
}

/// Sets that cookie until the browser is closed; the session itself ends by the clock.
#[must_use]
pub fn set_admin(app: &App, value: String) -> Cookie<'static> {
    write(app, ADMIN, value, None)
}

/// Removes that cookie.
#[must_use]
pub fn clear_admin(app: &App) -> Cookie<'static> {
    write(app, ADMIN, String::new(), Some(0))
}

/// Removes the session's cookie.
#[must_use]
pub fn clear_session(app: &App) -> Cookie<'static> {
    write(app, SESSION, String::new(), Some(0))
}

/// The browser's random value.
#[must_use]
pub fn browser(call: &Call) -> Option<String> {
    read(call, BROWSER)
}

/// Sets the browser's random value, until the browser closes.
#[must_use]
pub fn set_browser(app: &App, value: String) -> Cookie<'static> {
    write(app, BROWSER, value, None)
}

/// The proof that this browser signed somebody in before.
#[must_use]
pub fn known_device(call: &Call) -> Option<String> {
    read(call, DEVICE)
}

/// Sets that proof.
#[must_use]
pub fn set_device(app: &App, value: String) -> Cookie<'static> {
    write(app, DEVICE, value, Some(device::LIFETIME))
}

/// What the playground has begun, sealed.
#[must_use]
pub fn playground(call: &Call) -> Option<String> {
    read(call, PLAYGROUND)
}

/// Sets that for some seconds.
#[must_use]
pub fn set_playground(app: &App, value: String, max_age: i64) -> Cookie<'static> {
    write(app, PLAYGROUND, value, Some(max_age))
}

/// Removes it.
#[must_use]
pub fn clear_playground(app: &App) -> Cookie<'static> {
    write(app, PLAYGROUND, String::new(), Some(0))
}
