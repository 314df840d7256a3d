//! An access key: with its secret a program of a client signs requests.

use crate::base::clock::Timestamp;

/// What the id of every access key begins with.
pub const ID_PREFIX: &str = "GHAK";
/// What every secret begins with.
pub const SECRET_PREFIX: &str = "ghsk_";
/// The letters of the rest of an id.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// What requests name it by
    pub id: String,
    /// The client that it belongs to
    pub client_id: String,
    /// What it is for
    pub name: String,
    /// Its secret, sealed
    pub sealed_secret: String,
    /// Whether it may add and change agents of its client, and providers
    pub may_administer: bool,
    /// It is worth nothing while this is set
    pub is_disabled: bool,
    /// Grows with every change
    pub version: i64,
    /// When it was made
    pub created_at: Timestamp,
    /// When it was last changed
    pub updated_at: Timestamp,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccessKey({} of {})", self.id, self.client_id)
    }
}

/// The id of a new access key: 20 capital letters and digits, of which 80 bits are random.
#[must_use]
pub fn id_of(random: [u8; 16]) -> String {
    let letters = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    ID_PREFIX.chars().chain(letters).collect()
}
