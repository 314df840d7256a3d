//! What a client of an older revision of MCP said it can, and says only once: it comes back with each request as the id of
//! its session. The server keeps nothing for that. A ticket is good for the person and the client that it was made for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use openidconnect::CsrfToken;

use super::questions::Asker;

/// How long one is good.
const LIFETIME: Duration = Duration::from_hours(12);

/// Makes tickets, and knows its own.
pub struct Tickets(Key);

impl Tickets {
    /// With a new key, so a client begins anew when the server does.
    pub fn new() -> Self {
        let secret = CsrfToken::new_random_len(32).into_secret();
        Self(Key::new(HMAC_SHA256, secret.as_bytes()))
    }

    /// A ticket of a client that can have people open links, or cannot.
    pub fn issue(&self, asker: &Asker, can_open_links: bool) -> String {
        let content = format!("{}.{}", u8::from(can_open_links), now() + LIFETIME.as_secs());
        let seal = sign(&self.0, &sealed(&content, asker));
        format!("{content}.{}", BASE64_URL_SAFE_NO_PAD.encode(seal))
    }

    /// Whether the client of a ticket can have people open links; `None` when it is no ticket of theirs, or an old one.
    pub fn open(&self, asker: &Asker, ticket: &str) -> Option<bool> {
        let (content, seal) = ticket.rsplit_once('.')?;
        let seal = BASE64_URL_SAFE_NO_PAD.decode(seal).ok()?;
        verify(&self.0, &sealed(content, asker), &seal).ok()?;
        let (can_open_links, until) = content.split_once('.')?;
        let is_good = now() < until.parse().ok()?;
        is_good.then_some(can_open_links == "1")
    }
}

/// What is sealed: no two contents and askers are the same bytes.
fn sealed(content: &str, (person, client): &Asker) -> Vec<u8> {
    [content, person, client]
        .iter()
        .flat_map(|part| [&(part.len() as u64).to_be_bytes()[..], part.as_bytes()].concat())
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "an example has no clock of its own")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
