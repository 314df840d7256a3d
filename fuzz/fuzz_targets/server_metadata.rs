//! See `gatehouse_fuzz::server_metadata`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::server_metadata(raw));
