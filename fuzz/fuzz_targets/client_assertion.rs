//! See `gatehouse_fuzz::client_assertion`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::client_assertion(raw));
