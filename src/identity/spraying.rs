//! Noticing that passwords are sprayed: one guess for each of many accounts stays below every counter of an account.
//!
//! | counter | of | allows |
//! |---|---|---|
//! | accounts of a network | accounts that failed from an IPv4 address or the /64 of an IPv6 address | 40 in an hour, then its network is blocked as in [`super::throttle`] |
//! | password | accounts that failed with the same password, from wherever | 20 in an hour, then that password is not looked at |
//! | surroundings | accounts that failed from a /24 or a /48 | 100 in an hour, then it is said; a /48 is blocked after 2000, less those that signed in |
//! | everywhere | accounts that failed, less those that signed in | 300 in ten minutes, then it is said |
//!
//! The first one is exact and in the database (`throttle`). The others are in memory; that of a password is in this process's memory
//! only, under a name that nothing outside can compare with a guess. Browsers that are known are not concerned: the people whose
//! accounts are tried still get in.

use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::audit;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::base::limiter::{Key, OWN, Rate};
use crate::model::event::EventKind;
use crate::model::limit::surroundings;

use super::limit;

const SURROUNDINGS: u16 = 257;
const EVERYWHERE: u16 = 258;
/// As [`SURROUNDINGS`], for what is blocked
const TOO_MANY_AROUND: u16 = 260;
const PASSWORD: u16 = OWN;

const OF_SURROUNDINGS: Rate = Rate { limit: 100, window: 3600 };
/// Many people may be there: those of a university, or a carrier's.
const OF_TOO_MANY_AROUND: Rate = Rate { limit: 2000, window: 3600 };
const OF_EVERYWHERE: Rate = Rate { limit: 300, window: 600 };
const OF_PASSWORD: Rate = Rate { limit: 20, window: 3600 };

/// The seconds until this password is looked at again, if it is tried with too many accounts, or anything from around there.
#[must_use]
pub fn blocked_for(app: &App, address: &str, password: &SecretString) -> Option<Seconds> {
    let now = app.clock.now_millis();
    let password = app.limiter.look(of_password(app, password), OF_PASSWORD, now);
    let address = address.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    // Whoever has a /48 has 65,536 networks that are counted each by itself; neighbours in IPv4 have nothing to do with each other.
    let around = address.filter(IpAddr::is_ipv6).map(|address| {
        app.limiter
            .look(key(TOO_MANY_AROUND, surroundings(address)), OF_TOO_MANY_AROUND, now)
    });
    let standings = [Some(password), around].into_iter().flatten();
    standings
        .filter(|standing| standing.remaining == 0)
        .map(|standing| Seconds::from(standing.reset))
        .max()
}

/// An account failed for the first time from where it did, with this password. What has been reached with it is said in the audit log.
///
/// # Errors
/// When the database fails.
pub async fn failed(app: &App, address: &str, password: &SecretString) -> Result<(), Fault> {
    let around = address.parse::<IpAddr>().map(surroundings).unwrap_or_default();
    let counters = [
        ("password", of_password(app, password), OF_PASSWORD),
        ("surroundings", key(SURROUNDINGS, around), OF_SURROUNDINGS),
        ("surroundings", key(TOO_MANY_AROUND, around), OF_TOO_MANY_AROUND),
        ("everywhere", key(EVERYWHERE, [0; 16]), OF_EVERYWHERE),
    ];
    for (scope, key, rate) in counters {
        let standing = app.limiter.take(key, rate, app.clock.now_millis());
        if standing.is_ok_and(|standing| standing.remaining == 0) {
            detected(app, scope).await?;
        }
    }
    Ok(())
}

/// Somebody signed in: most people do.
pub fn succeeded(app: &App, address: &str) {
    let now = app.clock.now_millis();
    app.limiter.give_back(key(EVERYWHERE, [0; 16]), now);
    if let Ok(address) = address.parse::<IpAddr>() {
        app.limiter.give_back(key(TOO_MANY_AROUND, surroundings(address)), now);
    }
}

/// Says that passwords are sprayed.
///
/// # Errors
/// When the database fails.
pub async fn detected(app: &App, scope: &'static str) -> Result<(), Fault> {
    tracing::warn!(
        event = "password_spraying",
        scope,
        address = app.context().address,
        "passwords are tried with many accounts"
    );
    let event = app.event(EventKind::SprayingDetected).refused().target(scope);
    Box::pin(audit::record_seldom(app, event)).await
}

fn of_password(app: &App, password: &SecretString) -> Key {
    key(PASSWORD, limit::name(app, &["password", password.expose_secret()]))
}

fn key(kind: u16, who: [u8; 16]) -> Key {
    Key { kind, who }
}
