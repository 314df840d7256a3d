//! Cryptography that rests on secrets: what is derived from `APP_SECRET` and kept of those before it, signing keys, keys of the operator's, passwords.

mod aead;
mod argon2id;
pub mod assertion;
pub mod envelope;
pub mod passwords;
pub mod retired;
pub mod ring;
pub mod rotation;
pub mod secrets;
pub mod signing;
