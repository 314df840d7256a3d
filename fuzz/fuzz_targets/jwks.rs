//! See `gatehouse_fuzz::jwks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::jwks(raw));
