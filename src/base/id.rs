//! Identifiers of rows: 128 bits that grow with time (RFC 9562 §5.7, UUID version 7).
//!
//! Rows that are written in volume are inserted at the end of their index instead of at a random
//! leaf, which is what keeps commits cheap in a large table.

use uuid::Uuid;

use super::clock::Clock;
use super::random::Random;

/// A new identifier, as 32 lowercase hexadecimal digits.
#[must_use]
pub fn new_id(clock: &Clock, random: &Random) -> String {
    uuid::Builder::from_unix_timestamp_millis(clock.now_millis(), &random.bytes())
        .into_uuid()
        .simple()
        .to_string()
}

/// The 16 bytes of an identifier, for tokens that carry one; `None` when it is not one of ours.
#[must_use]
pub fn id_bytes(id: &str) -> Option<[u8; 16]> {
    (id.len() == 32).then(|| Uuid::try_parse(id).ok()).flatten().map(Uuid::into_bytes)
}

/// The identifier that [`id_bytes`] was taken from.
#[must_use]
pub fn id_from_bytes(bytes: [u8; 16]) -> String {
    Uuid::from_bytes(bytes).simple().to_string()
}
