//! Cryptography that rests on secrets: what is derived from `APP_SECRET`, signing keys, passwords.

pub mod envelope;
pub mod passwords;
pub mod ring;
pub mod rotation;
pub mod secrets;
pub mod signing;
