//! See `gatehouse_fuzz::client_document`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::client_document(raw));
