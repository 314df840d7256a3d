//! What was aimed at, beside what was measured.
//!
//! The aims are microseconds of processor time on a machine whose limits were measured with them. On another machine, or
//! on one that is busy, they are taken times what the limits of the same work are there and now.

use crate::floor::Floor;
use crate::limits::Limits;
use crate::support::measure::Row;
use crate::support::say;

/// What work cannot be done without.
#[derive(Clone, Copy, Debug)]
enum Part {
    Handler,
    Form,
    Rsa,
    Es256,
    Ed25519,
    Verify,
}

impl Part {
    /// Where the aims come from, in microseconds.
    fn then(self) -> f64 {
        match self {
            Self::Handler => 10.0,
            Self::Form => 11.0,
            Self::Rsa => 211.0,
            Self::Es256 => 12.0,
            Self::Ed25519 => 6.0,
            Self::Verify => 14.0,
        }
    }

    fn now(self, limits: &Limits, floor: Floor) -> f64 {
        match self {
            Self::Handler => floor.handler,
            Self::Form => floor.form,
            Self::Rsa => limits.rsa,
            Self::Es256 => limits.es256,
            Self::Ed25519 => limits.ed25519,
            Self::Verify => limits.verify,
        }
    }
}

use Part::{Ed25519, Es256, Form, Handler, Rsa, Verify};

/// By the names of the workloads: the aim, and what cannot be saved.
const TARGETS: [(&str, f64, &[Part]); 16] = [
    ("discovery", 14.0, &[Handler]),
    ("JWKS", 14.0, &[Handler]),
    ("client_credentials, RS256", 250.0, &[Form, Rsa]),
    ("client_credentials, ES256", 42.0, &[Form, Es256]),
    ("client_credentials, EdDSA", 35.0, &[Form, Ed25519]),
    ("client_credentials, opaque", 30.0, &[Form]),
    ("introspection, JWT, client's", 48.0, &[Form, Verify]),
    ("introspection, opaque, client's", 48.0, &[Form]),
    ("introspection, JWT, person's", 48.0, &[Form, Verify]),
    ("introspection, opaque, person's", 48.0, &[Form]),
    ("userinfo", 50.0, &[Handler, Verify]),
    // The aim is that of one RSA signature: the ID token's.
    ("refresh, opaque", 340.0, &[Form, Rsa]),
    ("refresh, ES256", 120.0, &[Form, Es256, Es256]),
    ("code + PKCE with session, RS256", 600.0, &[Handler, Form, Rsa, Rsa]),
    ("code + PKCE with session, ES256", 200.0, &[Handler, Form, Es256, Es256]),
    ("code + PKCE with session, opaque", 600.0, &[Handler, Form, Rsa]),
];

/// Concurrency at which the aims hold.
pub const AT_ONCE: usize = 16;
/// Of the rate of Argon2id itself.
const SIGN_INS: f64 = 0.9;
/// Milliseconds to the first answer.
const WARM_START: f64 = 50.0;
const FIRST_START: f64 = 300.0;
/// Megabytes, besides those of Argon2id.
const IDLE: f64 = 15.0;
const PEAK: f64 = 64.0;

fn verdict(measured: f64, aim: f64) -> &'static str {
    if measured <= aim { "reached" } else { "MISSED" }
}

/// The table. Says nothing of what was not measured.
pub fn say_table(rows: &[Row], limits: &Limits, floor: Floor) {
    say(&format!(
        "\n{:34} {:>9} {:>9} {:>9} {:>11} {:>9} {:>11}",
        "processor time, 16 at once", "limit µs", "server µs", "limit ×", "aim µs then", "aim now", "server:aim"
    ));
    let row_of = |what: &str| rows.iter().find(|row| row.what == what && row.at_once == AT_ONCE);
    for (what, aim, parts) in TARGETS {
        let Some(row) = row_of(what) else { continue };
        let (then, now) = parts
            .iter()
            .fold((0.0, 0.0), |(then, now), part| (then + part.then(), now + part.now(limits, floor)));
        let (measured, aim_now) = (row.median(|round| round.servers), aim * now / then);
        say(&format!(
            "{what:34} {now:9.0} {measured:9.0} {:9.2} {aim:11.0} {aim_now:9.0} {:11.2} {}",
            measured / now,
            measured / aim_now,
            verdict(measured, aim_now)
        ));
    }
    if let Some(row) = row_of("password sign-in, whole flow") {
        let (share, effort) = (row.rate() / limits.argon2_rate, row.median(|round| round.servers) / limits.argon2);
        say(&format!(
            "password sign-ins, 16 at once: {share:.2} of the rate of Argon2id itself (aim: {SIGN_INS}): {}; {effort:.2} times its processor time",
            if share >= SIGN_INS { "reached" } else { "MISSED" }
        ));
    }
}

/// Times to the first answer, in milliseconds.
pub fn say_starts(warm: f64, first: f64) {
    say(&format!(
        "start to the first answer: warm {warm:.0} ms (aim: {WARM_START}): {}; first, with making keys {first:.0} ms (aim: {FIRST_START}): {}",
        verdict(warm, WARM_START),
        verdict(first, FIRST_START)
    ));
}

/// Megabytes that are resident, and what Argon2id may have of them.
pub fn say_memory(idle: f64, peak: f64, of_argon2: f64) {
    let aim = PEAK + of_argon2;
    say(&format!(
        "memory: {idle:.1} MB resident when idle (aim: {IDLE}): {}; at most {peak:.1} MB (aim: {PEAK} and {of_argon2:.0} for Argon2id): {}",
        verdict(idle, IDLE),
        verdict(peak, aim)
    ));
}
