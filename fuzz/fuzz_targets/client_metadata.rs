//! See `gatehouse_fuzz::client_metadata`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::client_metadata(raw));
